"""What a trial is judged by, with known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tembr.experiment.measures import MEASURES, Judged
from tembr.features.settings import FeatureSettings
from tembr.models import Member
from tembr.models.baselines import MajoritySettings


class Recorder(nn.Linear):
    """Counts how often it is asked, and on how many threads."""

    asked: tuple[int, ...] = ()

    def forward(self, values):
        Recorder.asked += (torch.get_num_threads(),)
        return super().forward(values)


@pytest.fixture
def judged() -> Judged:
    member = Member(MajoritySettings(name="majority"), FeatureSettings(), ("a", "b"), Recorder(3, 2).eval())
    logits = np.log(np.array([[0.8, 0.2], [0.8, 0.2], [0.6, 0.4], [0.4, 0.6]]) * 7)
    return Judged(member, logits, np.array([0, 0, 1, 1]), [torch.zeros(1, 3)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("val_uar", 0.75),
        ("val_accuracy", 0.75),
        ("val_loss", -(2 * np.log(0.8) + np.log(0.4) + np.log(0.6)) / 4),
        ("parameters", 8),
        ("megabytes", 32e-6),
    ],
)
def test_measures_are_what_is_worked_out_by_hand(judged, name, value):
    assert MEASURES[name].of(judged) == pytest.approx(value)


def test_recalls_count_alike_however_many_recordings_an_emotion_has(judged):
    uneven = Judged(judged.member, judged.logits[:3], judged.classes[:3], judged.values)
    assert (MEASURES["val_uar"].of(uneven), MEASURES["val_accuracy"].of(uneven)) == (0.5, pytest.approx(2 / 3))


def test_time_is_that_of_one_thread_which_is_left_as_it_was(judged):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert 0 < MEASURES["milliseconds"].of(judged) < 50
        assert set(Recorder.asked) == {1} and len(Recorder.asked) > 20
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_of_several_members_quality_is_the_mean_and_cost_the_sum():
    whole = {name: measure.whole([1.0, 3.0]) for name, measure in MEASURES.items()}
    assert whole == {name: 2.0 if name.startswith("val_") else 4.0 for name in MEASURES}


def test_better_is_higher_of_shares_and_lower_of_losses_and_costs():
    higher = {name for name, measure in MEASURES.items() if measure.direction == "maximize"}
    assert higher == {"val_uar", "val_accuracy"}
