"""Members as one: known answers, and what cannot be joined."""

from __future__ import annotations

import pytest
import torch

from tembr.ensemble.weighted import WeightedEnsemble
from tembr.errors import ConfigError

ONE = torch.log(torch.tensor([[0.8, 0.2], [0.5, 0.5]]))
OTHER = torch.log(torch.tensor([[0.4, 0.6], [0.1, 0.9]]))


def test_two_members_by_hand():
    """0.75 · 0.8 + 0.25 · 0.4 = 0.7; 0.75 · 0.5 + 0.25 · 0.1 = 0.4."""
    joined = WeightedEnsemble({"one": 3.0, "other": 1.0})([ONE, OTHER])
    torch.testing.assert_close(joined, torch.tensor([[0.7, 0.3], [0.4, 0.6]]))


def test_temperature_by_hand():
    """Odds of 4 at temperature 2 are odds of 2: two thirds."""
    joined = WeightedEnsemble({"one": 1.0}, temperature=2.0)([ONE])
    torch.testing.assert_close(joined, torch.tensor([[2 / 3, 1 / 3], [0.5, 0.5]]))


def test_weights_sum_to_one_and_nothing_of_them_is_trained():
    ensemble = WeightedEnsemble({"one": 2.0, "other": 6.0}, temperature=1.5)
    assert ensemble.weights.tolist() == [0.25, 0.75]
    assert {name for name, _ in ensemble.named_buffers()} == {"weights", "temperature"}
    assert not list(ensemble.parameters())


@pytest.mark.parametrize(("weights", "width"), [([1, 0, 0], 1), ([1, 1, 1], 3), ([2, 1, 0], 1.5)])
def test_l1_counts_members_in_units_of_the_largest(weights, width):
    ensemble = WeightedEnsemble(dict(zip("abc", weights)))
    assert float(ensemble.l1_regularization()) == pytest.approx(width)


@pytest.mark.parametrize(
    ("weights", "temperature", "message"),
    [
        ({"one": -0.1, "other": 1}, 1, "none may be negative"),
        ({"one": 0, "other": 0}, 1, "one must be above 0"),
        ({"one": float("nan"), "other": 1}, 1, "none may be negative"),
        ({"one": 1}, 0, "temperature 0: must be greater than 0"),
        ({"one": 1}, float("nan"), "must be greater than 0"),
    ],
)
def test_impossible_weights_and_temperatures_are_said(weights, temperature, message):
    with pytest.raises(ConfigError, match=message):
        WeightedEnsemble(weights, temperature)
