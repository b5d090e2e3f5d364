"""Stretches of spectrograms as batches, and states pooled over what belongs to a recording."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.features.layers import LOUDEST
from tembr.train.encoding import Crops, CropSampler, another_voice, pooled_states, together
from tembr.train.pooling import Pooling
from tembr.train.settings import TrainSettings


class Layers(torch.nn.Module):
    """An encoder whose one layer says every other frame of the first band, and the opposite."""

    masks = True

    def frames_of(self, frames):
        return (frames + 1) // 2

    def from_values(self, log_mel, frames=None):
        return [torch.stack([log_mel[:, 0, ::2], -log_mel[:, 0, ::2]], dim=-1)]


TABLE = [np.arange(length, dtype=np.float32)[None].repeat(2, 0) for length in (5, 9, 30)]


def test_a_crop_is_a_stretch_of_the_recording():
    crops = Crops(TABLE, np.array([2, 0]), 8)
    assert crops[0, 0.0, 1.0][0].tolist() == list(range(8))
    assert crops[0, 0.999, 1.0][0].tolist() == list(range(22, 30))
    assert crops[1, 0.5, 1.0][0].tolist() == list(range(5))


def test_a_crop_may_be_played_faster_or_slower():
    """Of a recording that rises by 1 a frame; one that is shorter than a crop changes its length."""
    crops = Crops(TABLE, np.array([2, 0]), 8)
    for speed in (1.25, 0.5):
        played = crops[0, 0.5, speed]
        assert played.shape == (2, 8) and played.diff()[:, 2:-2].numpy() == pytest.approx(speed)
        assert played.mean() == pytest.approx(crops[0, 0.5, 1.0].mean(), abs=1.5)
    assert [crops[1, 0.5, speed].shape[1] for speed in (0.5, 0.8, 1.25, 5.0)] == [8, 6, 4, 1]


def test_speeds_are_drawn_evenly_about_that_of_the_recording():
    speeds = np.array([speed for _, _, speed in CropSampler(2_000, seed=3, speed=0.2)])
    assert speeds.min() == pytest.approx(0.8, abs=0.01) and speeds.max() == pytest.approx(1.2, abs=0.01)
    assert speeds.mean() == pytest.approx(1, abs=0.01)
    assert {speed for _, _, speed in CropSampler(20, seed=3)} == {1.0}


def test_stretches_are_other_ones_in_every_epoch_and_the_same_again():
    sampler = CropSampler(50, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(position for position, _, _ in first) == list(range(50))
    assert first != second and {share for _, share, _ in first}.isdisjoint(share for _, share, _ in second)
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_a_batch_says_how_long_each_is():
    values, frames = together([torch.ones(2, 3), torch.ones(2, 5)])
    assert values.shape == (2, 2, 5) and frames.tolist() == [3, 5]
    assert values[0, :, 3:].eq(0).all()


def test_pooled_states_are_in_the_order_asked_for():
    train = TrainSettings(batch_size=2, device="cpu")
    found = pooled_states(Layers(), TABLE, np.array([2, 0, 1]), train, lambda done, total: None, Pooling(1, 2))
    means = [np.arange(0, length, 2).mean() for length in (30, 5, 9)]
    assert np.allclose(found[:, 0], means) and np.allclose(found[:, 1], np.negative(means))


@pytest.mark.parametrize(("precision", "dtype"), [("32", torch.float32), ("bf16", torch.bfloat16)])
def test_states_are_computed_as_the_trainer_computes_and_averaged_in_single_precision(precision, dtype):
    seen = []

    class Product(Layers):
        def from_values(self, log_mel, frames):
            product = log_mel.transpose(1, 2) @ torch.eye(2)
            seen.append(product.dtype)
            return [product[:, ::2]]

    train = TrainSettings(precision=precision, device="cpu")
    found = pooled_states(Product(), TABLE, np.array([0]), train, lambda done, total: None, Pooling(1, 2))
    assert seen == [dtype] and found.dtype == np.float32


def test_a_crop_of_seconds_has_a_hundred_frames_each():
    assert Crops.of(TABLE, np.array([2]), 0.08).frames == 8


def test_another_voice_depends_on_its_generator_and_may_be_the_same_one():
    values = torch.rand((2, 80, 30), generator=torch.Generator().manual_seed(0))
    expected = values - values.amax((1, 2), keepdim=True) + LOUDEST
    torch.testing.assert_close(another_voice(values, 0.0, 0.0, torch.Generator()), expected, atol=1e-5, rtol=1e-5)
    first, again, other = (another_voice(values, 0.1, 2.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and (first - other).abs().max() > 0.01


def test_a_model_is_not_moved_in_inference_mode():
    """Moved to a GPU there, its weights could not be trained afterwards."""
    modes = []

    class Noting(Layers):
        def to(self, device):
            modes.append(torch.is_inference_mode_enabled())
            return super().to(device)

        def from_values(self, log_mel, frames=None):
            modes.append(torch.is_inference_mode_enabled())
            return super().from_values(log_mel, frames)

    pooled_states(Noting(), TABLE, np.array([0]), TrainSettings(device="cpu"), lambda done, total: None, Pooling(1, 2))
    assert modes == [False, False]
