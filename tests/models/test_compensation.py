"""Compensation of a channel whose effect is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.models.compensation import RANK, Compensation

SIZE = 6


def heard(count: int = 400, rank: int = SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """States through a channel, and without: of `rank` dimensions, turned, stretched and moved by it."""
    rng = np.random.default_rng(seed)
    without = rng.normal(size=(count, rank)) @ rng.normal(size=(rank, SIZE)) + rng.normal(size=SIZE)
    channel = rng.normal(size=(SIZE, SIZE)) + 2 * np.eye(SIZE)
    return without @ channel + 3 * rng.normal(size=SIZE), without


def fitted(through: np.ndarray, without: np.ndarray) -> Compensation:
    made = Compensation(through.shape[1])
    made.fit(through, without)
    return made


def error(made: Compensation, through: np.ndarray, without: np.ndarray) -> float:
    """Mean squared, of the variance."""
    found = made(torch.from_numpy(through).float()).numpy()
    return float(((found - without) ** 2).mean() / without.var(0).mean())


def test_states_are_as_they_would_be_without_the_channel():
    through, without = heard()
    made = fitted(through[:200], without[:200])
    assert error(made, through[200:], without[200:]) < 0.01
    assert ((through - without) ** 2).mean() / without.var(0).mean() > 1


def test_no_more_axes_are_kept_than_its_rank(monkeypatch):
    monkeypatch.setattr("tembr.models.compensation.RANK", 2)
    flat, full = heard(rank=2), heard()
    made = fitted(*flat)
    assert made.narrow.weight.shape == (2, SIZE) and error(made, *flat) < 0.02
    assert error(fitted(*full), *full) > 0.05


def test_what_cannot_be_told_from_a_copy_is_what_is_usual():
    rng = np.random.default_rng(1)
    through, without = rng.normal(size=(2_000, SIZE)), rng.normal(size=(2_000, SIZE)) + 5
    found = fitted(through, without)(torch.from_numpy(through).float()).numpy()
    assert found == pytest.approx(np.broadcast_to(without.mean(0), found.shape), abs=0.4)


def test_a_state_far_out_counts_as_six_deviations():
    made = fitted(*heard())
    far, further = (torch.full((1, SIZE), value) for value in (1e4, 1e6))
    assert torch.equal(made(far), made(further))


def test_nothing_of_it_is_trained_further():
    assert not any(parameter.requires_grad for parameter in Compensation(2 * RANK).parameters())
