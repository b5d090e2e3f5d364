"""What each variant of a graph is worth: size, time, agreement with single precision, recognition."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from tembr.evaluate.metrics import Interval, score
from tembr.export.runtime import Feed, latencies, open_session, posteriors

FULL = "fp32"
"""Name of the graph that was not quantised."""

ACCURACY_LOSS = 0.005
"""Of accuracy that a variant may lose and still become the default."""

SAME_TIME = 1.05
"""Ratio of times below which the smaller file is the better one."""


@dataclass(frozen=True)
class Measured:
    """One line of the quantisation report.

    Attributes:
        variant, words: which, and what it is.
        bytes: of its file.
        milliseconds: of one recording alone on one thread, median.
        lowest: the same, lowest: what variants are chosen by.
        agreement: share of recordings that it names as fp32 does.
        difference: largest of a probability, from fp32.
        accuracy, uar: on `recordings` recordings.
    """

    variant: str
    words: str
    bytes: int
    milliseconds: float
    lowest: float
    agreement: float
    difference: float
    accuracy: Interval
    uar: Interval
    recordings: int


def measure(
    models: Mapping[str, tuple[str, onnx.ModelProto]],
    feeds: Sequence[Feed],
    truth: np.ndarray,
    labels: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Measured]:
    """Measure variants on the same recordings.

    Args:
        models: variant → words and graph; the first is the one that others are compared with.
        feeds: of one recording each.
        truth: `(recordings,)` int, class of each.
        labels: of the classes.
        progress: called with variants done and in all.
    """
    sessions = [open_session(model) for _, model in models.values()]
    times = latencies(sessions, feeds[0])
    lines, reference = [], None
    for number, ((name, (words, model)), session, time) in enumerate(zip(models.items(), sessions, times)):
        found = posteriors(session, feeds)
        reference = found if reference is None else reference
        scores = score(truth, found, labels)
        agreement = float((found.argmax(1) == reference.argmax(1)).mean())
        difference = float(np.abs(found - reference).max())
        size = model.ByteSize(), time.median, time.lowest
        lines.append(Measured(name, words, *size, agreement, difference, scores.accuracy, scores.uar, len(feeds)))
        progress(number + 1, len(models))
    return lines


def best(lines: Sequence[Measured]) -> Measured:
    """The fastest of those that lose at most half a point of accuracy; to be called on validation recordings.

    Of equally fast ones the smallest, of equally large ones that which agrees with fp32 most often.
    """
    floor = lines[0].accuracy.value - ACCURACY_LOSS
    good = [line for line in lines if line.accuracy.value >= floor - 1e-9]
    fastest = min(line.lowest for line in good)
    fast = [line for line in good if line.lowest <= SAME_TIME * fastest]
    return min(fast, key=lambda line: (round(line.bytes / lines[0].bytes, 2), -line.agreement))
