"""A stream of samples cut into overlapping windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tembr.recognize import quality

FAINT = 10 ** (-30 / 20)
"""Windows this much fainter than the loudest one have no say in the answer for a whole recording."""


def windows(blocks: Iterable[np.ndarray], length: int, hop: int) -> Iterator[tuple[int, np.ndarray]]:
    """Windows of `length` samples, one every `hop`, and a last one that ends where the samples end.

    Samples that fit into one window are one window as they are, not padded: the graph does that. However the
    samples are divided into blocks, the windows are the same; no more than a block and a window are held.

    Yields:
        first sample and samples, shape `(at most length,)`.
    """
    buffer, first, ahead = np.empty(0, np.float32), 0, 0
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= ahead + length:
            buffer, first = buffer[ahead:], first + ahead
            yield first, buffer[:length]
            ahead = hop
    if not ahead:
        yield first, buffer
    elif len(buffer) > length:
        yield first + len(buffer) - length, buffer[-length:]


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
