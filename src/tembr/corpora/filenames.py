"""Corpora whose file names say who spoke and how: find the recordings a pattern describes."""

from __future__ import annotations

import re
from pathlib import Path

from tembr.audio import EXTENSIONS
from tembr.errors import CorpusError


def audio_files(folder: Path) -> list[Path]:
    """Every recording below `folder`, by extension, sorted by path; hidden files and folders left out."""
    found = (p for p in folder.rglob("*") if p.suffix.lower() in EXTENSIONS)
    visible = (p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(p for p in visible if p.is_file())


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
