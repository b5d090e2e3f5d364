"""Prediction sets: the emotions that cannot be excluded, with a coverage that was calibrated on unheard speakers.

Split conformal prediction with the least ambiguous sets (Sadinle, Lei & Wasserman 2019, "Least ambiguous set-valued
classifiers with bounded error levels"): a set holds every emotion whose probability is not below a threshold, and the
threshold is a quantile of what the truth got. Recordings of one speaker are not exchangeable with those of another, so
every speaker counts alike: the quantile is that of the mean of the speakers' distributions (Dunn, Wasserman & Ramdas
2023, "Distribution-free prediction sets for two-layer hierarchical models", pooling CDFs). That is exact in
the limit of many speakers; for few there is no guarantee, and what sets come to on further speakers has to be reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tembr.evaluate.metrics import ScoreError

LEVELS = tuple(round(level / 100, 2) for level in range(50, 100))
"""Coverages that thresholds are kept for: shares of recordings whose set holds the truth, 0.5 to 0.99."""

REPORTED = (0.8, 0.9, 0.95)
"""Levels that a report says the outcome of."""


@dataclass(frozen=True)
class SetScores:
    """What the sets of one level came to.

    Attributes:
        level: coverage asked for.
        coverage: share of the recordings whose set holds the truth, every speaker counting alike.
        size: mean number of emotions in a set.
        single: share of the sets that hold one emotion.
        per_speaker: speaker → share of their recordings whose set holds the truth.
    """

    level: float
    coverage: float
    size: float
    single: float
    per_speaker: dict[str, float]


def fit_thresholds(posteriors: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> tuple[float, ...]:
    """For each of `LEVELS` the probability from which an emotion is in the set, 0 to 1.

    Args:
        posteriors: `(n, classes)` of speakers that no member learnt from, in [0, 1].
        classes: `(n,)` index of the truth.
        speakers: `(n,)` names; each counts alike, however many recordings they have.

    Raises:
        ScoreError: there are no recordings.
    """
    if not len(classes):
        raise ScoreError("no recordings to calibrate prediction sets on")
    _, which, counts = np.unique(speakers, return_inverse=True, return_counts=True)
    shares = 1 / (len(counts) * counts[which])
    of_truth = posteriors[np.arange(len(classes)), classes]
    order = np.argsort(-of_truth)
    covered = np.cumsum(shares[order])
    places = np.searchsorted(covered, np.array(LEVELS) - 1e-9)
    return tuple(float(of_truth[order[min(place, len(order) - 1)]]) for place in places)


def threshold_at(thresholds: Sequence[float], level: float) -> float:
    """Of thresholds for `LEVELS` the one for a coverage, which is rounded up to the next level.

    Raises:
        ValueError: the coverage is not 0.5 to 0.99.
    """
    if not LEVELS[0] <= level <= LEVELS[-1]:
        raise ValueError(f"coverage {level}: give a share of {LEVELS[0]} to {LEVELS[-1]}")
    return thresholds[int(np.searchsorted(LEVELS, level - 1e-9))]


def prediction_sets(posteriors: np.ndarray, threshold: float) -> np.ndarray:
    """Which classes are in the set of each recording: posteriors `(n, classes)` → bool `(n, classes)`.

    The likeliest is always in it: an empty set would tell nobody anything.
    """
    inside = posteriors >= threshold
    inside[np.arange(len(posteriors)), posteriors.argmax(axis=1)] = True
    return inside


def score_sets(inside: np.ndarray, classes: np.ndarray, speakers: np.ndarray, level: float) -> SetScores:
    """What sets came to on recordings that were not calibrated on.

    Args:
        inside: `(n, classes)` bool, see `prediction_sets`.
        classes: `(n,)` index of the truth.
        speakers: `(n,)` names.
        level: coverage the sets were made for.
    """
    hit = inside[np.arange(len(classes)), classes]
    per_speaker = {str(name): round(float(hit[speakers == name].mean()), 4) for name in np.unique(speakers)}
    sizes = inside.sum(axis=1)
    coverage = float(np.mean([hit[speakers == name].mean() for name in per_speaker]))
    return SetScores(
        level, round(coverage, 4), round(float(sizes.mean()), 4), round(float((sizes == 1).mean()), 4), per_speaker
    )
