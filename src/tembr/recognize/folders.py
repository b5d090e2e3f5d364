"""Which recordings are meant by the paths on a command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from tembr.audio import EXTENSIONS
from tembr.errors import AudioError


def recordings(paths: Sequence[str], recursive: bool, failed: Callable[[str, AudioError], None]) -> Iterator[str]:
    """Files as they are named; of folders, the recordings in them, sorted, hidden ones left out.

    Args:
        recursive: also those in folders of folders; links to folders are not followed.
        failed: told of every folder that cannot be read or holds no recording.
    """
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        if not _readable(path, failed):
            continue
        found = False
        for file in _below(path, recursive, failed):
            found = True
            yield file
        if not found:
            kinds = ", ".join(EXTENSIONS)
            failed(path, AudioError(f"{path}: no recordings in this folder; looked for {kinds}"))


def _below(folder: str, recursive: bool, failed: Callable[[str, AudioError], None]) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if recursive and _readable(entry.path, failed):
                yield from _below(entry.path, recursive, failed)
        elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
            yield entry.path


def _readable(folder: str, failed: Callable[[str, AudioError], None]) -> bool:
    try:
        os.scandir(folder).close()
    except OSError as error:
        failed(folder, AudioError(f"{folder}: cannot be read ({error.strerror}); check its permissions"))
        return False
    return True
