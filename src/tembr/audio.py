"""Any recording → mono float32 samples at the wanted rate, and the constants that follow from a rate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soxr

from tembr.arguments import CHANNEL, RULES, checked, optional
from tembr.errors import AudioError, ConfigError
from tembr.media import Media
from tembr.opening import UNREADABLE, name_of, open_recording, path_of, quiet, reason

SAMPLE_RATE = 16_000
"""Hz; the rate everything inside works at unless a study says otherwise."""

WINDOW = 3.0
"""Seconds a recording is cut or zero-padded to before its representations are computed."""

FULL_SCALE = 0.99
"""Of the range: samples at or above it are clipped."""

_LARGEST = 1e6  # beyond that samples are neither scaled to 1 nor integers kept as floats; and infinite sums come near
_BLOCK = 1 << 17  # samples of all channels read at once; memory never follows what a header claims


def channel_number(channel: str | int) -> int | None:
    """Number, from 1, of a channel as `Stream` takes it; None where they are averaged."""
    return {"mix": None, "left": 1, "right": 2}.get(channel, channel)


@dataclass(frozen=True)
class Recording:
    """What the header of an audio file says.

    Attributes:
        duration: seconds.
        sample_rate: Hz, as stored.
        channels: count, as stored.
        estimated: whether the duration is what a container says of itself, which may hold more or less.
    """

    duration: float
    sample_rate: int
    channels: int
    estimated: bool = False


@checked()
def inspect(source: str | Path | bytes | BinaryIO | tuple) -> Recording:
    """Read the header of a recording, without its samples.

    Raises:
        AudioError: the file is missing, empty, not audio, or its header is impossible.
    """
    with open_recording(source, name_of(source)) as file:
        return Recording(file.frames / file.samplerate, file.samplerate, file.channels, isinstance(file, Media))


@checked(channel=CHANNEL)
def read(
    source: str | Path | bytes | BinaryIO,
    sample_rate: int = SAMPLE_RATE,
    start: float = 0.0,
    end: float | None = None,
    channel: str | int = "mix",
) -> np.ndarray:
    """Read WAV, FLAC, OGG/Opus, MP3, or with the extra `media` M4A and the like, as mono float32 at `sample_rate`.

    Args:
        source: a path, the bytes of a file, or a binary file object.
        sample_rate: Hz of the result; resampled with soxr where the file differs.
        start, end: seconds of the part wanted; `end` None is the end of the file.
        channel: as of `Stream`.

    Returns:
        waveform, shape `(samples,)`, float32, nominally in [-1, 1].

    Raises:
        AudioError: unreadable, without samples in the part asked for, or with NaN or infinite samples.
        ConfigError: `sample_rate`, `start`, `end` or `channel` is out of range.
    """
    with Stream(source, None, start, end, channel) as stream:
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
        channel: 'mix' averages the channels; 'left', 'right' or a number takes one, the first is 1.

    Attributes:
        path: of the recording, '' where it is no file.
        name: of the recording in messages.
        number: of the channel taken, from 1; None where they are averaged.
        stored_rate: Hz, as stored.
        seconds: read so far.
        claimed: seconds the header claims, of the part wanted; of a container an estimate, until the end is reached.
        clipped: samples at `FULL_SCALE` or above, as a share of those read.
        mixing: `Mixing` of the channels averaged; None where one is taken, or there is but one.

    Raises:
        AudioError: on entering and while iterating, as `read` does.
        ConfigError: an argument is out of range.
    """

    @checked(sample_rate=optional(RULES["sample_rate"]), channel=CHANNEL)
    def __init__(
        self,
        source,
        sample_rate: int | None = SAMPLE_RATE,
        start: float = 0.0,
        end: float | None = None,
        channel: str | int = "mix",
    ):
        if end is not None and end <= start:
            raise ConfigError(f"end {end:g}: give more than start, {start:g} seconds")
        self.path, self.name = path_of(source), name_of(source)
        self.number = channel_number(channel)
        self._source, self._start, self._end = source, start, end
        self._wanted = sample_rate
        self._frames = self._full = self._samples = 0

    def __enter__(self) -> Stream:
        self._file = open_recording(self._source, self.name)
        stored = self._file.channels
        if self.number and self.number > stored:
            self._file.close()
            raise AudioError(f"{self.name}: no channel {self.number}, it has {stored}; choose another, or mix")
        self.mixing = Mixing(stored) if self.number is None and stored > 1 else None
        rate = self.stored_rate = self._file.samplerate
        self.claimed = self._frames_up_to(self._file.claimed) / rate
        estimated = isinstance(self._file, Media)
        self._left = self._frames_up_to(sys.maxsize if estimated else self._file.frames)
        return self

    def _frames_up_to(self, length: int) -> int:
        """Of the part wanted, in a recording of `length` frames."""
        rate = self.stored_rate
        last = length if self._end is None else min(length, round(self._end * rate))
        return max(0, last - round(self._start * rate))

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
        if isinstance(self._file, Media):
            self.claimed = self.seconds + (self._file.missing if self._end is None else 0)

    def _mono_blocks(self) -> Iterator[np.ndarray]:
        for samples in self._stored_blocks():
            if self.number:
                samples = samples[:, self.number - 1 : self.number]
            self._frames += len(samples)
            self._samples += samples.size
            magnitudes = np.abs(samples)
            _check_peak(magnitudes.max(), self.name)
            self._full += int(np.count_nonzero(magnitudes >= FULL_SCALE))
            mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
            if self.mixing:
                self.mixing.add(samples, mono)
            yield mono
        if not self._frames:
            raise AudioError(f"{self.name}: {self._why_empty()}")

    def _why_empty(self) -> str:
        seconds = self._file.frames / self.stored_rate
        if self._start and seconds:
            return f"ends at {seconds:g} s, before the start asked for, {self._start:g} s; give an earlier one"
        return "holds no samples; remove it or record it again"

    def _stored_blocks(self) -> Iterator[np.ndarray]:
        size = max(1_024, _BLOCK // self._file.channels)
        if self._start and self._left:
            self._decode(self._file.seek, round(self._start * self.stored_rate))
        while self._left:
            samples = self._decode(self._file.read, min(size, self._left), dtype="float32", always_2d=True)
            if not len(samples):
                return
            self._left -= len(samples)
            yield samples

    def _decode(self, work: Callable, *args, **kwargs):
        try:
            with quiet:
                return work(*args, **kwargs)
        except UNREADABLE as error:
            raise AudioError(f"{self.name}: damaged audio ({reason(error)}); re-export or remove it") from error


class Mixing:
    """How much of the channels is left when they are averaged, gathered block by block.

    Args:
        channels: count, 2 or more.
    """

    def __init__(self, channels: int):
        self._sums, self._squares = np.zeros(channels + 1), np.zeros(channels + 1)
        self._frames = 0

    def add(self, samples: np.ndarray, mono: np.ndarray) -> None:
        """Take note of a block `(samples, channels)` and its average `(samples,)`."""
        both = np.column_stack([samples, mono]).astype(np.float64)
        self._sums += both.sum(axis=0)
        self._squares += np.einsum("ij,ij->j", both, both)
        self._frames += len(both)

    @property
    def level(self) -> float:
        """Standard deviation over all channels, relative to full scale."""
        return float(np.sqrt(self._variances[:-1].mean()))

    @property
    def kept(self) -> float:
        """Power of the average against that of channels with nothing in common: 1 there, 0 where they cancel."""
        *channels, mixed = self._variances
        return float(mixed * len(channels) ** 2 / max(sum(channels), np.finfo(float).tiny))

    @property
    def _variances(self) -> np.ndarray:
        frames = max(1, self._frames)
        return np.maximum(self._squares / frames - (self._sums / frames) ** 2, 0)


def _check_peak(peak: float, name: str) -> None:
    if not np.isfinite(peak):
        raise AudioError(f"{name}: has NaN or infinite samples; re-export it")
    if peak > _LARGEST:
        raise AudioError(f"{name}: samples up to {peak:.3g}; scale them to -1 … 1")
