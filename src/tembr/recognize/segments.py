"""From what was heard in overlapping windows to segments of one emotion each."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tembr.recognize import voice
from tembr.recognize.quality import SOUND, level
from tembr.recognize.smoothing import Smoother
from tembr.recognize.windows import Windows

LINK = 1.0
"""Seconds between stretches of speech up to which one bears on the other."""


class WindowAnswer(NamedTuple):
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


class Opened(NamedTuple):
    """A segment begins; its end is not known yet.

    Attributes:
        start: seconds.
        label: index of the emotion.
        first: window that speaks for its beginning.
    """

    start: float
    label: int
    first: WindowAnswer


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


class WindowRecognizer:
    """Hears stretches of speech as their samples come, in windows that begin with each; silent windows are skipped.

    Args:
        posteriors: `(samples,)` → `(labels,)`.
        sample_rate: Hz.
        window, hop: samples.
    """

    def __init__(self, posteriors: Callable[[np.ndarray], np.ndarray], sample_rate: int, window: int, hop: int):
        self._posteriors, self._rate, self._window, self._hop = posteriors, sample_rate, window, hop
        self._begin, self._cut = 0, None

    @property
    def inside(self) -> bool:
        """Whether a stretch is open."""
        return self._cut is not None

    def add(self, begin: int, samples: np.ndarray) -> Iterator[WindowAnswer]:
        """What the next samples of the stretch that begins with sample `begin` complete; another begin ends one."""
        if self.inside and begin != self._begin:
            yield from self.end()
        if not self.inside:
            self._begin, self._cut = begin, Windows(self._window, self._hop)
        yield from self._heard(self._cut.add(samples))

    def end(self) -> Iterator[WindowAnswer]:
        """What the end of the stretch completes, if one is open."""
        cut, self._cut = self._cut, None
        if cut is not None:
            yield from self._heard(cut.end())

    def so_far(self, shortest: int) -> WindowAnswer | None:
        """The first window of the open stretch while it is not complete, once it has `shortest` samples."""
        if not self.inside or self._cut.incomplete < shortest:
            return None
        return next(self._heard([(0, self._cut.rest)]), None)

    def _heard(self, cut: Iterable[tuple[int, np.ndarray]]) -> Iterator[WindowAnswer]:
        for first, samples in cut:
            if level(samples) >= SOUND:
                start = (self._begin + first) / self._rate
                end = start + len(samples) / self._rate
                yield WindowAnswer(self._begin / self._rate, start, end, self._posteriors(samples))


def segments_of(
    blocks: Iterable[np.ndarray],
    posteriors: Callable[[np.ndarray], np.ndarray],
    sample_rate: int,
    window: int,
    hop: int,
    speech_only: bool,
    smoothing: float,
) -> list[Segment]:
    """The segments of a whole recording.

    Args:
        blocks: `(samples,)` each.
        posteriors, sample_rate, window, hop: as of `WindowRecognizer`.
        speech_only: leave out where nobody speaks.
        smoothing: as of `Smoother`.
    """
    pieces = (
        voice.Cutter(voice.Voice(sample_rate), sample_rate).stretches(blocks)
        if speech_only
        else ((0, b) for b in blocks)
    )
    return merge(listen(pieces, WindowRecognizer(posteriors, sample_rate, window, hop)), smoothing)


def listen(pieces: Iterable[tuple[int, np.ndarray]], hearing: WindowRecognizer) -> Iterator[WindowAnswer]:
    """All windows of stretches that lie ready: first sample of a stretch and some of its samples, in order."""
    for begin, samples in pieces:
        yield from hearing.add(begin, samples)
    yield from hearing.end()


@dataclass
class _Cell:
    """The time that one window speaks for: nearest to its centre."""

    heard: WindowAnswer
    start: float
    end: float | None = None
    label: int | None = None


@dataclass
class _Growing:
    """A segment that is open, and what its cells come to so far."""

    cell: _Cell
    end: float = 0.0
    weight: float = 0.0
    posteriors: np.ndarray | float = 0.0

    def holds(self, cell: _Cell) -> bool:
        return cell.heard.stretch == self.cell.heard.stretch and cell.label in (None, self.cell.label)

    def grow(self, cell: _Cell) -> None:
        span = cell.end - cell.start
        self.end = cell.end
        self.weight, self.posteriors = self.weight + span, self.posteriors + span * cell.heard.posteriors

    def closed(self) -> Segment:
        return Segment(self.cell.start, self.end, self.cell.label, self.posteriors / self.weight)


class Segmenter:
    """Joins neighbouring windows of one emotion into segments, as the windows come.

    Each window speaks for the time nearest to its centre. Segments of one stretch follow each other without a
    gap, from its first window's start to its last window's end.

    Args:
        smoothing: as of `Smoother`.
    """

    def __init__(self, smoothing: float = 1.0):
        self._smoother = Smoother(smoothing)
        self._cells: deque[_Cell] = deque()  # not yet part of a segment
        self._growing: _Growing | None = None
        self._last: _Cell | None = None

    @property
    def link(self) -> float:
        """Seconds up to which a window that begins bears on those before; infinite where nothing waits for one."""
        return self._last.heard.end + LINK if self._cells or self._growing else math.inf

    def add(self, heard: WindowAnswer) -> Iterator[Opened | Segment]:
        """What is told now that the next window was heard."""
        last, start = self._last, heard.start
        if last is not None and heard.start - last.heard.end > LINK:
            yield from self.settle()
        elif last is not None and last.heard.stretch == heard.stretch:
            start = last.end = (sum(last.heard[1:3]) + sum(heard[1:3])) / 4
        elif last is not None:
            last.end = last.heard.end
        self._last = _Cell(heard, start)
        self._cells.append(self._last)
        yield from self._label(self._smoother.add(heard.posteriors))

    def tell(self, until: float) -> Iterator[Opened | Segment]:
        """What is told where windows that end by `until` seconds are not waited for any longer."""
        due = sum(cell.label is None and cell.heard.end <= until for cell in self._cells)
        yield from self._label(self._smoother.tell(due) if due else [])

    def end_stretch(self) -> Iterator[Segment]:
        """What is told now that the stretch of the last window has ended."""
        if self._last is not None:
            self._last.end = self._last.heard.end
            yield from self._label([])
        if self._growing and not self._cells:
            yield self._close()

    def settle(self) -> Iterator[Opened | Segment]:
        """All that is left, when no window is to come that bears on those before."""
        yield from self.end_stretch()
        yield from self._label(self._smoother.finish())
        if self._growing:  # its last cell was labelled just now
            yield self._close()
        self._last = None

    def _label(self, labels: Iterable[int]) -> Iterator[Opened | Segment]:
        unlabelled = (cell for cell in self._cells if cell.label is None)
        for cell, label in zip(list(unlabelled), labels):
            cell.label = label
        while self._cells:
            cell = self._cells[0]
            if self._growing and not self._growing.holds(cell):
                yield self._close()
            if cell.label is None:
                return
            if not self._growing:
                self._growing = _Growing(cell)
                yield Opened(cell.start, cell.label, cell.heard)
            if cell.end is None:
                return
            self._growing.grow(self._cells.popleft())

    def _close(self) -> Segment:
        segment, self._growing = self._growing.closed(), None
        return segment


def merge(heard: Iterable[WindowAnswer], smoothing: float = 1.0) -> list[Segment]:
    """The segments of all windows of a recording, as `Segmenter` joins them.

    Args:
        smoothing: as of `Smoother`.
    """
    segmenter = Segmenter(smoothing)
    told = [each for one in heard for each in segmenter.add(one)]
    return [each for each in (*told, *segmenter.settle()) if isinstance(each, Segment)]
