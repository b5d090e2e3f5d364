"""Confidence as a filter: what share of answers is left above a threshold, and how many of these are right.

The risk-coverage curve of selective classification (El-Yaniv & Wiener 2010, "On the foundations of noise-free
selective classification"; Geifman & El-Yaniv 2017, "Selective classification for deep neural networks", whose
confidence is the largest posterior as here), with accuracy, which is 1 - risk, in the place of risk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tembr.evaluate.metrics import ScoreError, accuracy, checked, confusion_matrix, uar

ROWS = 100
"""Of a table at most: every percent of coverage."""

HALF = "accuracy_on_confident_half"
"""Name of `accuracy_at(coverage=0.5)` in summaries and results."""


@dataclass(frozen=True)
class Kept:
    """What is left of a test set where answers below a confidence are withheld.

    Attributes:
        threshold: confidence from which an answer is given, 0 to 1.
        coverage: share of the recordings that are answered, 0 to 1.
        accuracy: share of the answers that are right, 0 to 1; None where there are no answers.
        uar: mean recall of the answers, over the classes left among them, 0 to 1; None where there are none.
    """

    threshold: float
    coverage: float
    accuracy: float | None
    uar: float | None


@dataclass(frozen=True)
class MostConfident:
    """Accuracy on the most confident recordings.

    Attributes:
        value: accuracy, 0 to 1.
        n: recordings it is of.
    """

    value: float
    n: int


def coverage_table(truth: np.ndarray, probabilities: np.ndarray, rows: int = ROWS) -> list[Kept]:
    """Coverage, accuracy and UAR by threshold, from all recordings to the most confident alone.

    Thresholds are confidences that occur, evenly thinned over the recordings; recordings of one confidence are
    answered together or not at all.

    Args:
        truth: (n,) index of the true class.
        probabilities: (n, classes) posteriors in [0, 1].
        rows: at most so many, 2 or more.

    Raises:
        ScoreError: as `metrics.score`.
    """
    truth, probabilities = _checked(truth, probabilities)
    confidence = np.sort(probabilities.max(axis=1))
    chosen = np.linspace(0, len(confidence) - 1, min(rows, len(confidence))).round().astype(int)
    return [_kept(truth, probabilities, threshold) for threshold in np.unique(confidence[chosen])]


def kept_at(truth: np.ndarray, probabilities: np.ndarray, threshold: float) -> Kept:
    """Coverage, accuracy and UAR where only answers of at least `threshold` (0 to 1) are given.

    Args:
        truth: (n,) index of the true class.
        probabilities: (n, classes) posteriors in [0, 1].

    Raises:
        ScoreError: as `metrics.score`.
    """
    return _kept(*_checked(truth, probabilities), threshold)


def accuracy_at(truth: np.ndarray, probabilities: np.ndarray, coverage: float = 0.5) -> MostConfident:
    """Accuracy on the share `coverage` of the recordings with the highest confidence, rounded up to whole ones.

    Of recordings that tie at the boundary each counts alike: accuracy is what any choice among them gives on
    average, so that the order of the recordings says nothing.

    Args:
        truth: (n,) index of the true class.
        probabilities: (n, classes) posteriors in [0, 1].
        coverage: above 0, up to 1.

    Raises:
        ScoreError: a coverage out of range, and as `metrics.score`.
    """
    if not 0 < coverage <= 1:
        raise ScoreError(f"coverage {coverage}: give a share of the recordings above 0 and up to 1.")
    truth, probabilities = _checked(truth, probabilities)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    n = math.ceil(round(coverage * len(truth), 6))
    boundary = np.sort(confidence)[-n]
    above, tied = confidence > boundary, confidence == boundary
    hits = right[above].sum() + (n - above.sum()) * right[tied].mean()
    return MostConfident(float(hits / n), n)


def _kept(truth: np.ndarray, probabilities: np.ndarray, threshold: float) -> Kept:
    answered = probabilities.max(axis=1) >= threshold
    if not answered.any():
        return Kept(float(threshold), 0.0, None, None)
    predicted = probabilities[answered].argmax(axis=1)
    confusion = confusion_matrix(truth[answered], predicted, probabilities.shape[1])
    return Kept(float(threshold), float(answered.mean()), float(accuracy(confusion)), float(uar(confusion)))


def _checked(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return checked(truth, probabilities, range(np.shape(probabilities)[-1]))
