"""One process at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tembr.errors import StoreError
from tembr.outputs import LOCK


@contextmanager
def only_process(folder: str | Path) -> Iterator[None]:
    """Hold `folder` (made if absent) while the block runs; the system lets go of it when a process dies.

    Raises:
        StoreError: another process works there, or the folder cannot be written.
    """
    lock = Path(folder) / LOCK
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock).acquire(blocking=False)
    except Timeout as error:
        raise StoreError(f"{folder}: another process is working there; wait for it or choose another --out") from error
    except OSError as error:
        raise StoreError(f"cannot write {lock}: {error.strerror or error}; choose another --out") from error
    with held:
        yield
