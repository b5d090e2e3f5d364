"""Which recordings are meant by the paths on a command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from tembr.errors import AudioError
from tembr.extensions import EXTENSIONS, Skipped


def recordings(
    paths: Sequence[str],
    recursive: bool,
    failed: Callable[[str, AudioError], None],
    skipped: Callable[[str], None],
) -> Iterator[str]:
    """Files as they are named; of folders, the recordings in them, sorted, hidden ones left out.

    Args:
        recursive: also those in folders of folders; links to folders are not followed.
        failed: told of every folder that cannot be read or holds no recording.
        skipped: gets a line for every folder named of which something was left out: links, formats that are not read.
    """
    for path in paths:
        if not os.path.isdir(path):
            yield path
            continue
        if not _readable(path, failed):
            continue
        found, left_out = False, Skipped()
        for file in _below(path, recursive, failed, left_out):
            found = True
            yield file
        if said := left_out.said(path):
            skipped(said)
        if not found:
            kinds = ", ".join(EXTENSIONS)
            failed(path, AudioError(f"{path}: no recordings in this folder; looked for {kinds}"))


def _below(folder: str, recursive: bool, failed: Callable[[str, AudioError], None], left_out: Skipped) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if recursive and _readable(entry.path, failed):
                yield from _below(entry.path, recursive, failed, left_out)
        elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
            yield entry.path
        else:
            left_out.see(entry)


def _readable(folder: str, failed: Callable[[str, AudioError], None]) -> bool:
    try:
        os.scandir(folder).close()
    except OSError as error:
        failed(folder, AudioError(f"{folder}: cannot be read ({error.strerror}); check its permissions"))
        return False
    return True
