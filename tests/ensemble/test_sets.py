"""Prediction sets of an ensemble: thresholds come from held-out speakers, never from those that are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tembr.ensemble.adapted import AdaptedAnswers, AdaptedFold
from tembr.ensemble.measure import WEIGHTED, measure
from tembr.ensemble.part import Part
from tembr.ensemble.search import Found
from tembr.ensemble.sets import adapted_sets, speaker_independent_sets
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.weighting import weigh
from tembr.evaluate.conformal import REPORTED, fit_thresholds, prediction_sets, threshold_at
from tests.ensemble.conftest import draw, draw_heldout

HELDOUT = draw_heldout(1.5, 0.5)


def found(name, names, part) -> Found:
    """Another weighting for every fold, and another still over all."""
    share = {"F0": 0.75, "F1": 0.5, "F2": 0.25}.get(name, 0.6)
    return Found(weigh({names[0]: share, names[1]: 1 - share}, 1.3, part, 0.0), (), None)


def measured(heldout):
    return measure(heldout, EnsembleSettings(), found, by_speaker=True)


def expected(calibration, tests, level: float) -> float:
    """Mean over speakers of the share of sets that hold the truth: posteriors, classes, speakers of each fold."""
    hits = []
    for (own, classes, speakers), (posteriors, truth, names) in zip(calibration, tests):
        inside = prediction_sets(posteriors, threshold_at(fit_thresholds(own, classes, speakers), level))
        hits += list(zip(names, inside[np.arange(len(inside)), truth]))
    everybody = {name for name, _ in hits}
    return round(float(np.mean([np.mean([hit for n, hit in hits if n == name]) for name in everybody])), 4)


def wrong(part: Part) -> Part:
    return Part(part.logits, (part.classes + 1) % 6, part.speakers, part.indices)


def test_each_fold_is_scored_by_thresholds_of_its_own_held_out_speakers(two_combiners):
    outcome = measured(HELDOUT)
    weightings = [outcome.found[fold.name].weighting for fold in HELDOUT.folds]
    calibration = [
        (w.posteriors(f.heldout.logits), f.heldout.classes, f.heldout.speakers)
        for w, f in zip(weightings, HELDOUT.folds)
    ]
    tests = [(p, f.test.classes, f.test.speakers) for p, f in zip(outcome.ways[WEIGHTED].posteriors, HELDOUT.folds)]
    scores = {one["level"]: one["coverage"] for one in speaker_independent_sets(HELDOUT, outcome).scores}
    assert scores == {level: expected(calibration, tests, level) for level in REPORTED}


def test_no_test_part_moves_what_it_is_scored_by(two_combiners):
    outcome = measured(HELDOUT)
    altered = replace(HELDOUT, folds=tuple(replace(fold, test=wrong(fold.test)) for fold in HELDOUT.folds))
    plain, other = speaker_independent_sets(HELDOUT, outcome), speaker_independent_sets(altered, outcome)
    assert [one["size"] for one in plain.scores] == [one["size"] for one in other.scores]
    assert all(a["coverage"] > b["coverage"] for a, b in zip(plain.scores, other.scores))


def test_thresholds_ship_for_answers_as_the_shipped_weights_give_them(two_combiners):
    outcome = measured(HELDOUT)
    shipped = outcome.shipped.weighting
    assert shipped not in [outcome.found[fold.name].weighting for fold in HELDOUT.folds]
    posteriors = np.concatenate([shipped.posteriors(fold.test.logits) for fold in HELDOUT.folds])
    classes, speakers = (
        np.concatenate([getattr(fold.test, name) for fold in HELDOUT.folds]) for name in ("classes", "speakers")
    )
    assert speaker_independent_sets(HELDOUT, outcome).thresholds == fit_thresholds(posteriors, classes, speakers)


def answers(seed: int, turned: int = 0, n: int = 120) -> AdaptedAnswers:
    part = draw(1.5, n=n, seed=seed)
    added = np.random.default_rng(seed).normal(size=part.logits[0].shape)
    return AdaptedAnswers(part.logits[0], added, (part.classes + turned) % 6, part.speakers, part.indices)


def folds(turned: int = 0) -> list[AdaptedFold]:
    return [AdaptedFold(answers(k, turned), answers(10 + k), 0.5, 1.0 + k, np.eye(6)) for k in range(3)]


def of(part: AdaptedAnswers, strength: float, temperature: float) -> tuple[np.ndarray, ...]:
    return part.posteriors(strength, temperature), part.classes, part.speakers


def test_adapted_answers_are_scored_by_thresholds_of_adapted_held_out_speakers():
    made = folds()
    calibration = [of(one.heldout, one.strength, one.temperature) for one in made]
    tests = [of(one.scored, one.strength, one.temperature) for one in made]
    sets = adapted_sets(made, 0.75, 1.5)
    assert {s["level"]: s["coverage"] for s in sets.scores} == {x: expected(calibration, tests, x) for x in REPORTED}
    shipped = [np.concatenate(parts) for parts in zip(*(of(one.scored, 0.75, 1.5) for one in made))]
    assert sets.thresholds == fit_thresholds(*shipped)


def test_no_adapted_answer_moves_what_it_is_scored_by():
    plain, other = adapted_sets(folds(), 0.5, 1.0), adapted_sets(folds(turned=1), 0.5, 1.0)
    assert [one["size"] for one in plain.scores] == [one["size"] for one in other.scores]
    assert all(a["coverage"] > b["coverage"] for a, b in zip(plain.scores, other.scores))


@pytest.mark.parametrize("empty", [0, 2])
def test_a_fold_in_which_nobody_is_left_to_score_says_nothing(empty):
    made = folds()
    nobody = AdaptedAnswers(*(values[:0] for values in made[empty].scored))
    made[empty] = replace(made[empty], scored=nobody)
    assert len(adapted_sets(made, 1.0, 1.0).scores) == len(REPORTED)
