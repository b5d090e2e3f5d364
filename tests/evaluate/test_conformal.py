"""Prediction sets against quantiles counted by hand, and their coverage on speakers drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.evaluate.conformal import (
    LEVELS,
    SetScores,
    fit_thresholds,
    prediction_sets,
    score_sets,
    threshold_at,
)
from tembr.evaluate.metrics import ScoreError


def of_truth(*probabilities: float) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors of two classes in which the truth, class 0, has these probabilities."""
    first = np.array(probabilities)
    return np.stack([first, 1 - first], axis=1), np.zeros(len(first), int)


def test_a_threshold_is_the_probability_that_so_many_truths_reach():
    posteriors, classes = of_truth(*(k / 10 for k in range(1, 11)))
    found = fit_thresholds(posteriors, classes, np.array(["A"] * 10))
    assert [threshold_at(found, level) for level in (0.5, 0.8, 0.9, 0.99)] == [0.6, 0.3, 0.2, 0.1]


def test_every_speaker_counts_alike_however_many_recordings_they_have():
    posteriors, classes = of_truth(*[0.9] * 98, 0.2, 0.1)
    speakers = np.array(["A"] * 98 + ["B"] * 2)
    found = fit_thresholds(posteriors, classes, speakers)
    assert [threshold_at(found, level) for level in (0.5, 0.6, 0.75, 0.8)] == [0.9, 0.2, 0.2, 0.1]
    assert threshold_at(fit_thresholds(posteriors, classes, np.array(["A"] * 100)), 0.9) == 0.9


def test_thresholds_fall_with_the_level():
    rng = np.random.default_rng(0)
    posteriors = rng.dirichlet(np.ones(6), 200)
    found = fit_thresholds(posteriors, rng.integers(0, 6, 200), rng.integers(0, 4, 200).astype(str))
    assert len(found) == len(LEVELS) and (np.diff(found) <= 0).all()


def test_a_coverage_between_levels_is_the_next_one():
    thresholds = tuple(1 - level for level in LEVELS)
    assert [round(threshold_at(thresholds, level), 2) for level in (0.5, 0.501, 0.9, 0.99)] == [0.5, 0.49, 0.1, 0.01]


@pytest.mark.parametrize("level", [0.49, 0.991, 1.0, -1, float("nan")])
def test_a_coverage_out_of_range_is_refused(level):
    with pytest.raises(ValueError, match="give a share of 0.5 to 0.99"):
        threshold_at((0.5,) * len(LEVELS), level)


def test_nothing_to_calibrate_on_is_said():
    with pytest.raises(ScoreError, match="no recordings to calibrate"):
        fit_thresholds(np.empty((0, 6)), np.empty(0, int), np.empty(0, str))


def test_a_set_has_what_reaches_the_threshold_and_always_the_likeliest():
    posteriors = np.array([[0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    assert prediction_sets(posteriors, 0.3).tolist() == [[True, True, False], [False, True, True]]
    assert prediction_sets(posteriors, 0.9).tolist() == [[True, False, False], [False, False, True]]
    assert prediction_sets(posteriors, 0.0).all()


def test_scores_count_speakers_alike():
    inside = np.array([[True, False], [True, True], [False, True], [True, False]])
    found = score_sets(inside, np.zeros(4, int), np.array(["A", "A", "A", "B"]), 0.9)
    assert found == SetScores(0.9, 0.8333, 1.25, 0.75, {"A": 0.6667, "B": 1.0})


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_sets_hold_the_truth_of_as_many_recordings_of_unheard_speakers(level):
    rng = np.random.default_rng(1)

    def drawn(speakers: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        names, classes = np.repeat(np.arange(speakers), 40), rng.integers(0, 6, 40 * speakers)
        skill = rng.normal(1.5, 0.5, speakers)[names]
        logits = rng.normal(size=(len(names), 6)) + skill[:, None] * np.eye(6)[classes]
        return np.exp(logits) / np.exp(logits).sum(1, keepdims=True), classes, names.astype(str)

    threshold = threshold_at(fit_thresholds(*drawn(300)), level)
    posteriors, classes, speakers = drawn(300)
    found = score_sets(prediction_sets(posteriors, threshold), classes, speakers, level)
    assert found.coverage == pytest.approx(level, abs=0.02)
