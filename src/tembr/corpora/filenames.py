"""Corpora whose file names say who spoke and how: find the recordings a pattern describes."""

from __future__ import annotations

import re
from pathlib import Path

from tembr.errors import CorpusError
from tembr.extensions import EXTENSIONS, Skipped


def audio_files(folder: Path, left_out: Skipped | None = None) -> list[Path]:
    """Every recording below `folder`, by extension, sorted by path; hidden files and folders left out.

    Args:
        left_out: counts links and recordings that are not read.
    """
    found = []
    for path in folder.rglob("*"):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        if path.suffix.lower() in EXTENSIONS and path.is_file():
            found.append(path)
        elif left_out:
            left_out.see(path)
    return sorted(found)


def matching(folder: str | Path, pattern: str, corpus: str, example: str) -> list[tuple[Path, re.Match[str]]]:
    """Recordings below `folder` whose name without extension is `pattern` (case ignored), sorted by path.

    A name found twice (some archives hold every recording twice) is taken once, at its first path.

    Raises:
        CorpusError: no recording matches; the message shows `example`.
    """
    root = existing_folder(folder, corpus)
    named: dict[str, tuple[Path, re.Match[str]]] = {}
    for path in audio_files(root):
        match = re.fullmatch(pattern, path.stem, re.IGNORECASE)
        if match:
            named.setdefault(path.name, (path, match))
    if not named:
        raise CorpusError(
            f"{root}: no {corpus} recordings; looked in it and below for audio files named like {example}"
        )
    return list(named.values())


def existing_folder(folder: str | Path, corpus: str) -> Path:
    """`folder` as a path.

    Raises:
        CorpusError: it is missing, or a file.
    """
    path = Path(folder)
    if not path.exists():
        raise CorpusError(f"{corpus}: no such folder: {path}; unpack the corpus there or name the right one")
    if not path.is_dir():
        raise CorpusError(f"{corpus}: {path} is a file; name the folder of the corpus")
    return path
