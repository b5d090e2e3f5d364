"""A stream of samples cut into overlapping windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tembr.recognize import quality

FAINT = 10 ** (-30 / 20)
"""Windows this much fainter than the loudest one have no say in the answer for a whole recording."""


class Windows:
    """Samples as they come, cut into windows of `length`, one every `hop`, and a last one that ends where they end.

    Samples that fit into one window are one window as they are, not padded: the graph does that. However the
    samples are divided into blocks, the windows are the same; no more than a block and a window are held.

    Args:
        length, hop: samples.
    """

    def __init__(self, length: int, hop: int):
        self._length, self._hop = length, hop
        self._parts: list[np.ndarray] = []  # joined only where a window is complete: blocks may be short
        self._held, self._first, self._ahead = 0, 0, 0

    @property
    def incomplete(self) -> int:
        """Samples of the first window while they do not fill it, 0 from then on."""
        return 0 if self._ahead else self._held

    @property
    def rest(self) -> np.ndarray:
        """Samples from the beginning of the last window given on, `(samples,)`."""
        self._parts = [np.concatenate([np.empty(0, np.float32), *self._parts])]
        return self._parts[0]

    def add(self, block: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """The windows that `block` completes: first sample and samples, shape `(length,)`."""
        self._parts.append(block)
        self._held += len(block)
        while self._held >= self._ahead + self._length:
            buffer = self.rest[self._ahead :]
            self._parts, self._held, self._first = [buffer], len(buffer), self._first + self._ahead
            yield self._first, buffer[: self._length]
            self._ahead = self._hop

    def end(self) -> Iterator[tuple[int, np.ndarray]]:
        """The last window, once all samples have come, where it is not one of those before."""
        if not self._ahead:
            yield self._first, self.rest
        elif self._held > self._length:
            yield self._first + self._held - self._length, self.rest[-self._length :]


def windows(blocks: Iterable[np.ndarray], length: int, hop: int) -> Iterator[tuple[int, np.ndarray]]:
    """All windows of the samples in `blocks`, as `Windows` cuts them: first sample and samples `(at most length,)`."""
    cut = Windows(length, hop)
    for block in blocks:
        yield from cut.add(block)
    yield from cut.end()


def outspoken(cut: Iterable[tuple[int, np.ndarray]], hear: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """What `hear` makes of every window that is not faint, `(windows, ...)`; the first is always heard.

    Args:
        cut: one or more of what `windows` yields.
        hear: samples `(samples,)` → an array of one shape.
    """
    heard, levels = [], []
    for _, samples in cut:
        loudness = quality.level(samples)
        if loudness >= quality.SOUND or not heard:
            heard.append(hear(samples))
            levels.append(loudness)
    return np.stack(heard)[np.array(levels) >= FAINT * max(levels)]
