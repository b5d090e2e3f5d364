"""Messages of a socket: what a client may say first, and how samples are encoded."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tembr.arguments import RATES
from tembr.recognize.speaker import Speaker
from tembr.serve.errors import Refusal

LARGEST_MESSAGE = 1 << 20  # bytes

OVERLAPPING = 30
"""Windows of a stream that any moment may lie in."""


class Message(BaseModel):
    """A message of a client."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Start(Message):
    """Begins a stream.

    Attributes:
        sample_rate: Hz of the samples to come.
        encoding: signed 16 bit or 32-bit float, both little endian, or G.711 mu-law.
        channels: interleaved in each message, averaged before they are heard.
        hop, lag, smoothing, window, min_confidence, speech_only: as of `Recognizer.stream`.
        speaker: what `/v1/enrolments` gave.
        key: an API key, where the header cannot be set.
    """

    type: Literal["start"]
    sample_rate: Annotated[int, Field(ge=RATES[0], le=RATES[-1])]
    encoding: Literal["s16le", "f32le", "mulaw"] = "s16le"
    channels: Annotated[int, Field(ge=1, le=8)] = 1
    hop: Annotated[float, Field(ge=0.1, le=600)] = 0.5
    lag: Annotated[float, Field(ge=0, le=600)] = 3.0
    smoothing: Annotated[float, Field(ge=0, le=1e3)] = 1.0
    window: Annotated[float, Field(ge=0.5, le=30)] = 3.0
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.0
    speech_only: bool = True
    speaker: dict[str, Any] | None = None
    key: str = ""

    @model_validator(mode="after")
    def _hears_no_moment_too_often(self) -> Start:
        if self.window / self.hop > OVERLAPPING + 1e-9:
            raise ValueError(f"a window is at most {OVERLAPPING} times the hop here; take a larger hop")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `Recognizer.stream`."""
        return self.model_dump(exclude={"type", "encoding", "channels", "speaker", "key"})

    @property
    def enrolled(self) -> Speaker | None:
        """The speaker; raises SpeakerError where it is none."""
        return None if self.speaker is None else Speaker.parse(json.dumps(self.speaker).encode(), "speaker")

    @property
    def decode(self) -> Callable[[bytes], np.ndarray]:
        """Bytes of a message → samples `(samples, channels)`."""
        return partial(decoded, self.encoding, self.channels)


class Resume(Message):
    """Goes on with a stream after its socket was lost.

    Attributes:
        session: what the server called it.
        received: number of the last event that came.
        key: as of `Start`.
    """

    type: Literal["resume"]
    session: Annotated[str, Field(max_length=100)]
    received: Annotated[int, Field(ge=0)] = 0
    key: str = ""


class Finish(Message):
    """No samples are to come."""

    type: Literal["finish"]


class Ping(Message):
    """Asks whether anybody is there."""

    type: Literal["ping"]


_FIRST = TypeAdapter(Annotated[Start | Resume, Field(discriminator="type")])
_LATER = TypeAdapter(Annotated[Finish | Ping, Field(discriminator="type")])


def first(text: str) -> Start | Resume:
    """What a client says first; raises Refusal."""
    return _read(_FIRST, text, "start or resume")


def later(text: str) -> Finish | Ping:
    """What it says between its samples; raises Refusal."""
    return _read(_LATER, text, "finish or ping")


def _read(adapter: TypeAdapter, text: str, wanted: str):
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        worst = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, worst["loc"])) or "JSON"
        why = worst["msg"].removeprefix("Value error, ")[:200]
        raise Refusal(400, "protocol", f"not a message {wanted}: {where}: {why}") from error


_TYPES = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4"), "mulaw": np.dtype("u1")}


def decoded(encoding: str, channels: int, content: bytes) -> np.ndarray:
    """Samples `(samples, channels)` of a message.

    Raises:
        Refusal: it does not hold whole samples of all channels.
    """
    kind = _TYPES[encoding]
    if len(content) % (kind.itemsize * channels):
        raise Refusal(400, "protocol", f"{len(content)} bytes are no whole samples of {channels} × {encoding}")
    samples = np.frombuffer(content, kind).reshape(-1, channels)
    return _MU_LAW[samples] if encoding == "mulaw" else samples.astype(kind.newbyteorder("="), copy=False)


def _mu_law() -> np.ndarray:
    """Value of each code, `(256,)` float32 in [-1, 1] (ITU-T G.711)."""
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = ((mantissa.astype(np.int32) << 3) + 132 << exponent) - 132
    return (np.where(code & 128, -magnitude, magnitude) / 32_768).astype(np.float32)


_MU_LAW = _mu_law()
