from __future__ import annotations

import numpy as np
import torch

from tembr.train.data import EpochSampler, FeatureDataset, collate, evaluation_loader, training_loader


def test_collate_lets_shorter_recordings_begin_anew():
    short, long = torch.tensor([[1.0, -3.0], [2.0, 5.0]]), torch.ones(2, 5)
    values, labels = collate([(short, 4), (long, 1)])
    assert values.shape == (2, 2, 5)
    assert values[0].tolist() == [[1.0, -3.0, 1.0, -3.0, 1.0], [2.0, 5.0, 2.0, 5.0, 2.0]]
    assert torch.equal(values[1], long)
    assert labels.tolist() == [4, 1]


def test_collate_leaves_equal_lengths_alone():
    values, _ = collate([(torch.ones(2, 3), 0), (torch.zeros(2, 3), 1)])
    assert values.shape == (2, 2, 3)


def test_recordings_of_different_length_are_evaluated_one_by_one():
    table = [np.zeros((1, n), np.float32) for n in (2, 3, 2)]
    loader = evaluation_loader(FeatureDataset(table, np.zeros(3), np.arange(3)), batch_size=4)
    assert [values.shape for values, _ in loader] == [(1, 1, 2), (1, 1, 3), (1, 1, 2)]


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
