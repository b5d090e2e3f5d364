"""Discriminants on what differs from a speaker's mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.ensemble.projection import Projection
from tembr.ensemble.relative import SHRINKAGE, Moments, fit_relative, moments_of, sum_of
from tembr.models.discriminants import fair_shares, fit_discriminants


def voices(count: int = 30, speakers: int = 6, seed: int = 0):
    """Two emotions half a unit apart along the second axis, of voices that lie far apart along it."""
    rng = np.random.default_rng(seed)
    speaker, emotion = (each.ravel() for each in np.indices((speakers, 2, count))[:2])
    values = 0.2 * rng.normal(size=(len(speaker), 3))
    values[:, 1] += 0.5 * emotion + 10 * rng.normal(size=speakers)[speaker]
    return values.astype(np.float32), emotion, np.array([f"s{k}" for k in speaker])


def moments(layers: list[np.ndarray], classes: np.ndarray, speakers: np.ndarray, labels: int = 2) -> Moments:
    own = (speakers == one for one in np.unique(speakers))
    return sum_of(moments_of([layer[voice] for layer in layers], classes[voice], labels) for voice in own)


def fitted(layers: list[np.ndarray], *known: np.ndarray, temperature: float = 1.0, labels: int = 2) -> Projection:
    return fit_relative([(moments(layers, *known, labels), 1.0)], temperature)


def test_a_voice_less_its_mean_tells_emotions_that_nothing_else_tells():
    values, classes, speakers = voices()
    head = fitted([values], classes, speakers, labels=3)
    unknown, truth, _ = voices(speakers=1, seed=7)
    found = head(torch.from_numpy(unknown + np.float32([0, 3, 0]))).numpy()
    own = found - found.mean(0)
    assert (own[:, :2].argmax(1) == truth).mean() > 0.85
    assert not found[:, 2].any()  # an emotion that nobody showed


def test_weights_are_those_of_discriminants_on_what_is_apart():
    """With as many recordings of each emotion a centre is the mean."""
    values, classes, speakers = voices()
    apart = np.concatenate([values[speakers == s] - values[speakers == s].mean(0) for s in np.unique(speakers)])
    shares = fair_shares(classes, speakers, np.zeros(len(classes), int), {0: 1.0})
    known = fit_discriminants(apart, classes, shares, SHRINKAGE)
    head = fitted([values], classes, speakers)
    np.testing.assert_allclose(
        head.directions.T / head.deviation, known.weights / known.deviation, rtol=0.02, atol=1e-3
    )


def test_layers_say_the_mean_of_what_each_says_over_the_temperature():
    values, *known = voices()
    one, twice = fitted([values], *known), fitted([values, values], *known, temperature=4.0)
    taken = torch.from_numpy(values)
    torch.testing.assert_close(twice(torch.cat([taken, taken], dim=1)), one(taken) / 4, atol=1e-4, rtol=1e-4)


def test_a_corpus_counts_for_its_share_however_many_voices_it_has():
    (values, *known), (others, *theirs) = voices(), voices(speakers=12, seed=3)
    ours, more = moments([values], *known), moments([-others], *theirs)
    alone = fit_relative([(ours, 1.0), (more, 0.0)], 1.0)
    torch.testing.assert_close(alone.directions, fitted([values], *known).directions)
    half, again = (fit_relative([(ours, 1.0), (many, 0.5)], 1.0) for many in (more, more + more))
    torch.testing.assert_close(half.directions, again.directions)
    assert not torch.allclose(half.directions, alone.directions, rtol=0.05)


def test_every_emotion_of_a_voice_counts_as_one():
    values, classes = np.array([[0.0], [2.0], [5.0]], np.float32), np.array([0, 0, 1])
    found = moments_of([values], classes, 3)
    assert found.counts.tolist() == [1, 1, 0]
    assert found.sums[0].tolist() == [[-2], [2], [0]]  # about (1 + 5) / 2
    assert found.scatter[0].tolist() == [[pytest.approx((9 + 1) / 2 + 4)]]
    assert (found.first[0].tolist(), found.second[0].tolist()) == ([6], [27])


def test_a_voice_of_one_emotion_tells_nothing():
    assert moments_of([np.ones((3, 2), np.float32)], np.array([1, 1, 1]), 2) is None
    assert sum_of([None, None]) is None


@pytest.mark.parametrize("size", [1, 4])
def test_a_value_beyond_six_deviations_counts_as_that(size):
    head = Projection(size, 2)
    head.directions[:, 0] = 1.0
    assert head(torch.full((1, size), 100.0)).tolist() == [[6.0 * size, 0.0]]
