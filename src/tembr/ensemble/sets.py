"""Prediction sets of an ensemble: calibrated on held-out speakers, scored on others, and thresholds that ship.

What is reported of a fold's speakers comes from thresholds of its held-out ones, on which its weights and temperature
were found too: a handful of numbers. The thresholds that ship are those of all unheard speakers together, as the
shipped weights and temperature answer them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tembr.ensemble.adapted import AdaptedAnswers, AdaptedFold
from tembr.ensemble.combiners import WEIGHTED
from tembr.ensemble.heldout import HeldOut
from tembr.ensemble.measure import Measured
from tembr.ensemble.part import Part
from tembr.ensemble.weighting import Weighting
from tembr.evaluate.conformal import REPORTED, fit_thresholds, prediction_sets, score_sets, threshold_at

SPEAKER_INDEPENDENT, ADAPTED = "speaker_independent", "adapted"
"""Names of the thresholds for answers to anybody, and to a speaker adapted to."""


@dataclass(frozen=True, eq=False)
class ScoredPosteriors:
    """Posteriors `(n, labels)`, truth `(n,)` and speakers `(n,)` of some recordings."""

    posteriors: np.ndarray
    classes: np.ndarray
    speakers: np.ndarray

    @staticmethod
    def joined(parts: Iterable[ScoredPosteriors]) -> ScoredPosteriors:
        """Those of all parts."""
        fields = zip(*((one.posteriors, one.classes, one.speakers) for one in parts))
        return ScoredPosteriors(*map(np.concatenate, fields))

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


def speaker_independent_sets(heldout: HeldOut, measured: Measured) -> Sets:
    """Of the weighted ensemble's answers to anybody."""
    calibration, tests, shipped = [], [], []
    for fold, posteriors in zip(heldout.folds, measured.ways[WEIGHTED].posteriors):
        calibration.append(_answered(measured.found[fold.name].weighting, fold.heldout, heldout.members))
        tests.append(ScoredPosteriors(posteriors, fold.test.classes, fold.test.speakers))
        shipped.append(_answered(measured.shipped.weighting, fold.test, heldout.members))
    return Sets(ScoredPosteriors.joined(shipped).thresholds, _scores(calibration, tests))


def adapted_sets(folds: Sequence[AdaptedFold], strength: float, temperature: float) -> Sets:
    """Of answers adapted to each speaker, which ship with this strength and temperature."""
    calibration = [_adapted(one.heldout, one.strength, one.temperature) for one in folds]
    tests = [_adapted(one.scored, one.strength, one.temperature) for one in folds]
    shipped = ScoredPosteriors.joined(_adapted(one.scored, strength, temperature) for one in folds)
    return Sets(shipped.thresholds, _scores(calibration, tests))


def _answered(weighting: Weighting, part: Part, members: Sequence[str]) -> ScoredPosteriors:
    chosen = part.of([members.index(name) for name in weighting.weights])
    return ScoredPosteriors(weighting.posteriors(chosen.logits), part.classes, part.speakers)


def _adapted(part: AdaptedAnswers, strength: float, temperature: float) -> ScoredPosteriors:
    return ScoredPosteriors(part.posteriors(strength, temperature), part.classes, part.speakers)


def _scores(calibration: Sequence[ScoredPosteriors], tests: Sequence[ScoredPosteriors]) -> list[dict]:
    everything = ScoredPosteriors.joined(tests)
    fitted = [one.thresholds for one in calibration]
    scores = []
    for level in REPORTED:
        inside = [prediction_sets(t.posteriors, threshold_at(found, level)) for t, found in zip(tests, fitted)]
        scores.append(asdict(score_sets(np.concatenate(inside), everything.classes, everything.speakers, level)))
    return scores
