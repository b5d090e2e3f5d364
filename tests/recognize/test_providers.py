"""Execution providers by name: what is there, what is refused, and what ONNX Runtime is given."""

from __future__ import annotations

import onnxruntime
import pytest
from tests.command import tembr_here

from tembr.errors import ConfigError
from tembr.recognize import load
from tembr.recognize.providers import PROVIDERS, available, chosen


@pytest.fixture
def everything(monkeypatch, tmp_path):
    """An ONNX Runtime that has every provider."""
    monkeypatch.setenv("TEMBR_CACHE", str(tmp_path))
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))


def test_the_processor_is_always_there(bundle):
    assert "cpu" in available()
    assert chosen("cpu", 1_600, 48_000) == [("CPUExecutionProvider", {})]
    assert load(bundle, provider="cpu").network.provider == "cpu"


def test_what_is_missing_is_refused_and_what_is_there_is_listed(monkeypatch, bundle):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError, match="provider cuda: this ONNX Runtime has cpu;"):
        load(bundle, provider="cuda")
    with pytest.raises(ConfigError, match="give one of cpu, cuda, tensorrt, openvino, coreml"):
        load(bundle, provider="abacus")


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "cpu"])
def test_the_processor_does_what_the_other_cannot(everything, name):
    (first, _), last = chosen(name, 1_600, 48_000)
    assert first == PROVIDERS[name] and last == ("CPUExecutionProvider", {})


def test_cuda_does_not_try_every_algorithm(everything):
    assert chosen("cuda", 1_600, 48_000)[0][1] == {"cudnn_conv_algo_search": "HEURISTIC"}


def test_tensorrt_keeps_one_engine_for_all_lengths(everything, tmp_path):
    options = chosen("tensorrt", 1_600, 160_000)[0][1]
    assert options["trt_engine_cache_enable"] and options["trt_engine_cache_path"] == str(tmp_path / "tensorrt")
    shapes = [options[f"trt_profile_{name}_shapes"] for name in ("min", "opt", "max")]
    assert shapes == ["waveform:1x1600", "waveform:1x48000", "waveform:1x160000"]


def test_the_command_says_what_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    done = tembr_here(capsys, "serve", "--provider", "coreml")
    assert done.status == 1 and done.one_line_error and "coreml" in done.err
    assert tembr_here(capsys, "serve", "--provider", "x").status == 2
