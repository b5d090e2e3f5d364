"""A bundle on disk: written, read back, and watched for changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tembr.bundle import BundleError, Facts, altered, complaints, locate, read_facts, self_test_waveform, write_facts
from tembr.evaluate.conformal import LEVELS


@pytest.fixture
def facts() -> Facts:
    return Facts("n", "1", "0", "waveform", {}, ["a", "b"], 16_000, 3.0, [], 1.0, [], "MIT")


def test_facts_are_read_as_written_with_the_hashes_of_what_lies_there(tmp_path, facts):
    (tmp_path / "model.onnx").write_bytes(b"abc")
    write_facts(facts, tmp_path)
    read = read_facts(tmp_path)
    assert read.hashes == {"model.onnx": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    assert (read.name, read.labels, read.window) == ("n", ["a", "b"], 3.0)
    assert complaints(read) == []


def test_a_changed_and_a_missing_file_are_told(tmp_path, facts):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)
    write_facts(facts, tmp_path)
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").unlink()
    assert altered(tmp_path, read_facts(tmp_path)) == ["b: missing", "a: altered"]


def test_the_self_test_signal_is_the_same_everywhere():
    signal = self_test_waveform(16_000)
    assert (signal.shape, signal.dtype) == ((32_000,), np.float32)
    assert 0.3 < np.abs(signal).max() <= 0.5 and signal[0] == 0


SOUND = [round(1 - level, 2) for level in LEVELS]


@pytest.mark.parametrize(
    "sets",
    [None, [], {"adapted": None}, {"adapted": SOUND[1:]}, {"adapted": SOUND[::-1]}, {"adapted": "x" * len(SOUND)},
     {"adapted": [float("nan"), *SOUND[1:]]}, {"adapted": [1.5, *SOUND[1:]]}, {"adapted": [True, *SOUND[1:]]}],
)  # fmt: skip
def test_thresholds_of_sets_that_are_none_are_refused(facts, sets):
    assert complaints(replace(facts, set_thresholds={"speaker_independent": SOUND, "adapted": SOUND})) == []
    assert complaints(replace(facts, set_thresholds=sets)) == ["set_thresholds are none"]


@pytest.mark.parametrize("name", ["model.onnx", "quantized/int8.onnx"])
def test_models_are_found_inside_the_bundle(tmp_path, name):
    assert locate(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("name", ["../m.onnx", "/m.onnx", "a/../../m.onnx", "a//m.onnx", "C:m.onnx", "m.bin", ""])
def test_nothing_is_found_outside(tmp_path, name):
    with pytest.raises(BundleError, match="inside the bundle"):
        locate(tmp_path, name)
