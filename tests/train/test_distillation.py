"""What a student is taught on, and what counts as an error."""

from __future__ import annotations

import pytest
import torch

from tembr.models.distilled import DistilledModule, DistilledSettings
from tembr.models.encoder import PooledHead
from tembr.train.distillation import Distillation


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
