"""Which files of a folder are recordings, by their extension, and what is said of those that are left out."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import soundfile

_FORMATS = {
    ".wav": "WAV",
    ".wave": "WAV",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".opus": "OGG",
    ".mp3": "MP3",
    ".aif": "AIFF",
    ".aiff": "AIFF",
    ".aifc": "AIFF",
    ".au": "AU",
    ".snd": "AU",
    ".caf": "CAF",
    ".w64": "W64",
    ".rf64": "RF64",
    ".voc": "VOC",
    ".sph": "NIST",
}
"""libsndfile's name of what a usual extension stands for."""

EXTENSIONS = tuple(name for name, form in _FORMATS.items() if form in soundfile.available_formats())
"""Of recordings that this machine's libsndfile reads; in a folder all others are passed over."""

UNREAD = (
    *(name for name in _FORMATS if name not in EXTENSIONS),
    *(".m4a", ".mp4", ".m4b", ".aac", ".webm", ".weba", ".mka", ".mkv", ".mov", ".wma", ".amr", ".3gp", ".ac3", ".ape"),
)
"""Of recordings that it does not read."""


class Skipped:
    """Counts what in a folder could be a recording and is left out."""

    def __init__(self):
        self._unread: Counter[str] = Counter()
        self._links = 0

    def see(self, entry: os.DirEntry | Path) -> None:
        """Count an entry that is not taken, if it is a link, or a recording that is not read."""
        extension = os.path.splitext(entry.name)[1].lower()
        if entry.is_symlink() and (entry.is_dir() or extension in EXTENSIONS):
            self._links += 1
        elif extension in UNREAD:
            self._unread[extension] += 1

    def said(self, folder: str | os.PathLike) -> str:
        """A line with counts, why, and what to do; empty where nothing was left out."""
        reasons = []
        if self._unread:
            kinds = ", ".join(f"{count} {extension}" for extension, count in sorted(self._unread.items()))
            kind = min(self._unread)
            reasons.append(f"{kinds} (not read; convert them: ffmpeg -i NAME{kind} NAME.wav)")
        if self._links:
            reasons.append(f"{self._links} links to folders or to nothing (not followed; name the folder itself)")
        return f"{os.fspath(folder)}: left out {', and '.join(reasons)}" if reasons else ""
