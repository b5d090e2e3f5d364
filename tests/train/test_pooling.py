"""How states of layers become one vector each."""

from __future__ import annotations

import pytest
import torch

from tembr.train.pooling import Pooling

STATES = [torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]
LONG = torch.tensor([5, 2])
MEANS = [torch.stack([one[0].mean(0), one[1, :2].mean(0)]) for one in STATES]


@pytest.mark.parametrize("attention", [False, True])
def test_untrained_it_is_the_mean_over_time_of_each_layer(attention):
    found = Pooling(2, 3, attention)(STATES, LONG)
    assert len(found) == 2
    for one, mean in zip(found, MEANS, strict=True):
        torch.testing.assert_close(one, mean)


@pytest.mark.parametrize("attention", [False, True])
def test_untrained_a_mixture_is_the_mean_of_the_layers(attention):
    (found,) = Pooling(2, 3, attention, mixture=True)(STATES, LONG)
    torch.testing.assert_close(found, (MEANS[0] + MEANS[1]) / 2)


def test_a_mixture_is_of_learnt_shares():
    pooling = Pooling(2, 3, mixture=True)
    pooling.mixture.data = torch.tensor([0.0, 1.0]).log() + 3
    torch.testing.assert_close(pooling(STATES, LONG)[0], MEANS[1])


def test_attention_picks_frames_and_none_beyond_the_recording():
    pooling = Pooling(1, 3, attention=True)
    pooling.attention.data = torch.tensor([[100.0, 0.0, -100.0]])
    states = torch.tensor([[[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [9.0, 2.0, 1.0]]])
    torch.testing.assert_close(pooling([states], torch.tensor([2]))[0], states[:, 0])
    alone = pooling([states[:, :2]])[0]
    torch.testing.assert_close(pooling([states], torch.tensor([2]))[0], alone)


@pytest.mark.parametrize("attention", [False, True])
def test_statistics_are_mean_and_deviation_over_the_recording(attention):
    found = Pooling(2, 3, attention, statistics=True)(STATES, LONG)
    for one, mean, states in zip(found, MEANS, STATES, strict=True):
        deviations = torch.stack([states[0].std(0, correction=0), states[1, :2].std(0, correction=0)])
        torch.testing.assert_close(one, torch.cat([mean, deviations], dim=-1), rtol=1e-4, atol=1e-5)


def test_statistics_of_what_attention_picks_are_those_of_few_frames():
    pooling = Pooling(1, 3, attention=True, statistics=True)
    pooling.attention.data = torch.tensor([[100.0, 0.0, -100.0]])
    states = torch.tensor([[[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [6.0, 4.0, 2.0]]])  # the last and the first look alike
    (found,) = pooling([states])
    torch.testing.assert_close(found, torch.tensor([[4.5, 3.0, 1.5, 1.5, 1.0, 0.5]]), rtol=1e-3, atol=1e-3)


def test_a_small_deviation_of_great_values_is_not_lost():
    states = 1e3 + torch.tensor([[[1e-2], [-1e-2]]])
    assert Pooling(1, 1, statistics=True)([states])[0][0, 1] == pytest.approx(1e-2, rel=0.02)


def test_what_does_not_vary_has_a_gradient():
    states = torch.ones(1, 4, 2, requires_grad=True)
    Pooling(1, 2, statistics=True)([states])[0].sum().backward()
    assert states.grad.isfinite().all()


def test_without_a_length_all_frames_belong_to_the_recording():
    for attention in (False, True):
        pooling = Pooling(2, 3, attention)
        for one, other in zip(pooling(STATES), pooling(STATES, torch.tensor([5, 5])), strict=True):
            torch.testing.assert_close(one, other)
