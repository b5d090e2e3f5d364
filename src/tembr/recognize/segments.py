"""From what was heard in overlapping windows to segments of one emotion each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from tembr.recognize.quality import SOUND, level
from tembr.recognize.windows import windows

LINK = 1.0
"""Seconds between stretches of speech up to which one bears on the other."""

FLOOR = 1e-6  # of a probability, so that a logarithm never rules a label out


class Heard(NamedTuple):
    """What the network made of one window.

    Attributes:
        stretch: start of the stretch of speech it lies in, seconds.
        start, end: of the window, seconds.
        posteriors: `(labels,)`.
    """

    stretch: float
    start: float
    end: float
    posteriors: np.ndarray


class Segment(NamedTuple):
    """A part of a recording with one emotion.

    Attributes:
        start, end: seconds.
        label: index of the emotion.
        posteriors: `(labels,)`, mean over the segment.
    """

    start: float
    end: float
    label: int
    posteriors: np.ndarray


def listen(
    pieces: Iterable[tuple[int, np.ndarray]],
    posteriors: Callable[[np.ndarray], np.ndarray],
    sample_rate: int,
    window: int,
    hop: int,
) -> Iterator[Heard]:
    """Hear every stretch in windows that begin with it; silent windows are skipped.

    Args:
        pieces: first sample of a stretch and some of its samples, in order (`voice.Cutter.stretches`).
        posteriors: `(samples,)` → `(labels,)`.
        sample_rate: Hz.
        window, hop: samples.
    """
    for begin, parts in groupby(pieces, key=lambda piece: piece[0]):
        for first, samples in windows((part for _, part in parts), window, hop):
            if level(samples) >= SOUND:
                start = (begin + first) / sample_rate
                yield Heard(begin / sample_rate, start, start + len(samples) / sample_rate, posteriors(samples))


def merge(heard: Sequence[Heard], smoothing: float = 1.0) -> list[Segment]:
    """Join neighbouring windows of one emotion into segments.

    Each window speaks for the time nearest to its centre. Segments of one stretch follow each other without a
    gap, from its first window's start to its last window's end.

    Args:
        smoothing: as in `decode`.
    """
    if not heard:
        return []
    near = np.array([b.start - a.end <= LINK for a, b in zip(heard, heard[1:])])
    labels = decode(np.stack([h.posteriors for h in heard]), near, smoothing)
    cells = list(zip(_cells(heard), labels, heard))
    runs = groupby(cells, key=lambda cell: (cell[2].stretch, cell[1]))
    return [_segment(label, list(run)) for (_, label), run in runs]


def decode(posteriors: np.ndarray, near: np.ndarray, smoothing: float) -> list[int]:
    """The likeliest sequence of labels where every change costs `smoothing` (Viterbi 1967).

    Args:
        posteriors: `(windows, labels)`.
        near: `(windows - 1,)` bool; a change is free where false.
        smoothing: price of a change, in nats of log posterior; 0 takes each window's likeliest label.

    Returns:
        a label's index for each window.
    """
    scores = np.log(np.maximum(posteriors, FLOOR))
    origins = np.empty(scores.shape, dtype=int)
    best = scores[0]
    for i, follows in enumerate(near, start=1):
        price = smoothing if follows else 0.0
        stays = best >= best.max() - price
        origins[i] = np.where(stays, np.arange(len(best)), best.argmax())
        best = np.where(stays, best, best.max() - price) + scores[i]
    path = [int(best.argmax())]
    for i in range(len(scores) - 1, 0, -1):
        path.append(int(origins[i, path[-1]]))
    return path[::-1]


def _cells(heard: Sequence[Heard]) -> list[tuple[float, float]]:
    """Start and end of the time each window speaks for."""
    cells = []
    for _, members in groupby(heard, key=lambda h: h.stretch):
        members = list(members)
        centres = [(h.start + h.end) / 2 for h in members]
        inner = [(a + b) / 2 for a, b in zip(centres, centres[1:])]
        edges = [members[0].start, *inner, members[-1].end]
        cells += list(zip(edges, edges[1:]))
    return cells


def _segment(label: int, run: list) -> Segment:
    spans = np.array([end - start for (start, end), _, _ in run])
    posteriors = np.stack([h.posteriors for *_, h in run])
    return Segment(run[0][0][0], run[-1][0][1], label, spans @ posteriors / spans.sum())
