"""What a fold lets a member learn from, and its values in batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tembr.features.inputs import RepresentationInput
from tembr.features.settings import FeatureSettings
from tembr.models import data as module
from tembr.models.data import FoldData, batches, mean_over_time

FEATURES = FeatureSettings(window=0)
RMS, ZCR = (RepresentationInput(name, FEATURES) for name in ("rms", "zcr"))


@pytest.fixture
def fold() -> FoldData:
    """Of six recordings the first four are the target's; one has an emotion that it does not have."""
    classes, corpora = np.array([0, 1, 0, 1, -1, 1]), np.array([0, 0, 0, 0, 1, 1])
    parts = np.array([0, 1, 4, 5]), np.array([2])
    return FoldData(("a", "b"), FEATURES, {}, classes, corpora.astype(str), corpora, *parts, Path("fold"))


def sized(*frames: int) -> list[np.ndarray]:
    """A recording of so many frames each, its values its number."""
    return [np.full((1, length), number, np.float32) for number, length in enumerate(frames)]


def numbers(found) -> list[list[float]]:
    return [values[0][:, 0, 0].tolist() for values in found]


def test_emotions_are_learnt_from_train_and_validation_but_for_those_the_target_lacks(fold):
    assert fold.labelled.tolist() == [0, 1, 5, 2]


def test_the_targets_own_are_those_without_other_corpora(fold):
    assert fold.target.tolist() == [0, 1, 2]


def test_recordings_are_as_they_are_unless_it_is_said_what_they_came_through(fold):
    assert fold.through(np.array([5, 2])).tolist() == ["", ""]
    channels = np.array(["", "", "phone", "", "", "room"])
    assert replace(fold, channels=channels).through(np.array([5, 1])).tolist() == ["room", ""]


def test_the_mean_over_time_is_of_each_bin():
    table = [np.array([[1.0, 3.0], [0.0, 1.0]]), np.zeros((2, 1)), np.array([[5.0], [7.0]])]
    assert mean_over_time(table, np.array([2, 0])).tolist() == [[5, 7], [2, 0.5]]


def test_neighbours_of_one_length_are_one_batch():
    tables = {RMS: sized(2, 2, 3, 2)}
    found = list(batches(tables, [RMS], np.arange(4)))
    assert numbers(found) == [[0, 1], [2], [3]] and [values[0].shape[-1] for values in found] == [2, 3, 2]


def test_recordings_come_in_the_order_of_their_indices():
    assert numbers(batches({RMS: sized(2, 2, 2)}, [RMS], np.array([2, 0, 1]))) == [[2, 0, 1]]


def test_inputs_of_a_recording_stay_together():
    tables = {RMS: sized(1, 1, 1), ZCR: sized(2, 3, 3)}
    found = list(batches(tables, [ZCR, RMS], np.arange(3)))
    assert [[tuple(v.shape) for v in values] for values in found] == [[(1, 1, 2), (1, 1, 1)], [(2, 1, 3), (2, 1, 1)]]


def test_a_batch_is_no_larger_than_it_may_be(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 2)
    assert numbers(batches({RMS: sized(1, 1, 1, 1, 1)}, [RMS], np.arange(5))) == [[0, 1], [2, 3], [4]]


def test_of_no_recordings_there_is_no_batch():
    assert list(batches({RMS: []}, [RMS], np.empty(0, int))) == []
