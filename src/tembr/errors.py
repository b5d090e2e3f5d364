"""What can go wrong, said to the person at the keyboard: what, with which file, and what to do."""

from __future__ import annotations


class TembrError(Exception):
    """Base of every error this package raises on purpose; its text is one line and ends with advice."""

    def __init__(self, message: str):
        super().__init__(" ".join(str(message).split()))


def first_line(error: BaseException, longest: int = 160) -> str:
    """The first line of what another library's error says, its type where that is nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:longest]


class AudioError(TembrError):
    """A recording could not be read or holds nothing usable."""


class CorpusError(TembrError):
    """A corpus is missing, malformed, or too small for what was asked of it."""


class ConfigError(TembrError):
    """A setting is unknown, ill-typed or out of range."""


class MissingExtraError(TembrError, ImportError):
    """Something is asked for that this installation lacks the packages of."""


class StoreError(TembrError):
    """The cache or a result could not be written or read back."""
