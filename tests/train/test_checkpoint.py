"""A checkpoint as safetensors: what a resumed run needs comes back as it was, and nothing else is written."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from tembr.errors import StoreError
from tembr.train.checkpoint import SafetensorsIO

VERSION = {"pytorch-lightning_version": "2.5"}


def through_disk(path, **checkpoint) -> dict:
    SafetensorsIO().save_checkpoint(VERSION | checkpoint, path / "x.ckpt")
    return SafetensorsIO().load_checkpoint(path / "x.ckpt")


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.1, "text", [], (), {}, [1, (2, [3])], (1,), {"a": {2: "b"}}, {"dict": 1}, {"tensor": "0"}],
)
def test_plain_values_come_back_with_their_types(tmp_path, value):
    restored = through_disk(tmp_path, loops=value)["loops"]
    assert restored == value and type(restored) is type(value)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_come_back_as_they_were(tmp_path, dtype):
    values = torch.arange(6).reshape(2, 3).T.to(dtype)
    restored = through_disk(tmp_path, state_dict={"w": values})["state_dict"]["w"]
    assert restored.dtype == dtype and torch.equal(restored, values)


def test_tensors_that_share_their_memory_are_written_each(tmp_path):
    shared = torch.arange(4.0)
    restored = through_disk(tmp_path, state_dict={"a": shared, "b": shared[:2]})["state_dict"]
    assert restored["a"].tolist() == [0, 1, 2, 3] and restored["b"].tolist() == [0, 1]


def test_what_a_resumed_run_does_not_need_is_left_out(tmp_path):
    restored = through_disk(tmp_path, epoch=3, hyper_parameters={"x": 1})
    assert restored == VERSION | {"epoch": 3}


def test_what_is_no_plain_value_is_refused_and_an_older_checkpoint_stays(tmp_path):
    through_disk(tmp_path, epoch=1)
    with pytest.raises(TypeError, match="a checkpoint cannot hold object"):
        SafetensorsIO().save_checkpoint(VERSION | {"callbacks": {"x": object()}}, tmp_path / "x.ckpt")
    assert SafetensorsIO().load_checkpoint(tmp_path / "x.ckpt")["epoch"] == 1


@pytest.mark.parametrize("metadata", [None, {"tree": "{"}, {"other": "1"}, {"tree": '{"tensor": "absent"}'}])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, metadata):
    save_file({"0": torch.zeros(1)}, tmp_path / "x.ckpt", metadata)
    with pytest.raises(StoreError, match=r"x\.ckpt: damaged checkpoint; remove it and this fold starts again"):
        SafetensorsIO().load_checkpoint(tmp_path / "x.ckpt")


def test_removing_one_that_is_gone_is_no_error(tmp_path):
    through_disk(tmp_path, epoch=1)
    for _ in range(2):
        SafetensorsIO().remove_checkpoint(tmp_path / "x.ckpt")
    assert list(tmp_path.iterdir()) == []
