"""What goes wrong in a service, as an HTTP status, a code for programs and a line for people."""

from __future__ import annotations

from tembr.bundle import BundleError
from tembr.errors import AudioError, ConfigError, TembrError
from tembr.recognize.speaker import SpeakerError


class Refusal(TembrError):
    """A request that is not answered.

    Attributes:
        status: HTTP's.
        code: for programs.
        retry_after: seconds after which to ask again; None where that would not help.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None):
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer."""
        found = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        return found | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


KINDS = ((AudioError, 422, "audio"), (SpeakerError, 422, "speaker"), (ConfigError, 400, "argument"))


def refusal_of(error: TembrError) -> Refusal:
    """The refusal that an error of the recognizer comes to."""
    if isinstance(error, Refusal):
        return error
    for kind, status, code in KINDS:
        if isinstance(error, kind):
            return Refusal(status, code, str(error))
    return Refusal(400 if isinstance(error, BundleError) else 500, "bundle", str(error))


def content(error: Refusal) -> dict:
    """The body of the answer."""
    return {"error": {"code": error.code, "message": str(error)}}
