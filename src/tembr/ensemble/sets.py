"""Prediction sets of an ensemble: calibrated on held-out speakers, scored on others, and thresholds that ship."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tembr.ensemble.adapted import AdaptedFold
from tembr.ensemble.heldout import HeldOut
from tembr.ensemble.measure import WEIGHTED, Measured
from tembr.evaluate.conformal import (
    REPORTED,
    fit_thresholds,
    prediction_sets,
    score_sets,
    threshold_at,
)  # fmt: skip

ALONE, ADAPTED = "speaker_independent", "adapted"
"""Names of the thresholds for answers to anybody, and to a speaker adapted to."""


@dataclass(frozen=True, eq=False)
class Answered:
    """Posteriors `(n, labels)`, truth `(n,)` and speakers `(n,)` of some recordings."""

    posteriors: np.ndarray
    classes: np.ndarray
    speakers: np.ndarray

    @staticmethod
    def joined(parts: Sequence[Answered]) -> Answered:
        """Those of all parts."""
        return Answered(*(np.concatenate([getattr(one, n) for one in parts]) for n in Answered.__dataclass_fields__))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """See `fit_thresholds`."""
        return fit_thresholds(self.posteriors, self.classes, self.speakers)


@dataclass(frozen=True)
class Sets:
    """Prediction sets of one way of asking.

    Attributes:
        thresholds: for `tembr.evaluate.conformal.LEVELS`, fitted on the test parts of all folds: to ship.
        scores: for each level of `REPORTED` what thresholds fitted on each fold's held-out speakers came to on its
            test part: `SetScores` as plain data.
    """

    thresholds: tuple[float, ...]
    scores: list[dict]


def sets_alone(heldout: HeldOut, measured: Measured) -> Sets:
    """Of the weighted ensemble's answers to anybody."""
    calibration, tests = [], []
    for fold, posteriors in zip(heldout.folds, measured.ways[WEIGHTED].posteriors):
        weighting, part = measured.found[fold.name].weighting, fold.heldout
        chosen = part.of([heldout.members.index(name) for name in weighting.weights])
        calibration.append(Answered(weighting.posteriors(chosen.logits), part.classes, part.speakers))
        tests.append(Answered(posteriors, fold.test.classes, fold.test.speakers))
    return _sets(calibration, tests)


def sets_adapted(heldout: HeldOut, folds: Sequence[AdaptedFold]) -> Sets:
    """Of answers adapted to each speaker."""
    calibration = [Answered(one.heldout_posteriors, *one.heldout[1:]) for one in folds]
    tests = []
    for one, fold in zip(folds, heldout.folds):
        places = {index: place for place, index in enumerate(fold.test.indices)}
        chosen = fold.test.at(np.array([places[index] for index in one.indices]))
        tests.append(Answered(one.posteriors, chosen.classes, chosen.speakers))
    return _sets(calibration, tests)


def _sets(calibration: Sequence[Answered], tests: Sequence[Answered]) -> Sets:
    everything = Answered.joined(tests)
    fitted = [one.thresholds for one in calibration]
    scores = []
    for level in REPORTED:
        inside = [prediction_sets(t.posteriors, threshold_at(found, level)) for t, found in zip(tests, fitted)]
        scores.append(asdict(score_sets(np.concatenate(inside), everything.classes, everything.speakers, level)))
    return Sets(everything.thresholds, scores)
