"""Weights between what was found and equal ones: by hand, and what made-up members teach of how much to believe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

from tembr.ensemble.part import Part
from tembr.ensemble.shrinkage import (
    GRID,
    _largest_within_error,
    choose_share,
    likeliest_mixture,
    mixture_weights,
    shrink,
    truth_posteriors,
)
from tembr.ensemble.weighting import Weighting, negative_log_likelihood, weigh
from tests.ensemble.conftest import draw, level_one

ALIKE = (2.0, 2.0, 2.0)


def found(part: Part, *weights: float, l1: float = 0.0) -> Weighting:
    return weigh(dict(zip("abcd", weights)), 1.0, part, l1)


def fitted(part: Part) -> Weighting:
    """The likeliest weights, as a search finds them."""
    return found(part, *mixture_weights(truth_posteriors(part)[4]))


def test_weights_by_hand():
    """Half of (0.8, 0.2) and half of (0.5, 0.5)."""
    part = draw(2.0, 2.0)
    assert shrink(found(part, 0.8, 0.2), 0.5, part, 0.0).weights == pytest.approx({"a": 0.65, "b": 0.35})


def test_of_no_share_all_stays_as_found():
    part = draw(2.0, 2.0)
    assert shrink(found(part, 0.8, 0.2), 0.0, part, 0.0) == found(part, 0.8, 0.2)


@pytest.mark.parametrize("weights", [(0.98, 0.01, 0.01), (1.0, 0.0, 0.0)])
def test_of_the_whole_share_weights_are_equal_whatever_was_found(weights):
    part = draw(*ALIKE)
    shrunk = shrink(found(part, *weights), 1.0, part, 0.0)
    assert list(shrunk.weights.values()) == pytest.approx([1 / 3] * 3)


def test_a_price_of_width_leaves_equal_weights_of_the_members_kept():
    part = draw(*ALIKE)
    shrunk = shrink(found(part, 0.7, 0.3, 0.0, l1=0.01), 1.0, part, 0.01)
    assert shrunk.weights == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.0})


def test_the_temperature_is_fitted_to_the_weights():
    part = draw(1.0, 1.0, n=600)
    loud = Part(3 * part.logits, part.classes, part.speakers, part.indices)
    one, other = (shrink(found(p, 1.0, 0.0), 1.0, p, 0.0).temperature for p in (part, loud))
    assert other == pytest.approx(3 * one, rel=0.05)


def test_a_small_weight_that_is_worth_nothing_is_dropped_after_shrinking():
    part = draw(3.0, 0.0, n=600)
    assert shrink(found(part, 1.0, 0.0), 0.02, part, 0.0).weights == {"a": 1.0, "b": 0.0}


def test_mixture_weights_are_the_likeliest():
    """Against SciPy's SLSQP."""
    truth = np.random.default_rng(0).beta([[2], [3], [1]], [[2], [2], [2]], size=(3, 400))
    sure = minimize(
        lambda w: -np.log(w @ truth).mean(),
        np.full(3, 1 / 3),
        bounds=[(0, 1)] * 3,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
    )
    np.testing.assert_allclose(mixture_weights(truth), sure.x, atol=5e-3)


def test_the_likeliest_mixture_is_as_likely_as_any_on_a_grid():
    part = draw(2.0, 1.0, n=300, speakers=2)
    weights, temperature = likeliest_mixture(("a", "b"), part)
    assert max(weights.values()) == 1
    tried = [weigh({"a": a, "b": 1 - a}, t, part, 0.0).nll for a in np.linspace(0, 1, 21) for t in GRID]
    assert weigh(weights, temperature, part, 0.0).nll <= min(tried) + 1e-4


def test_the_largest_share_within_one_error_by_hand():
    """Speakers lose (0, 2), (1, 1.2) and (4, 0): means 1, 1.1, 2. The second is 0.1 more than the first, ± 0.9."""
    losses = np.array([[0.0, 2.0], [1.0, 1.2], [4.0, 2.5]])
    assert _largest_within_error(losses, np.array(["A", "B"])) == 1


def test_each_speaker_counts_once_however_many_recordings():
    """Speaker A loses by the second share in all four recordings; B and C gain more."""
    losses = np.array([[0.0] * 4 + [1.0, 1.0], [0.5] * 4 + [0.0, 0.0]])
    assert _largest_within_error(losses, np.array(list("AAAABC"))) == 1
    assert _largest_within_error(losses, np.arange(6)) == 1
    assert _largest_within_error(np.array([[0.0] * 4 + [0.1, 0.1], [0.5] * 4 + [0.0, 0.0]]), np.arange(6)) == 0


@pytest.mark.parametrize(("speakers", "by_speaker"), [(4, False), (6, True)])
def test_members_of_equal_worth_and_few_recordings_keep_nearly_equal_weights(speakers, by_speaker):
    """Searched weights are worse than equal ones there; shrunk ones are not, on average over draws."""
    losses, spread = [], []
    for seed in range(8):
        part, asked = draw(*ALIKE, n=120, seed=seed, speakers=speakers), draw(*ALIKE, n=3_000, seed=100 + seed)
        searched = fitted(part)
        shrunk = shrink(searched, choose_share(level_one(part, by_speaker)), part, 0.0)
        equal = shrink(searched, 1.0, part, 0.0)
        losses.append(
            [negative_log_likelihood(w.posteriors(asked.logits), asked.classes) for w in (shrunk, equal, searched)]
        )
        spread.append([np.ptp(list(w.weights.values())) for w in (shrunk, searched)])
    (shrunk, equal, alone), (narrow, wide) = np.mean(losses, axis=0), np.mean(spread, axis=0)
    assert shrunk <= 1.01 * equal < 1.01 * alone
    assert narrow < 0.15 < wide


def test_a_useless_member_of_plenty_of_recordings_is_weighted_down():
    part = draw(3.0, 3.0, 0.0, n=900)
    shrunk = shrink(fitted(part), choose_share(level_one(part)), part, 0.0)
    assert shrunk.weights["c"] < 0.05 and min(shrunk.weights["a"], shrunk.weights["b"]) > 0.3


def test_of_fewer_than_three_unseen_voices_nothing_is_believed():
    part = draw(3.0, 0.0, n=600, speakers=2)
    assert choose_share(level_one(part, by_speaker=True)) == 1.0
    assert choose_share(level_one(part, by_speaker=False)) < 0.3


def test_recordings_that_cannot_be_divided_are_not_believed():
    part = draw(3.0, 0.0)
    assert choose_share(level_one(replace(part, classes=np.r_[0, np.ones(119, int)]))) == 1.0


def test_one_member_needs_no_belief():
    part = draw(3.0)
    assert shrink(found(part, 1.0), choose_share(level_one(part)), part, 0.0).weights == {"a": 1.0}


def test_what_one_odd_voice_likes_is_not_believed_of_others():
    """The second member knows half of the recordings of one speaker in six; to the others it is a copy with noise."""
    part = draw(3.0, 3.0, n=600, speakers=6)
    odd = part.speakers == "S0"
    part.logits[1, odd, part.classes[odd]] += 6
    part.logits[0, odd, part.classes[odd]] -= 3
    assert choose_share(level_one(part, by_speaker=True)) >= 0.7
    assert choose_share(level_one(part, by_speaker=False)) < 0.7
