"""A stream of samples cut into overlapping windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np


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
