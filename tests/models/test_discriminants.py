"""Discriminants to which all speakers of a corpus count alike, where the numbers are known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tembr.models.discriminants import FURTHEST, class_moments_of, fair_shares, fit_discriminants, fit_on_moments


def clouds(count: int = 300, size: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Values `(3 · count, size)` of three classes."""
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], count)
    return rng.normal(size=(3 * count, size)) @ rng.normal(size=(size, size)) + classes[:, None], classes


def test_with_equal_shares_they_are_the_discriminants_of_scikit_learn():
    values, classes = clouds()
    found = fit_discriminants(values, classes, np.ones(len(values)), 0.0)
    standardised = np.clip((values - found.mean) / found.deviation, -FURTHEST, FURTHEST)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", priors=[1 / 3] * 3).fit(standardised, classes)
    ours = found.logits(values)
    expected = standardised @ theirs.coef_.T + theirs.intercept_
    np.testing.assert_allclose(ours - ours[:, :1], expected - expected[:, :1], rtol=1e-3, atol=1e-3)


def test_a_recording_with_twice_the_share_counts_as_two():
    values, classes = clouds(40)
    shares = np.where(np.arange(len(values)) % 3 == 0, 2.0, 1.0)
    repeated = np.repeat(np.arange(len(values)), shares.astype(int))
    one = fit_discriminants(values, classes, shares, 0.1)
    other = fit_discriminants(values[repeated], classes[repeated], np.ones(len(repeated)), 0.1)
    for name in one._fields:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-5)


def test_parts_together_are_the_whole_with_their_shares_multiplied():
    """The second part lies elsewhere and lacks a class."""
    values, classes = clouds(40)
    values = values.astype(np.float32) + 100
    second = (np.arange(len(values)) % 2 == 0) & (classes < 2)
    values[second] += np.float32([3, -2, 0, 1])
    shares = np.where(classes == 1, 0.5, 1.0)
    parts = [(class_moments_of(values[p], classes[p], shares[p], 3), f) for p, f in ((~second, 1.0), (second, 0.3))]
    found = fit_on_moments(parts, 0.1)
    expected = fit_discriminants(values, classes, shares * np.where(second, 0.3, 1.0), 0.1)
    for name in expected._fields:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=1e-4)


def test_wholly_shrunk_no_value_says_anything_of_another():
    values, classes = clouds()
    found = fit_discriminants(values, classes, np.ones(len(values)), 1.0)
    means = np.stack([((values - found.mean) / found.deviation)[classes == k].mean(0) for k in range(3)])
    ratio = found.weights / (means - means.mean(0))
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=0.05)


def test_the_best_answer_is_never_below_zero_however_little_was_recorded():
    values, classes = clouds(10, size=40)
    found = fit_discriminants(values[::10], classes[::10], np.ones(3), 0.0)
    assert (found.logits(values).max(1) >= 0).all()


def test_classes_that_were_not_met_are_left_out():
    values, classes = clouds()
    found = fit_discriminants(values, 2 * classes + 1, np.ones(len(values)), 0.1)
    assert found.classes.tolist() == [1, 3, 5] and found.weights.shape == (3, 4)


def test_what_tells_voices_apart_says_nothing_of_emotions():
    """The first value is the voice's alone; the one who says most says more of one emotion."""
    rng = np.random.default_rng(0)
    speakers = np.repeat(["a", "b", "c"], [400, 40, 40])
    classes = np.concatenate([np.repeat([0, 1], [350, 50]), np.tile([0, 1], 40)])
    values = rng.normal(scale=0.5, size=(480, 2))
    values[:, 0] += np.where(speakers == "a", 4.0, np.where(speakers == "b", -4.0, 0.0))
    values[:, 1] += classes
    fair = fit_discriminants(values, classes, fair_shares(classes, speakers, 0 * classes, {0: 1.0}), 0.0)
    plain = fit_discriminants(values, classes, np.ones(480), 0.0)
    voice, emotion = np.abs((fair.weights[1] - fair.weights[0]) / fair.deviation)
    assert voice < 0.02 * emotion
    assert voice < 0.5 * np.abs((plain.weights[1] - plain.weights[0]) / plain.deviation)[0]


def test_shares_are_fair_to_speakers_emotions_and_corpora():
    classes = np.array([0, 0, 1, 0, 0, 1])
    speakers = np.array(["a", "a", "a", "b", "c", "c"])
    corpora = np.array([0, 0, 0, 0, 1, 1])
    shares = fair_shares(classes, speakers, corpora, {0: 3.0, 1: 0.5})
    np.testing.assert_allclose(shares, [0.5, 0.5, 1, 1, 0.25, 0.25])


@pytest.mark.parametrize("importance", [{0: 1.0}, {0: 1.0, 1: 0.0}])
def test_a_corpus_of_no_importance_counts_for_nothing(importance):
    shares = fair_shares(np.array([0, 1, 0]), np.array(["a", "a", "b"]), np.array([0, 0, 1]), importance)
    np.testing.assert_allclose(shares, [0.5, 0.5, 0])
