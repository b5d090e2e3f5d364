"""What a service answers, as it stands in its OpenAPI description."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from tembr.emotions import POLISH

EXAMPLE = {
    "start": 0.0,
    "end": 2.31,
    "label": "anger",
    "polish": POLISH["anger"],
    "confidence": 0.71,
    "likeliest": "anger",
    "probabilities": {
        "anger": 0.71, "fear": 0.11, "happiness": 0.08, "sadness": 0.03, "surprised": 0.05, "neutral": 0.02,
    },
    "warnings": [],
}  # fmt: skip


class Answer(BaseModel):
    """The emotion of a recording, or of a part of it."""

    channel: Annotated[int | None, Field(None, description="Of which channel, from 1; only where one was asked for.")]
    start: Annotated[float, Field(description="Seconds.")]
    end: Annotated[float, Field(description="Seconds.")]
    label: Annotated[str | None, Field(description="The emotion; `uncertain`; null where nothing can be told.")]
    polish: str | None
    confidence: Annotated[float, Field(description="Probability of `likeliest`.")]
    likeliest: str | None
    probabilities: dict[str, float]
    possible: Annotated[list[str] | None, Field(None, description="Emotions that a coverage does not exclude.")]
    warnings: Annotated[list[str], Field(description="What speaks against it, each as `code: sentence`.")]

    model_config = {"json_schema_extra": {"examples": [EXAMPLE]}}


class Answered(BaseModel):
    """Which bundle answered."""

    bundle: Annotated[str, Field(examples=["tembr default"])]
    version: Annotated[str, Field(examples=["3.3.0"])]


class Answers(Answered):
    """An answer for the recording, or one for each channel."""

    answers: list[Answer]


class Segments(Answered):
    """The emotions along a recording."""

    duration: Annotated[float, Field(description="Seconds of the recording.")]
    segments: list[Answer]


class Enrolment(Answered):
    """A speaker learnt from recordings; the service keeps nothing of it."""

    speaker: Annotated[dict[str, Any], Field(description="Send it as the part `speaker`, or in a stream's start.")]
    recordings: Annotated[int, Field(description="How many could be used.")]
    warnings: list[str]


class Model(Answered):
    """What answers here, and how much is taken on."""

    labels: list[str]
    polish: dict[str, str]
    sample_rate: Annotated[int, Field(description="Hz.")]
    window: Annotated[float, Field(description="Seconds that are heard at once at most.")]
    licence: str
    adapts: Annotated[bool, Field(description="Whether it can adapt to a speaker.")]
    variant: str
    provider: Annotated[str, Field(description="Execution provider of ONNX Runtime.")]
    limits: dict[str, float]
    tembr: str


class Problem(BaseModel):
    """What was wrong and what to do."""

    code: Annotated[str, Field(examples=["too_large"])]
    message: str


class Problems(BaseModel):
    """The body of every answer that is none."""

    error: Problem


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Descriptions of the refusals of a route."""
    return {status: {"model": Problems, "description": SAID[status]} for status in sorted({*statuses, 401, 403, 500})}


SAID = {
    400: "What was asked for cannot be: an argument, a form, something this bundle cannot do.",
    401: "An API key is needed.",
    403: "Asked by a page of another origin.",
    408: "The body came too slowly.",
    413: "Too many bytes or seconds.",
    422: "The recording or the speaker file cannot be used, or an argument is not what it may be.",
    429: "Too many requests of one client; see Retry-After.",
    500: "A fault of the service.",
    503: "Busy or stopping; see Retry-After.",
}
