"""Recordings of a batch mixed in pairs, their emotions with them."""

from __future__ import annotations

import pytest
import torch

from tembr.train.mixing import make_mixing
from tembr.train.settings import TrainSettings

CLASSES = 6


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(3)


def mixed(count: int = 200, **settings):
    """A batch whose recordings are their class everywhere, mixed so many times: values and probabilities of each."""
    values = torch.arange(4.0)[:, None, None].expand(4, 16, 20)
    mixing = make_mixing(TrainSettings(**settings), CLASSES)
    return [mixing(values, torch.arange(4)) for _ in range(count)]


def test_nothing_is_mixed_by_default():
    ((values, target),) = mixed(1)
    assert target.tolist() == [0, 1, 2, 3] and values[2].unique().tolist() == [2]


def test_mixup_is_a_mean_of_two_recordings_and_of_their_emotions():
    for values, target in mixed(mixup=0.4):
        assert values.shape == (4, 16, 20) and target.shape == (4, CLASSES)
        torch.testing.assert_close(target.sum(1), torch.ones(4))
        torch.testing.assert_close(values.mean((1, 2)), target @ torch.arange(float(CLASSES)))
        assert (values.std((1, 2)) < 1e-6).all()


def test_cutmix_puts_a_rectangle_of_another_recording_in():
    for values, target in mixed(cutmix=1.0):
        share = (values[1] == 0).float().mean()
        torch.testing.assert_close(target[1], torch.tensor([share, 1 - share, 0, 0, 0, 0]))
        assert set(values[1].unique().tolist()) <= {0.0, 1.0}


def test_of_both_one_is_drawn_for_a_batch():
    means = [set(values[1].unique().tolist()) <= {0.0, 1.0} for values, _ in mixed(mixup=0.4, cutmix=1.0)]
    assert 60 < sum(means) < 140


def test_the_strength_is_the_settings():
    weak, strong = ([target.max(1).values[0] for _, target in mixed(mixup=alpha)] for alpha in (0.05, 5.0))
    assert torch.stack(weak).mean() > 0.9 > 0.75 > torch.stack(strong).mean()
