"""Recordings that come inside another container, laid out once as files in the cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

from tembr.errors import CorpusError


def cache_root() -> Path:
    """Folder for everything that can be made again: `TEMBR_CACHE`, or the user's cache folder."""
    named = os.environ.get("TEMBR_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("tembr"))


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


def write_file(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name in the same folder, then rename: never a half file.

    Raises:
        CorpusError: the disk is full or the folder not writable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(partial, path)
        except BaseException:
            os.unlink(partial)
            raise
    except OSError as error:
        reason = error.strerror or error
        raise CorpusError(
            f"{path}: could not be written ({reason}); free space or set TEMBR_CACHE"
        ) from error
