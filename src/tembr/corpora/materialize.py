"""Recordings that come inside another container, laid out once as files in the cache."""

from __future__ import annotations

from pathlib import Path

from tembr.errors import CorpusError


def plain_name(name: str, source: str | Path) -> str:
    """`name` if it names a file within one folder and nothing else.

    Raises:
        CorpusError: empty, or with a path separator, a drive, `..` or a NUL; such a name from a table of
            someone else could reach any file.
    """
    text = str(name).strip()
    if text in {"", ".", ".."} or any(c in text for c in "/\\:\0"):
        raise CorpusError(f"{source}: file name {text!r} is not a plain name; correct it in the table")
    return text
