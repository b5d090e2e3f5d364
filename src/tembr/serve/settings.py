"""What a service may be asked for, and how much of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tembr.recognize.batch import cores

LOCAL = ("127.0.0.1", "::1", "localhost")
"""Names of this machine."""

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Limits(BaseModel):
    """How much one service takes on; beyond that it refuses with 413, 429 or 503 and says when to come back.

    Attributes:
        max_bytes: of a request's body.
        max_seconds: of a recording; none is answered further.
        max_files: of an enrolment.
        max_requests: under way at once, waiting ones too.
        max_requests_per_client: the same of one client, which is a key, or an address where there are no keys.
        max_streams: at once, those that may still be resumed too.
        timeout: seconds from a request's first byte to its answer.
        session_seconds: a stream lives after its socket.
        idle_seconds: without a message, after which a stream is given up.
        ping_seconds: between signs of life of a socket, and for its answer: half-open ones are found so.
        send_seconds: within which a client takes an event, before its socket is given up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(64 << 20, ge=1_000)
    max_seconds: Seconds = 600.0
    max_files: int = Field(200, ge=1)
    max_requests: int = Field(32, ge=1)
    max_requests_per_client: int = Field(16, ge=1)
    max_streams: int = Field(32, ge=0)
    timeout: Seconds = 60.0
    session_seconds: float = Field(60.0, ge=0, allow_inf_nan=False)
    idle_seconds: Seconds = 60.0
    ping_seconds: Seconds = 20.0
    send_seconds: Seconds = 10.0


class ServiceSettings(BaseModel):
    """Settings of a service.

    Attributes:
        host, port: where it listens.
        threads: recordings heard at once; by default one for each core.
        keys: SHA-256 of the API keys that are let in, hexadecimal; none lets anybody in.
        hosts: names by which it is reached, beside those of this machine where it listens there alone; pages of these
            may ask, too.
        proxy: address of the proxy whose word is taken for who asks (X-Forwarded-For); '' takes nobody's.
        limits: how much it takes on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65_535)
    threads: int = Field(default_factory=cores, ge=1)
    keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    proxy: str = ""
    limits: Limits = Limits()
