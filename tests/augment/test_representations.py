"""Every strategy keeps the shape, follows its seed, and does what its strength says."""

from __future__ import annotations

import pytest
import torch

from tembr.augment.representations import add_noise, make_augmentation, mask, mask_rows, shift_time, warp
from tembr.augment.settings import AugmentSettings
from tembr.features import REGISTRY, REPRESENTATIONS, FeatureSettings


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def values(name: str) -> torch.Tensor:
    return torch.rand(4, REGISTRY[name].bins(FeatureSettings()), 94, generator=generator(9))


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_every_representation_is_varied_and_keeps_its_shape(name):
    original = values(name)
    varied = make_augmentation(REGISTRY[name], AugmentSettings(), scale=0.3)(original, generator())
    assert varied.shape == original.shape
    assert not torch.equal(varied, original)
    assert torch.isfinite(varied).all()


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_the_same_seed_varies_the_same_way(name):
    strategy = make_augmentation(REGISTRY[name], AugmentSettings(), scale=0.3)
    assert torch.equal(strategy(values(name), generator()), strategy(values(name), generator()))


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_switched_off_changes_nothing(name):
    strategy = make_augmentation(REGISTRY[name], AugmentSettings(enabled=False), scale=0.3)
    assert torch.equal(strategy(values(name), generator()), values(name))


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_strengths_of_zero_change_nothing(name):
    none = AugmentSettings(noise=0, masks=0, harmonic_mask=0, shift=0)
    assert torch.equal(make_augmentation(REGISTRY[name], none, 0.3)(values(name), generator()), values(name))


def test_noise_follows_each_rows_own_deviation():
    deviation = torch.tensor([[10.0], [0.1]])
    noise = add_noise(torch.zeros(300, 2, 94), deviation, generator())
    assert noise[:, 0].std() / noise[:, 1].std() == pytest.approx(100, rel=0.05)


def test_noise_follows_the_scale_of_the_representation():
    zeros = torch.zeros(200, 40, 94)
    ratio = add_noise(zeros, 5.0, generator()).std() / add_noise(zeros, 0.5, generator()).std()
    assert ratio == pytest.approx(10, rel=1e-4)


def test_a_time_mask_hides_whole_frames_and_no_more_than_asked():
    original = torch.rand(50, 8, 94, generator=generator())
    changed = (mask(original, 14, -1, generator(1)) != original).any(1)
    assert changed.sum(1).max() <= 14
    assert changed.any()


def test_a_row_mask_hides_whole_rows():
    original = torch.rand(50, 8, 94, generator=generator())
    changed = mask(original, 3, -2, generator(1)) != original
    assert (changed.all(2) == changed.any(2)).all()
    assert changed.any(2).sum(1).max() == 3


def test_harmonic_masking_silences_pitch_classes_for_the_whole_recording():
    masked = mask_rows(torch.ones(100, 12, 94), 2, generator())
    silent = (masked == 0).all(2).sum(1)
    assert set(silent.tolist()) == {0, 1, 2}


def test_a_shift_moves_frames_and_loses_none():
    original = torch.arange(94.0).expand(20, 1, 94)
    shifted = shift_time(original, 0.1, generator())
    assert torch.equal(shifted.sort(-1).values, original)
    assert not torch.equal(shifted, original)


def test_curves_are_varied_before_they_become_pictures():
    assert {name for name in REPRESENTATIONS if REGISTRY[name].augmentation == "curve"} == {"zcr", "rms"}
    varied = make_augmentation(REGISTRY["rms"], AugmentSettings(noise=2), 1.0)(torch.zeros(9, 1, 94), generator())
    assert varied.shape == (9, 1, 94) and varied.min() == 0


def test_a_warp_moves_a_band_by_its_share_and_keeps_the_lowest_row():
    ridge = torch.linspace(0, 100, 101)[None, :, None].expand(64, 101, 9)  # each row holds its own number
    warped = warp(ridge, 0.2, 0.0, generator())
    assert warped[:, 0].abs().max() < 1e-4
    stretch = warped[:, 50, 0] / 50
    assert stretch.min() == pytest.approx(0.8, abs=0.02) and stretch.max() == pytest.approx(1.2, abs=0.02)


def test_a_warp_of_nothing_changes_nothing():
    original = values("melspectrogram")
    torch.testing.assert_close(warp(original, 0.0, 0.0, generator()), original, atol=1e-4, rtol=0)


def test_a_warp_in_time_leaves_steady_recordings_as_they_are():
    steady = torch.rand(8, 40, 1, generator=generator()).expand(8, 40, 94)
    torch.testing.assert_close(warp(steady, 0.0, 0.3, generator()), steady, atol=1e-5, rtol=0)
