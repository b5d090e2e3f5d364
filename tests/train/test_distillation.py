"""What a student is taught on, and what counts as an error."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.experiment.distill import DistillSettings
from tembr.train.distillation import FRAMES, Distillation, scales_of


class Layers(torch.nn.Module):
    """A teacher whose one layer says every other frame of the first band, and the opposite."""

    def from_log_mel(self, log_mel, frames=None):
        return [torch.stack([log_mel[:, 0, ::2], -log_mel[:, 0, ::2]], dim=-1)]


def distillation(teacher: torch.nn.Module | None = None, scales=(torch.ones(2), torch.eye(2))) -> Distillation:
    """One whose student's states are the teacher's."""
    readout = torch.nn.Linear(2, 2)
    torch.nn.init.eye_(readout.weight)
    torch.nn.init.zeros_(readout.bias)
    return Distillation(DistillSettings(), torch.nn.Identity(), readout, teacher or Layers(), scales, 0)


def error(found: torch.Tensor, states: torch.Tensor, frames: list[int], **changes) -> float:
    return float(distillation(**changes).error(found, states, torch.tensor(frames)).detach())


def test_who_says_the_same_makes_no_error():
    states = torch.randn(2, 6, 2)
    assert error(states, states, [12, 12]) == pytest.approx(0, abs=1e-6)
    assert error(states + 1, states, [12, 12]) == pytest.approx(FRAMES + 1, rel=1e-4)


def test_what_lies_beyond_a_recording_is_no_error():
    states = torch.randn(2, 6, 2)
    found = states.clone()
    found[1, 4:] += 7
    assert error(found, states, [12, 8]) == pytest.approx(0, abs=1e-6)
    assert error(found, states, [12, 10]) > 1


def test_frames_that_are_off_in_turn_are_right_on_the_mean():
    states = torch.zeros(1, 6, 2)
    found = torch.tensor([1.0, -1.0]).repeat(3)[None, :, None].expand(1, 6, 2)
    assert error(found, states, [12]) == pytest.approx(FRAMES, rel=1e-4)


def test_an_error_is_worse_where_states_hardly_vary_within_a_speaker():
    rng = np.random.default_rng(0)
    pooled = rng.normal(size=(400, 2)) * [10.0, 0.1]
    speakers = np.repeat(["a", "b"], 200)
    pooled[:200, 1] += 50  # what tells speakers apart is no variation within one
    states = torch.zeros(1, 6, 2)
    scales = scales_of(pooled, speakers)
    along, across = (error(states + torch.tensor(off), states, [12], scales=scales) for off in ([0.1, 0.0], [0.0, 0.1]))
    assert across > 1_000 * along


def test_units_are_those_of_the_covariance_within_speakers():
    rng = np.random.default_rng(0)
    pooled = rng.multivariate_normal([0, 0], [[4, 1], [1, 1]], 20_000)
    deviation, whitening = scales_of(pooled, np.full(20_000, "a"))
    np.testing.assert_allclose(deviation, [2, 1], rtol=0.03)
    np.testing.assert_allclose(np.cov(pooled @ whitening.numpy(), rowvar=False), np.eye(2), atol=0.06)


def test_the_teacher_is_in_no_checkpoint():
    teacher = torch.nn.Linear(2, 2)
    module = distillation(teacher)
    assert not any(value is parameter for value in module.parameters() for parameter in teacher.parameters())
