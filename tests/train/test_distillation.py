"""What a student is taught on, and what counts as an error."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.models.distilled import DistilledModule, DistilledSettings
from tembr.models.encoder import PooledHead
from tembr.train.distillation import Crops, CropSampler, Distillation, mean_over_time, pooled_states, together
from tembr.train.settings import TrainSettings

TABLE = [np.arange(length, dtype=np.float32)[None].repeat(2, 0) for length in (5, 9, 30)]


class Layers(torch.nn.Module):
    """A teacher whose one layer says every other frame of the first band, and the opposite."""

    def from_log_mel(self, log_mel, frames=None):
        return [torch.stack([log_mel[:, 0, ::2], -log_mel[:, 0, ::2]], dim=-1)]


class Student(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.widen = torch.nn.Identity()


@pytest.fixture
def module() -> DistilledModule:
    heads = [PooledHead(2, 3)]
    torch.nn.init.normal_(heads[0].output.weight, generator=torch.Generator().manual_seed(0))
    return DistilledModule(Student(), heads, 2)


def test_a_crop_is_a_stretch_of_the_recording():
    crops = Crops(TABLE, np.array([2, 0]), 8)
    assert crops[0, 0.0][0].tolist() == list(range(8))
    assert crops[0, 0.999][0].tolist() == list(range(22, 30))
    assert crops[1, 0.5][0].tolist() == list(range(5))


def test_stretches_are_other_ones_in_every_epoch_and_the_same_again():
    sampler = CropSampler(50, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(position for position, _ in first) == list(range(50))
    assert first != second and {share for _, share in first}.isdisjoint(share for _, share in second)
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_a_batch_says_how_long_each_is():
    values, frames = together([torch.ones(2, 3), torch.ones(2, 5)])
    assert values.shape == (2, 2, 5) and frames.tolist() == [3, 5]
    assert values[0, :, 3:].eq(0).all()


def test_the_mean_over_time_leaves_out_what_is_no_recording():
    states = torch.tensor([[[1.0], [3.0], [100.0]], [[2.0], [4.0], [6.0]]])
    assert mean_over_time(states, torch.tensor([2, 3])).flatten().tolist() == [2, 4]


def test_pooled_states_are_in_the_order_asked_for():
    train = TrainSettings(batch_size=2, device="cpu")
    found = pooled_states(Layers(), TABLE, np.array([2, 0, 1]), train, lambda done, total: None)
    means = [np.arange(0, length, 2).mean() for length in (30, 5, 9)]
    assert np.allclose(found[:, 0], means) and np.allclose(found[:, 1], np.negative(means))


def test_who_says_the_same_makes_no_error(module):
    distillation = Distillation(DistilledSettings(name="x"), module, Layers(), 0)
    states = torch.randn(2, 6, 2)
    pairs = (states[:, 0::2] + states[:, 1::2]) / 2
    frames = torch.tensor([12, 12])
    assert float(distillation.error(pairs, states, frames).detach()) == pytest.approx(0, abs=1e-6)
    assert float(distillation.error(pairs + 1, states, frames).detach()) > 1


def test_what_lies_beyond_a_recording_is_no_error(module):
    distillation = Distillation(DistilledSettings(name="x"), module, Layers(), 0)
    states = torch.randn(2, 6, 2)
    pairs = (states[:, 0::2] + states[:, 1::2]) / 2
    frames = torch.tensor([12, 8])
    pairs[1, 2:] += 7
    assert float(distillation.error(pairs, states, frames).detach()) == pytest.approx(0, abs=1e-6)


def test_the_teacher_is_in_no_checkpoint(module):
    teacher = torch.nn.Linear(2, 2)
    distillation = Distillation(DistilledSettings(name="x"), module, teacher, 0)
    assert not any(value is parameter for value in distillation.parameters() for parameter in teacher.parameters())
