from __future__ import annotations

import numpy as np
import torch

from tembr.train.data import EpochSampler, FeatureDataset, collate, training_loader


def test_collate_pads_shorter_recordings_with_their_smallest_value():
    short, long = torch.tensor([[1.0, -3.0], [2.0, 5.0]]), torch.ones(2, 4)
    values, labels = collate([(short, 4), (long, 1)])
    assert values.shape == (2, 2, 4)
    assert values[0].tolist() == [[1.0, -3.0, -3.0, -3.0], [2.0, 5.0, -3.0, -3.0]]
    assert torch.equal(values[1], long)
    assert labels.tolist() == [4, 1]


def test_collate_leaves_equal_lengths_alone():
    values, _ = collate([(torch.ones(2, 3), 0), (torch.zeros(2, 3), 1)])
    assert values.shape == (2, 2, 3)


def test_every_epoch_has_its_own_order_and_all_recordings():
    sampler = EpochSampler(50, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second


def test_an_epochs_order_depends_on_seed_and_epoch_alone():
    one, other = EpochSampler(50, seed=1), EpochSampler(50, seed=1)
    list(one)
    one.set_epoch(3)
    other.set_epoch(3)
    assert list(one) == list(other)


def test_a_last_batch_of_one_is_left_out():
    table = [np.zeros((1, 2), np.float32)] * 9
    loader = training_loader(FeatureDataset(table, np.zeros(9), np.arange(9)), batch_size=4, seed=0)
    assert [len(labels) for _, labels in loader] == [4, 4]
