"""Weights and temperature on made-up members: what they are worth, what is dropped, who is best."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.ensemble.part import Part
from tembr.ensemble.weighting import (
    Weighting,
    best_member,
    best_members,
    negative_log_likelihood,
    typical_loss,
    weigh,
    without_small,
)
from tests.ensemble.conftest import draw


def part_of(*posteriors: list[list[float]], classes: list[int]) -> Part:
    logits = np.log(np.array(posteriors, dtype=np.float32))
    return Part(logits, np.array(classes), np.array(["S"] * len(classes)), np.arange(len(classes)))


def test_worth_by_hand():
    """The fused posterior of the truth is 0.5 · 0.8 + 0.5 · 0.4 = 0.6; two equal members cost one price."""
    part = part_of([[0.8, 0.2]], [[0.4, 0.6]], classes=[0])
    weighed = weigh({"a": 1.0, "b": 1.0}, 1.0, part, l1=0.1)
    assert weighed.nll == pytest.approx(-np.log(0.6))
    assert weighed.objective == pytest.approx(-np.log(0.6) + 0.1)
    assert weighed.weights == {"a": 0.5, "b": 0.5}


def test_one_member_costs_nothing_for_its_width():
    part = part_of([[0.8, 0.2]], [[0.4, 0.6]], classes=[0])
    weighed = weigh({"a": 0.3, "b": 0.0}, 1.0, part, l1=5.0)
    assert weighed.objective == pytest.approx(-np.log(0.8))


def test_no_weight_at_all_counts_as_equal_weights():
    part = draw(1.0, 1.0)
    assert weigh({"a": 0.0, "b": 0.0}, 1.0, part, 0.0) == weigh({"a": 1.0, "b": 1.0}, 1.0, part, 0.0)


def test_an_impossible_truth_costs_much_but_not_infinitely():
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(27.6, abs=0.1)


def test_a_small_useless_weight_is_dropped():
    part = draw(3.0, 0.0)
    found = without_small(weigh({"good": 0.97, "noise": 0.03}, 1.0, part, 0.0), part, 0.0)
    assert found.weights == {"good": 1.0, "noise": 0.0}


def test_a_small_useful_weight_stays_until_width_is_dear():
    """The second member knows the one recording that the first gets wholly wrong."""
    sure, wrong, right = [0.99, 0.01], [0.001, 0.999], [0.99, 0.01]
    part = part_of([sure] * 9 + [wrong], [[0.5, 0.5]] * 9 + [right], classes=[0] * 10)
    weights = {"a": 0.96, "b": 0.04}
    kept = without_small(weigh(weights, 1.0, part, 0.0), part, 0.0)
    dear = without_small(weigh(weights, 1.0, part, 20.0), part, 20.0)
    assert kept.weights == pytest.approx(weights)
    assert dear.weights == {"a": 1.0, "b": 0.0}


def test_the_best_member_is_the_one_recalling_most():
    assert best_member(["weak", "strong", "noise"], draw(0.5, 2.0, 0.0)) == "strong"


def test_the_best_two_are_the_likeliest_together():
    """The copy of the best adds nothing; the weaker one makes other mistakes."""
    part = draw(2.0, 1.5, 0.0)
    doubled = Part(np.stack([part.logits[0], *part.logits]), part.classes, part.speakers, part.indices)
    assert best_members(["copy", "best", "other", "noise"], doubled, 2) == ["copy", "other"]
    assert best_members(["a", "b", "c"], part, 3) == ["a", "b", "c"]


def test_posteriors_of_a_weighting_are_the_modules():
    part = draw(1.0, 2.0)
    weighting = Weighting({"a": 0.25, "b": 0.75}, 1.5, 0.0, 0.0)
    scaled = np.exp(part.logits / 1.5)
    softmax = scaled / scaled.sum(-1, keepdims=True)
    expected = 0.25 * softmax[0] + 0.75 * softmax[1]
    np.testing.assert_allclose(weighting.posteriors(part.logits), expected, atol=1e-6)


def test_one_odd_speaker_does_not_decide():
    posteriors, truth = np.array([[0.5, 0.5], [0.5, 0.5], [0.8, 0.2], [1e-9, 1.0]]), np.zeros(4, int)
    assert typical_loss(posteriors, truth, np.array(list("ABBC"))) == pytest.approx(-np.log(0.5))


@pytest.mark.parametrize("speakers", [list("AABB"), ["A", "B", "C", ""]])
def test_of_few_or_unknown_speakers_every_recording_counts(speakers):
    posteriors, truth = np.array([[0.5, 0.5], [0.5, 0.5], [0.8, 0.2], [0.1, 0.9]]), np.zeros(4, int)
    expected = negative_log_likelihood(posteriors, truth)
    assert typical_loss(posteriors, truth, np.array(speakers)) == pytest.approx(expected)


def test_a_small_weight_that_is_worth_next_to_nothing_is_dropped_at_any_price():
    """0.96 · 0.8 + 0.04 · 0.81 = 0.8004 is 0.0005 nats better than 0.8."""
    part = part_of([[0.8, 0.2]], [[0.81, 0.19]], classes=[0])
    found = weigh({"a": 0.96, "b": 0.04}, 1.0, part, 0.0)
    assert without_small(found, part, 0.0).weights == {"a": 1.0, "b": 0.0}
