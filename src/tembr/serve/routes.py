"""The routes of a service that take recordings; thin: a form in, what the recognizer says out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator

from tembr import __version__
from tembr.arguments import RULES
from tembr.emotions import POLISH
from tembr.recognize.prediction import Prediction
from tembr.serve.bodies import Body, read_body
from tembr.serve.schemas import Answers, Enrolment, Model, Segments, problems
from tembr.serve.service import Service, client, service_of


def _channel(value: str) -> str | int:
    channel = int(value) if value.isascii() and value.isdecimal() and len(value) < 4 else value
    if not RULES["channel"].fits(channel):
        raise ValueError(f"give {RULES['channel'].wanted}")
    return channel


Channel = Annotated[
    str, Query(description="`mix`, `left`, `right`, a number from 1, or `each` for all by themselves."),
    AfterValidator(_channel),
]  # fmt: skip
Confidence = Annotated[float, Query(ge=0, le=1, description="Probability below which the label is `uncertain`.")]
Known = Annotated[Service, Depends(service_of)]
Client = Annotated[str, Depends(client)]

_SPEAKER = {"type": "string", "description": "A speaker file, as `/v1/enrolments` gives it (JSON)."}
_BINARY = {"type": "string", "format": "binary"}


async def known_parameters(request: Request) -> None:
    """Refuse parameters that the route does not have, and one given twice: a misspelt one would change nothing.

    Raises:
        RequestValidationError: says which.
    """
    names = {one.alias for one in request.scope["route"].dependant.query_params}
    given = [name for name, _ in request.query_params.multi_items()]
    wrong = [(name, "unknown parameter") for name in given if name not in names]
    wrong += [(name, "given more than once") for name in names if given.count(name) > 1]
    if wrong:
        raise RequestValidationError([{"loc": ("query", name), "msg": said, "type": "extra"} for name, said in wrong])


router = APIRouter(prefix="/v1", dependencies=[Depends(known_parameters)])


def _takes(part: str, schema: dict, also: dict) -> dict[str, Any]:
    form = {"type": "object", "required": [part], "properties": {part: schema, **also}}
    content = {"multipart/form-data": {"schema": form}, "application/octet-stream": {"schema": _BINARY}}
    return {"requestBody": {"required": True, "content": content}}


RECORDING = _takes("file", _BINARY, {"speaker": _SPEAKER})
REFUSED = problems(400, 408, 413, 422, 429, 503)


@router.post("/predict", openapi_extra=RECORDING, responses=REFUSED, response_model_exclude_unset=True)
async def predict(
    request: Request,
    service: Known,
    client: Client,
    start: Annotated[float, Query(ge=0, le=1e6, description="Seconds from which it is heard.")] = 0.0,
    end: Annotated[float | None, Query(ge=0, le=1e6, description="Seconds up to which it is heard.")] = None,
    check_speech: Annotated[bool, Query(description="No answer where nobody speaks.")] = True,
    min_confidence: Confidence = 0.0,
    coverage: Annotated[
        float | None,
        Query(ge=0.5, le=0.99, description="Also the emotions that cannot be excluded, in this share of recordings."),
    ] = None,
    channel: Channel = "mix",
) -> Answers:
    """The emotion of a whole recording."""
    options = {"start": start, "end": end, "check_speech": check_speech, "min_confidence": min_confidence}
    with service.admission.enter(client):
        body = await read_body(request, service.limits, "file")
        found = await service.executor.predict(body, **options, coverage=coverage, channel=channel)
    service.metrics.audio.labels("/v1/predict").inc(sum(answer.end - answer.start for answer in found))
    return Answers(**service.name, answers=[_plain(answer) for answer in found])


@router.post("/segments", openapi_extra=RECORDING, responses=REFUSED, response_model_exclude_unset=True)
async def segments(
    request: Request,
    service: Known,
    client: Client,
    hop: Annotated[float, Query(ge=0.1, le=600, description="Seconds from one window to the next.")] = 1.0,
    window: Annotated[float, Query(ge=0.5, le=30, description="Seconds heard at once.")] = 3.0,
    smoothing: Annotated[float, Query(ge=0, le=1e3, description="Price of a change of emotion, in nats.")] = 1.0,
    speech_only: Annotated[bool, Query(description="Hear only where somebody speaks.")] = True,
    min_confidence: Confidence = 0.0,
    channel: Channel = "mix",
) -> Segments:
    """The emotions along a recording, with times."""
    options = {"hop": hop, "window": window, "smoothing": smoothing, "speech_only": speech_only, "channel": channel}
    with service.admission.enter(client):
        body = await read_body(request, service.limits, "file")
        seconds, found = await service.executor.segments(body, **options, min_confidence=min_confidence)
    service.metrics.audio.labels("/v1/segments").inc(seconds)
    return Segments(**service.name, duration=seconds, segments=[_plain(answer) for answer in found])


@router.post(
    "/enrolments",
    openapi_extra=_takes("files", {"type": "array", "items": _BINARY}, {"name": {"type": "string"}}),
    responses=REFUSED,
)
async def enrol(request: Request, service: Known, client: Client) -> Enrolment:
    """Learn a speaker from recordings of theirs, unlabelled, of several emotions; nothing of them is kept."""
    service.executor.recognizer.network.require_adaptable()
    with service.admission.enter(client):
        body: Body = await read_body(request, service.limits, "files")
        speaker, warnings = await service.executor.enrol(body)
    return Enrolment(**service.name, speaker=speaker.as_dict(), recordings=speaker.recordings, warnings=warnings)


@router.get("/model", responses=problems())
async def model(service: Known, client: Client) -> Model:
    """What answers here, and how much is taken on."""
    network, facts = service.executor.recognizer.network, service.executor.recognizer.facts
    return Model(
        **service.name,
        labels=list(facts.labels),
        polish={label: POLISH.get(label, label) for label in facts.labels},
        sample_rate=facts.sample_rate,
        window=facts.window,
        licence=facts.licence,
        adapts=bool(facts.adaptation),
        variant=network.variant,
        provider=network.provider,
        limits=service.limits.model_dump(include={"max_bytes", "max_seconds", "max_files", "max_streams"}),
        tembr=__version__,
    )


def _plain(answer: Prediction) -> dict:
    content = answer.as_dict()
    del content["file"]
    return content
