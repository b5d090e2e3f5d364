"""What the header of a WAV file claims: libsndfile takes what is there for all there was."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

import soundfile

WIDTHS = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1}
"""Bytes of a sample, by libsndfile's names."""

UNKNOWN = 0x7FFF_0000
"""Bytes from which a size is what programs write that do not know it yet, such as those at the end of a pipe."""

CHUNKS = 100
"""That are looked through for the samples."""


class SoundFile(soundfile.SoundFile):
    """As soundfile's, and what a WAV file's header claims.

    Attributes:
        claimed: frames; more than `frames` where the file was cut off.
    """

    def __init__(self, source: str | bytes | BinaryIO):
        size = data_bytes(source)
        super().__init__(source)
        width = WIDTHS.get(self.subtype, 0) * self.channels
        known = size is not None and width and self.format in ("WAV", "WAVEX")
        self.claimed = max(self.frames, size // width) if known else self.frames


def data_bytes(source: str | bytes | BinaryIO) -> int | None:
    """Bytes of samples that a RIFF header claims; None where it says nothing of it, or is none."""
    if isinstance(source, (str, bytes)):
        with open(source, "rb") as file:
            return _data_bytes(file)
    place = source.tell()
    try:
        return _data_bytes(source)
    finally:
        source.seek(place)


def _data_bytes(file: BinaryIO) -> int | None:
    kind = file.read(12)
    if kind[:4] != b"RIFF" or kind[8:] != b"WAVE":
        return None
    for _ in range(CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return None
        name, size = struct.unpack("<4sI", header)
        if name == b"data":
            return size if 0 < size < UNKNOWN else None
        file.seek(size + size % 2, io.SEEK_CUR)
    return None
