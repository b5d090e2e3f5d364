"""Which files of a folder are recordings, by their extension, and what is said of those that are left out."""

from __future__ import annotations

import os
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import soundfile

from tembr.extras import how_to_install

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

MEDIA = (".m4a", ".mp4", ".m4b", ".aac", ".webm", ".weba", ".mka", ".mkv", ".mov", ".wma", ".amr", ".3gp", ".ac3")
"""Of recordings that PyAV reads, which comes with the extra `media` (`tembr.media`)."""


def reads_media() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


EXTENSIONS = (
    *(name for name, form in _FORMATS.items() if form in soundfile.available_formats()),
    *(MEDIA if reads_media() else ()),
)
"""Of recordings that are read on this machine; in a folder all others are passed over."""

UNREAD = tuple(name for name in (*_FORMATS, *MEDIA, ".ape") if name not in EXTENSIONS)
"""Of recordings that are not."""


def how_to_read(extension: str) -> str:
    """What to do with a file of `UNREAD`."""
    convert = f"ffmpeg -i NAME{extension} NAME.wav"
    return f"{convert}; or read them as they are: {how_to_install('media')}" if extension in MEDIA else convert


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
            reasons.append(f"{kinds} (not read; convert them: {how_to_read(kind)})")
        if self._links:
            reasons.append(f"{self._links} links to folders or to nothing (not followed; name the folder itself)")
        return f"{os.fspath(folder)}: left out {', and '.join(reasons)}" if reasons else ""
