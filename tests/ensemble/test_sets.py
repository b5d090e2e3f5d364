"""Prediction sets of an ensemble: thresholds come from held-out speakers, never from those that are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import log_softmax

from tembr.ensemble.adapted import AdaptedFold
from tembr.ensemble.heldout import Part
from tembr.ensemble.measure import WEIGHTED, measure
from tembr.ensemble.search import Found
from tembr.ensemble.sets import sets_adapted, sets_alone
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.weighting import weigh
from tembr.evaluate.conformal import REPORTED, fit_thresholds, prediction_sets, threshold_at
from tests.ensemble.conftest import draw_heldout

HELDOUT = draw_heldout(1.5, 0.5)


def found(name, names, part) -> Found:
    return Found(weigh({names[0]: 0.75, names[1]: 0.25}, 1.3, part, 0.0), (), None)


def measured(heldout):
    return measure(heldout, EnsembleSettings(), found, by_speaker=True)


def test_each_fold_is_scored_by_thresholds_of_its_own_held_out_speakers():
    outcome = measured(HELDOUT)
    hits = []
    for fold, posteriors in zip(HELDOUT.folds, outcome.ways[WEIGHTED].posteriors):
        weighting, part = outcome.found[fold.name].weighting, fold.heldout
        thresholds = fit_thresholds(weighting.posteriors(part.logits), part.classes, part.speakers)
        inside = prediction_sets(posteriors, threshold_at(thresholds, 0.9))
        rows = np.arange(len(inside))
        hits += [(s, hit) for s, hit in zip(fold.test.speakers, inside[rows, fold.test.classes])]
    shares = [np.mean([hit for s, hit in hits if s == speaker]) for speaker in {s for s, _ in hits}]
    scores = {one["level"]: one for one in sets_alone(HELDOUT, outcome).scores}
    assert tuple(scores) == REPORTED
    assert scores[0.9]["coverage"] == round(float(np.mean(shares)), 4)


def test_no_test_part_moves_what_it_is_scored_by():
    def wrong(part: Part) -> Part:
        return Part(part.logits, (part.classes + 1) % 6, part.speakers, part.indices)

    outcome = measured(HELDOUT)
    altered = replace(HELDOUT, folds=tuple(replace(fold, test=wrong(fold.test)) for fold in HELDOUT.folds))
    plain, other = sets_alone(HELDOUT, outcome), sets_alone(altered, outcome)
    assert [one["size"] for one in plain.scores] == [one["size"] for one in other.scores]
    assert [one["coverage"] for one in plain.scores] > [one["coverage"] for one in other.scores]
    assert plain.thresholds != other.thresholds  # those that ship may see all that was held out


def test_adapted_answers_have_thresholds_of_their_own():
    folds = []
    for fold in HELDOUT.folds:
        logits = (fold.heldout.logits[0], fold.heldout.classes, fold.heldout.speakers)
        scored = fold.test.indices[1::2]
        posteriors = np.exp(log_softmax(fold.test.logits[0][1::2] / 2.0, axis=1))
        folds.append(AdaptedFold(scored, posteriors, 2.0, np.eye(6), logits))
    sets = sets_adapted(HELDOUT, folds)
    softened = [np.exp(log_softmax(fold.heldout.logits[0] / 2.0, axis=1)) for fold in HELDOUT.folds]
    np.testing.assert_allclose(softened[0], folds[0].heldout_posteriors, rtol=1e-6)
    truth = np.concatenate([fold.test.classes[1::2] for fold in HELDOUT.folds])
    speakers = np.concatenate([fold.test.speakers[1::2] for fold in HELDOUT.folds])
    assert sets.thresholds == fit_thresholds(np.concatenate([one.posteriors for one in folds]), truth, speakers)
    assert 0.8 < {one["level"]: one["coverage"] for one in sets.scores}[0.9] <= 1
