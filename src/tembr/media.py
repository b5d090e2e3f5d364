"""The sound of M4A, MP4, WebM, MKV and the like through PyAV, behind as much of `soundfile.SoundFile` as is used here.

FFmpeg's libraries open playlists, and what these name, as readily as a recording. So they get an open file and never a
name, may recognise the containers of `CONTAINERS` and no others, and may open nothing by themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from tembr.errors import AudioError

CONTAINERS = ("mov", "matroska", "asf", "aac", "ac3", "amr")
"""FFmpeg's names of what may be opened: none that leads to another file."""

_STATED = ("mov", "matroska", "asf")  # they state their length; that of the others is a guess from the bit rate
_SLOWEST = 100  # bits a second; what states a longer length than that is damaged
_RAISED = (ValueError, TypeError, OSError, RuntimeError, MemoryError, LookupError, ArithmeticError)
_BUFFER = 1 << 16  # bytes read from the file at once
_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "none"}


class Media:
    """The first sound track of a file, decoded from its beginning on as it is read.

    Args:
        source: a path, or a binary file object that can be sought in.
        name: of the recording in messages.

    Attributes:
        samplerate: Hz.
        channels: count.
        frames: samples of a channel, about: as the container states, or counted where it does not. No buffer is of that
            size, and reading ends where the samples do.

    Raises:
        ValueError, OSError: no container of those that are read. AudioError: one without sound, or damaged.
    """

    def __init__(self, source: str | bytes | BinaryIO, name: str):
        self._name, self._owned = name, not hasattr(source, "read")
        self._file = open(source, "rb") if self._owned else source  # noqa: SIM115  (closed by `close`)
        self._container = None
        try:
            self._size = self._file.seek(0, os.SEEK_END)
            self._open()
            stated = self._stated()
            self._seconds = self._counted() if stated is None else stated
            self._ends_there = stated is not None and len(self._container.streams) == 1
            self._begin()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Media:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        if self._container:
            self._container.close()
        if self._owned:
            self._file.close()

    @property
    def frames(self) -> int:
        return round(self._seconds * self.samplerate)

    @property
    def claimed(self) -> int:
        """The same: nothing else is known before the end."""
        return self.frames

    @property
    def missing(self) -> float:
        """Seconds that the container states after the last sample read; 0 where they may be those of another track."""
        reached = max(self._reached, self._at / self.samplerate)
        return max(0.0, self._seconds - reached) if self._ends_there else 0.0

    def seek(self, frame: int) -> None:
        """Pass over what is before `frame`, decoding it: what comes then is the same to the sample."""
        while frame > self._at and len(self.read(min(frame - self._at, self.samplerate))):
            pass

    def read(self, frames: int, dtype: str = "float32", always_2d: bool = True) -> np.ndarray:
        """The next `frames` samples or, at the end, fewer: `(samples, channels)`, float32, nominally in [-1, 1].

        Raises:
            AudioError: damaged.
        """
        parts, left = [np.empty((0, self.channels), np.float32)], frames
        while left and (len(self._rest) or self._more()):
            parts.append(self._rest[:left])
            self._rest = self._rest[left:]
            left -= len(parts[-1])
        self._at += frames - left
        return np.concatenate(parts)

    def _open(self) -> None:
        import av

        self._file.seek(0)
        options = {"metadata_errors": "replace", "options": dict(_OPTIONS), "buffer_size": _BUFFER}
        try:
            self._container = av.open(self._file, "r", **options)
        except av.FFmpegError as error:
            raise ValueError(why(error)) from error
        if not self._container.streams.audio:
            raise AudioError(f"{self._name}: a file without sound; choose one with a sound track")
        self._track = self._container.streams.audio[0]

    def _begin(self) -> None:
        """Decode the first samples: what is in them counts, not what the container says of them."""
        self._at, self._reached, self._rest, self.channels = 0, 0.0, np.empty(0), 0
        self._blocks = self._guarded(self._decoded())
        if not self._more():
            raise AudioError(f"{self._name}: its sound track holds no samples; re-export or remove it")

    def _more(self) -> bool:
        self._rest = next((block for block in self._blocks if len(block)), self._rest[:0])
        return len(self._rest) > 0

    def _decoded(self) -> Iterator[np.ndarray]:
        from av import AudioResampler

        converter = None
        for frame in self._container.decode(self._track):
            kind = frame.sample_rate, len(frame.layout.channels)
            if converter is None:
                self.samplerate, self.channels = kind
                converter = AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
            if kind != (self.samplerate, self.channels):
                raise AudioError(f"{self._name}: its rate or channels change on the way; re-export it")
            if frame.time is not None:
                self._reached = frame.time + frame.samples / frame.sample_rate
            yield from (part.to_ndarray().reshape(-1, self.channels) for part in converter.resample(frame))

    def _guarded(self, things: Iterable) -> Iterator:
        """`things`, with whatever PyAV raises on the way as one of ours."""
        from av import FFmpegError

        try:
            yield from things
        except (FFmpegError, *_RAISED) as error:
            raise AudioError(f"{self._name}: damaged audio ({why(error)}); re-export or remove it") from error

    def _stated(self) -> float | None:
        """Seconds, of the track or else of the container; None where nothing is stated or it cannot be."""
        if self._container.format.name.partition(",")[0] not in _STATED:
            return None
        if self._track.duration is not None:
            seconds = float(self._track.duration * self._track.time_base)
        else:
            seconds = (self._container.duration or 0) / 1e6
        return seconds if 0 < seconds < self._size * 8 / _SLOWEST else None

    def _counted(self) -> float:
        """Seconds of all packets, which are read for it and not decoded."""
        packets = self._guarded(self._container.demux(self._track))
        seconds = float(sum(packet.duration * packet.time_base for packet in packets if packet.duration))
        self._container.close()
        self._open()
        return seconds


def why(error: Exception) -> str:
    """What PyAV says is wrong, in a few words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
