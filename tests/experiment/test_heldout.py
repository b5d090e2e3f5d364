"""Logits of a fold on disk."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tembr.errors import StoreError
from tembr.experiment.heldout import FILE, FoldLogits

LOGITS = FoldLogits(
    np.array([3, 1]), np.array([[1.5, 0], [0, 2]], np.float32), np.array([2]), np.zeros((1, 2), np.float32)
)


def test_logits_come_back_as_written(tmp_path):
    LOGITS.write(tmp_path)
    again = FoldLogits.read(tmp_path)
    for name, values in vars(LOGITS).items():
        np.testing.assert_array_equal(getattr(again, name), values)
        assert getattr(again, name).dtype == values.dtype


def test_every_second_column_of_something_larger_is_written_as_it_is_seen(tmp_path):
    wide = np.arange(8, dtype=np.float32).reshape(2, 4)
    FoldLogits(LOGITS.heldout, wide[:, ::2], LOGITS.test, LOGITS.test_logits).write(tmp_path)
    assert FoldLogits.read(tmp_path).heldout_logits.tolist() == [[0, 2], [4, 6]]


@pytest.mark.parametrize("content", [None, b"", b"nothing"])
def test_logits_that_cannot_be_read_say_what_to_remove(tmp_path, content):
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreError, match=f"missing or damaged .*; remove {tmp_path} and run the study again"):
        FoldLogits.read(tmp_path)


def test_logits_that_are_not_whole_are_damaged(tmp_path):
    LOGITS.write(tmp_path)
    values = load_file(tmp_path / FILE)
    del values["test_logits"]
    save_file(values, tmp_path / FILE)
    with pytest.raises(StoreError, match="missing or damaged .*test_logits"):
        FoldLogits.read(tmp_path)
