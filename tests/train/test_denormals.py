"""What is too small for a float is zero while a network learns, in every thread that computes."""

from __future__ import annotations

import pytest
import torch

from tembr.train.denormals import flushed_denormals
from tests.train.conftest import trained_on, training


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    (torch.ones(1_000_000) * 2).sum()  # they are there already
    yield
    torch.set_num_threads(before)


TINY = torch.full((1_000_000,), 1e-40)


def zeros() -> float:
    """Share of numbers too small for a float that come out of a product as zero."""
    return (TINY * 1).view(torch.int32).eq(0).float().mean().item()


def test_all_threads_flush_meanwhile_and_none_before_or_after(two_threads):
    assert zeros() == 0
    with flushed_denormals():
        assert zeros() == 1
    assert zeros() == 0


def test_a_training_flushes_and_takes_it_back(two_threads, tables, classes, parts, tmp_path):
    meanwhile = []
    trained_on(training(epochs=1), tables["chroma"], classes, parts, tmp_path, lambda row: meanwhile.append(zeros()))
    assert meanwhile == [1] and zeros() == 0


def test_it_is_taken_back_after_an_error():
    with pytest.raises(KeyboardInterrupt), flushed_denormals():
        raise KeyboardInterrupt
    assert zeros() == 0
