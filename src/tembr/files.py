"""Writing a file whole or not at all, and where what can be computed again is kept."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import platformdirs

from tembr.errors import StoreError

ADVICE = {
    errno.ENOSPC: "free some disk space or choose another folder",
    errno.EDQUOT: "free some of your disk quota or choose another folder",
    errno.EACCES: "check the permissions of the folder or choose another one",
    errno.EPERM: "check the permissions of the folder or choose another one",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another folder",
    errno.EISDIR: "a folder of this name is in the way; move it or choose another one",
}


def cache_root() -> Path:
    """Folder of all that can be computed again: `$TEMBR_CACHE`, else the user's cache folder."""
    return Path(os.environ.get("TEMBR_CACHE") or platformdirs.user_cache_dir("tembr"))


@contextmanager
def atomic_write(path: str | os.PathLike, *, flush: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; put it in `path`'s place only if the block succeeds.

    The temporary file lies in the same folder (made if absent), is hidden, and keeps `path`'s suffix, so that
    libraries which infer a format from it do so; of a long name it keeps no more than fits. On success it is flushed
    to the disk and renamed; on any failure it is removed and an older `path` stays as it was. `flush=False` leaves the
    flushing to the system: for what is checked when it is read, and can be made again.

    >>> with atomic_write("history.csv") as temporary:      # doctest: +SKIP
    ...     temporary.write_text("epoch,loss\\n")

    Raises:
        StoreError: an `OSError` (disk full, no permission) inside the block or in the renaming.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    temporary = target.with_name(f".{target.stem[:40]}.{uuid4().hex[:12]}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if flush:
            _flush(temporary)
        os.replace(temporary, target)
    except OSError as error:
        raise StoreError(_explain(target, error)) from error
    finally:
        _discard(temporary)


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write a file that can be made again, whole or not at all; raises StoreError as `atomic_write` does."""
    with atomic_write(path, flush=False) as temporary:
        temporary.write_bytes(content)


def json_bytes(content) -> bytes:
    """JSON as it is written everywhere here: indented by one, letters as they are, UTF-8."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def digest(*parts: bytes) -> str:
    """Hexadecimal BLAKE2b-160 of `parts` joined."""
    hasher = hashlib.blake2b(digest_size=20)
    for part in parts:
        hasher.update(part)
    return hasher.hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:  # Windows can only flush a file opened for writing
        os.fsync(file.fileno())


def _discard(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the error that brought us here is the one to hear of
        pass


def _explain(path: Path, error: OSError) -> str:
    advice = ADVICE.get(error.errno, "check that the folder exists and can be written to")
    return f"cannot write {path}: {error.strerror or error}; {advice}."
