"""Any recording → mono float32 samples at the wanted rate, and the constants that follow from a rate."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from tembr.arguments import RATES, RULES, checked, optional
from tembr.errors import AudioError, ConfigError

SAMPLE_RATE = 16_000
"""Hz; the rate everything inside works at unless a study says otherwise."""

WINDOW = 3.0
"""Seconds a recording is cut or zero-padded to before its representations are computed."""

EXTENSIONS = (".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3")

FULL_SCALE = 0.99
"""Of the range: samples at or above it are clipped."""

_LARGEST = 1e6  # beyond that samples are neither scaled to 1 nor integers kept as floats; and infinite sums come near
_BLOCK = 1 << 17  # samples of all channels read at once; memory never follows what a header claims
_SPOOL = 1 << 24  # bytes of a pipe kept in memory before they go to a temporary file


@dataclass(frozen=True)
class Recording:
    """What the header of an audio file says.

    Attributes:
        duration: seconds.
        sample_rate: Hz, as stored.
        channels: count, as stored.
    """

    duration: float
    sample_rate: int
    channels: int


@checked()
def inspect(path: str | Path) -> Recording:
    """Read the header of an audio file, without its samples.

    Raises:
        AudioError: the file is missing, empty, not audio, or its header is impossible.
    """
    with _open(path, str(path)) as file:
        return Recording(file.frames / file.samplerate, file.samplerate, file.channels)


@checked()
def read(
    source: str | Path | bytes | BinaryIO,
    sample_rate: int = SAMPLE_RATE,
    start: float = 0.0,
    end: float | None = None,
) -> np.ndarray:
    """Read WAV, FLAC, OGG/Opus or MP3 as mono float32 at `sample_rate`, channels averaged.

    Args:
        source: a path, the bytes of a file, or a binary file object.
        sample_rate: Hz of the result; resampled with soxr where the file differs.
        start, end: seconds of the part wanted; `end` None is the end of the file.

    Returns:
        waveform, shape `(samples,)`, float32, nominally in [-1, 1].

    Raises:
        AudioError: unreadable, without samples in the part asked for, or with NaN or infinite samples.
        ConfigError: `sample_rate`, `start` or `end` is out of range.
    """
    with Stream(source, None, start, end) as stream:
        waveform = np.concatenate(list(stream))
        return resample(waveform, stream.stored_rate, sample_rate)


def resample(waveform: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Resample `waveform` `(samples,)` from `rate` to `wanted` Hz with soxr, float32."""
    if rate == wanted:
        return waveform
    return soxr.resample(waveform, rate, wanted).astype(np.float32, copy=False)


def seconds_between(path: str | Path, start: float = 0.0, end: float | None = None) -> float:
    """Length of the part of a recording from `start` to `end` seconds, from its header; raises as `inspect`."""
    duration = inspect(path).duration
    return (duration if end is None else min(duration, end)) - start


def fit_length(waveform: np.ndarray, length: int, *, repeat: bool = False) -> np.ndarray:
    """Cut `waveform` to its first `length` samples, or pad it at the end with zeros, or by beginning anew."""
    if len(waveform) >= length:
        return waveform[:length]
    if repeat:
        return np.resize(waveform, length)
    return np.pad(waveform, (0, length - len(waveform)))


class Resampler:
    """`resample` for blocks: together they come out as if they had been one."""

    def __init__(self, rate: int, wanted: int):
        self._soxr = None if rate == wanted else soxr.ResampleStream(rate, wanted, 1, dtype="float32")

    def add(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """What `block` completes, `(samples,)` float32; `last` brings the rest."""
        return block if self._soxr is None else self._soxr.resample_chunk(block, last)


class Stream:
    """A recording read block by block, so that an hour takes no more memory than a minute.

    Iterating gives mono float32 blocks at the wanted rate, which together are what `read` returns. What was
    noticed on the way is complete when the iteration is.

    Args:
        source: a path, the bytes of a file, a binary file object, or `(samples, rate)` with samples of shape
            `(samples,)` or `(samples, channels)`: floats in [-1, 1], or integers, scaled by their range.
        sample_rate: Hz of the blocks; None leaves the stored one.
        start, end: seconds of the part wanted; `end` None is the end of the recording.

    Attributes:
        name: of the recording in messages.
        stored_rate: Hz, as stored.
        seconds: read so far.
        claimed: seconds the header claims, of the part wanted.
        clipped: samples at `FULL_SCALE` or above, as a share of those read.

    Raises:
        AudioError: on entering and while iterating, as `read` does.
        ConfigError: an argument is out of range.
    """

    @checked(sample_rate=optional(RULES["sample_rate"]))
    def __init__(self, source, sample_rate: int | None = SAMPLE_RATE, start: float = 0.0, end: float | None = None):
        if end is not None and end <= start:
            raise ConfigError(f"end {end:g}: give more than start, {start:g} seconds")
        self.name = str(source) if isinstance(source, (str, Path)) else "the audio given"
        self._source, self._start, self._end = source, start, end
        self._wanted = sample_rate
        self._frames = self._full = self._samples = 0

    def __enter__(self) -> Stream:
        given = isinstance(self._source, tuple)
        self._file = _Array(*_checked(self._source)) if given else _open(self._source, self.name)
        rate = self.stored_rate = self._file.samplerate
        last = self._file.frames if self._end is None else min(self._file.frames, round(self._end * rate))
        self._left = max(0, last - round(self._start * rate))
        self.claimed = self._left / rate
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    @property
    def seconds(self) -> float:
        return self._frames / self.stored_rate

    @property
    def clipped(self) -> float:
        return self._full / max(1, self._samples)

    def __iter__(self) -> Iterator[np.ndarray]:
        resampler = Resampler(self.stored_rate, self._wanted or self.stored_rate)
        for block in self._mono_blocks():
            yield resampler.add(block)
        yield resampler.add(np.empty(0, np.float32), last=True)

    def _mono_blocks(self) -> Iterator[np.ndarray]:
        for samples in self._stored_blocks():
            self._frames += len(samples)
            self._samples += samples.size
            magnitudes = np.abs(samples)
            _check_peak(magnitudes.max(), self.name)
            self._full += int(np.count_nonzero(magnitudes >= FULL_SCALE))
            yield samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
        if not self._frames:
            raise AudioError(f"{self.name}: {self._why_empty()}")

    def _why_empty(self) -> str:
        seconds = self._file.frames / self.stored_rate
        if self._start and seconds:
            return f"ends at {seconds:g} s, before the start asked for, {self._start:g} s; give an earlier one"
        return "holds no samples; remove it or record it again"

    def _stored_blocks(self) -> Iterator[np.ndarray]:
        size = max(1_024, _BLOCK // self._file.channels)
        try:
            if self._start and self._left:
                self._file.seek(round(self._start * self.stored_rate))
            while self._left:
                samples = self._file.read(min(size, self._left), dtype="float32", always_2d=True)
                if not len(samples):
                    return
                self._left -= len(samples)
                yield samples
        except (soundfile.LibsndfileError, RuntimeError, MemoryError, ValueError, OSError) as error:
            raise AudioError(f"{self.name}: damaged audio ({_reason(error)}); re-export or remove it") from error


class _Array:
    """Samples in memory behind as much of `soundfile.SoundFile` as `Stream` uses."""

    def __init__(self, samples: np.ndarray, rate: int):
        self._samples, self.samplerate = samples, rate
        self.frames, self.channels = samples.shape
        self._at = 0

    def seek(self, frame: int) -> None:
        self._at = frame

    def read(self, frames: int, dtype: str, always_2d: bool) -> np.ndarray:
        block = self._samples[self._at : self._at + frames]
        self._at += len(block)
        if np.issubdtype(block.dtype, np.integer):
            info = np.iinfo(block.dtype)
            middle = 0 if info.min else (info.max + 1) // 2
            return ((block.astype(np.float64) - middle) / (info.max - middle + 1)).astype(dtype)
        return block.astype(dtype)

    def close(self) -> None:
        pass


def _checked(given: tuple) -> tuple[np.ndarray, int]:
    if len(given) != 2 or not isinstance(given[1], (int, np.integer)):
        raise AudioError("the audio given: not (samples, rate) with the rate a whole number of Hz; give both so")
    samples, rate = np.asarray(given[0]), int(given[1])
    if samples.ndim == 1:
        samples = samples[:, None]
    if samples.ndim != 2 or samples.dtype.kind not in "fiu" or samples.shape[1] == 0:
        raise AudioError(
            f"the audio given: samples {samples.shape} of {samples.dtype}; give real numbers, (samples,) or "
            "(samples, channels)"
        )
    if samples.shape[1] > max(32, len(samples)):
        raise AudioError(
            f"the audio given: {samples.shape[1]} channels of {len(samples)} samples; give (samples, channels), "
            "the transpose"
        )
    if rate not in RATES:
        raise AudioError(f"the audio given: a rate of {rate} Hz; give one from {RATES[0]} to {RATES[-1]} Hz")
    return samples, rate


def _open(source, name: str) -> soundfile.SoundFile:
    try:
        source = _openable(source, name)
        file = soundfile.SoundFile(source)
    except PermissionError as error:
        raise AudioError(f"{name}: no permission to read it; change its permissions or leave it out") from error
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError, OSError) as error:
        raise AudioError(
            f"{name}: not readable as audio ({_reason(error)}); WAV, FLAC, OGG/Opus and MP3 are read"
        ) from error
    if file.samplerate not in RATES:
        rate = file.samplerate
        file.close()
        raise AudioError(f"{name}: its header claims {rate} Hz; the file is damaged, re-export it")
    return file


def _openable(source, name: str) -> str | bytes | BinaryIO:
    """What soundfile can open: a path that holds something, or a file object that can be sought in."""
    if isinstance(source, (str, Path)):
        path = _existing(Path(source), name)
        return os.fsencode(path) if os.name == "posix" else str(path)  # a name need not be text
    if isinstance(source, (bytes, bytearray, memoryview)):
        source = io.BytesIO(source)
    if not hasattr(source, "read"):
        raise AudioError(f"{name}: a {type(source).__name__}; give a path, bytes, a file object or (samples, rate)")
    if isinstance(source, io.TextIOBase):
        raise AudioError(f"{name}: a file opened as text; open it with mode 'rb'")
    source = source if _seekable(source) else _spooled(source)
    if source.seek(0, io.SEEK_END) == 0:
        raise AudioError(f"{name}: empty (0 bytes); give it something to hear")
    source.seek(0)
    return source


def _existing(path: Path, name: str) -> Path:
    if not path.exists():
        raise AudioError(f"{name}: no such file; check the path")
    if path.is_dir():
        raise AudioError(f"{name}: a folder, not a recording; name a file in it")
    if not path.is_file():
        raise AudioError(f"{name}: a pipe or device, not a file; save it first")
    if path.stat().st_size == 0:
        raise AudioError(f"{name}: the file is empty (0 bytes); remove it or copy it again")
    if not os.access(path, os.R_OK):
        raise PermissionError(name)
    return path


def _seekable(file: BinaryIO) -> bool:
    return bool(getattr(file, "seekable", bool)())


def _spooled(file: BinaryIO) -> BinaryIO:
    """A copy that can be sought in, on disk where it is long."""
    copy = SpooledTemporaryFile(_SPOOL)  # noqa: SIM115  (it goes when the reader lets go of it)
    while part := file.read(1 << 20):
        copy.write(part)
    return copy


def _check_peak(peak: float, name: str) -> None:
    if not np.isfinite(peak):
        raise AudioError(f"{name}: has NaN or infinite samples; re-export it")
    if peak > _LARGEST:
        raise AudioError(f"{name}: samples up to {peak:.3g}; scale them to -1 … 1")


def _reason(error: Exception) -> str:
    return getattr(error, "error_string", None) or str(error) or type(error).__name__
