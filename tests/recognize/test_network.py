"""What is opened is a bundle, whole and unaltered, or one line of error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from tests.recognize.fake_bundle import RATE, make_bundle, make_model, tone

from tembr import load
from tembr.bundle import BundleError, hashes
from tembr.recognize import network


@pytest.fixture
def copy(bundle, tmp_path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def change(folder: Path, **facts) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def replace(folder: Path, model) -> None:
    """Another model, vouched for."""
    onnx.save(model, folder / "model.onnx")
    change(folder, hashes=hashes(folder))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"inputs": "features"}, "--inputs waveform"),
        ({"inputs": "smells"}, "neither waveform nor features"),
        ({"format": 99}, "not a bundle of format"),
        ({"labels": []}, "not names"),
        ({"labels": "anger"}, "not names"),
        ({"labels": ["a", "b", "a"]}, "not all different"),
        ({"labels": ["a", "b"]}, "not \\[batch, 2\\]"),
        ({"sample_rate": 0}, "sample_rate 0"),
        ({"sample_rate": "16000"}, "sample_rate"),
        ({"window": -1}, "window -1"),
        ({"window": 1e9}, "window"),
        ({"window": float("nan")}, "window"),
        ({"hashes": []}, "hashes"),
        ({"silence": {"below": 30}}, "silence"),
        ({"silence": {"below": -30, "margin": 0.1}}, "silence"),
        ({"silence": [30]}, "silence"),
        ({"default": 3}, "default 3"),
        ({"default": "../../etc/passwd"}, "inside the bundle"),
        ({"default": "../copy/model.onnx"}, "inside the bundle"),
        ({"default": "/etc/passwd.onnx"}, "inside the bundle"),
        ({"default": "C:\\model.onnx"}, "inside the bundle"),
        ({"default": "..\\model.onnx"}, "inside the bundle"),
        ({"default": "a\0.onnx"}, "inside the bundle"),
        ({"default": "quantized/none.onnx"}, "cannot be read"),
        ({"default": "bundle.json"}, "inside the bundle"),
    ],
)
def test_facts_that_cannot_be_are_refused(copy, facts, said):
    change(copy, **facts)
    with pytest.raises(BundleError, match=said):
        load(copy)


def test_an_altered_model_is_refused(copy):
    content = bytearray((copy / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copy / "model.onnx").write_bytes(content)
    with pytest.raises(BundleError, match="vouches"):
        load(copy)


@pytest.mark.parametrize("missing", ["model.onnx", "bundle.json"])
def test_a_missing_file_is_named(copy, missing):
    (copy / missing).unlink()
    with pytest.raises(BundleError, match=missing):
        load(copy)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', "[" * 100_000, "\x00"])
def test_damaged_facts_are_one_line_of_error(copy, content):
    (copy / "bundle.json").write_text(content)
    with pytest.raises(BundleError, match="again"):
        load(copy)


@pytest.mark.parametrize("place", ["nowhere", "file"])
def test_what_is_no_bundle_is_said(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BundleError, match="name the folder"):
        load(tmp_path / place)


def test_a_model_that_is_not_onnx_is_refused(copy):
    (copy / "model.onnx").write_bytes(b"no model")
    change(copy, hashes=hashes(copy))
    with pytest.raises(BundleError, match="not a usable ONNX file"):
        load(copy)


def test_a_model_with_another_input_is_refused(copy):
    replace(copy, make_model(waveform="picture"))
    with pytest.raises(BundleError, match="inputs picture instead of waveform"):
        load(copy)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"labels": ["fear", "anger", "happiness", "sadness", "surprised", "neutral"]}, "labels: not as in bundle"),
        ({"sample_rate": 8_000}, "sample_rate: not as in bundle"),
        ({"window": 2.0}, "window: not as in bundle"),
    ],
)
def test_facts_that_contradict_the_models_metadata_are_refused(copy, facts, said):
    change(copy, **facts)
    with pytest.raises(BundleError, match=said):
        load(copy)


def test_a_model_without_metadata_is_refused(copy):
    model = make_model()
    del model.metadata_props[:]
    replace(copy, model)
    with pytest.raises(BundleError, match="labels, sample_rate, window: not as in bundle"):
        load(copy)


def with_probabilities(operator: str, value: float):
    """The model whose every probability goes through one operation more."""
    model = make_model()
    model.graph.node[-1].output[0] = "softmax"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(value, np.float32), "value"))
    model.graph.node.append(onnx.helper.make_node(operator, ["softmax", "value"], ["probabilities"]))
    return model


@pytest.mark.parametrize(
    ("operator", "value"), [("Mul", 1e6), ("Mul", 0.5), ("Mul", 1.001), ("Sub", 0.1), ("Mul", 0), ("Div", 0)]
)
def test_an_answer_that_is_no_distribution_is_refused_not_normalised(copy, operator, value):
    replace(copy, with_probabilities(operator, value))
    with pytest.raises(BundleError, match="no probabilities"):
        load(copy).predict((tone("fear"), RATE))


def test_rounding_is_no_error(copy):
    replace(copy, with_probabilities("Mul", 1 + 1e-5))
    answer = load(copy).predict((tone("fear"), RATE))
    assert answer.label == "fear" and sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-9)


def test_a_model_of_another_number_of_labels_is_refused(copy):
    replace(copy, make_model(("anger", "fear", "neutral")))
    with pytest.raises(BundleError, match="not \\[batch, 6\\]"):
        load(copy)


@pytest.mark.parametrize("place", ["weights.bin", "../../etc/passwd", "/etc/passwd"])
def test_weights_in_another_file_are_refused(copy, place):
    model = make_model()
    weight = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(weight, place, 0, len(weight.raw_data))
    weight.ClearField("raw_data")
    (copy / "model.onnx").write_bytes(model.SerializeToString())
    change(copy, hashes=hashes(copy))
    with pytest.raises(BundleError, match="another file"):
        load(copy)


@pytest.mark.parametrize("name", ["small", "quantized/small.onnx"])
def test_a_variant_is_opened_by_name_or_path(tmp_path, name):
    (tmp_path / "quantized").mkdir()
    onnx.save(make_model(), tmp_path / "quantized" / "small.onnx")
    make_bundle(tmp_path)
    assert load(tmp_path).network.variant == "model.onnx"
    assert load(tmp_path, name).network.variant == "quantized/small.onnx"
    with pytest.raises(BundleError, match=r"it has model.onnx, quantized/small.onnx"):
        load(tmp_path, "large")


def test_the_default_bundle_is_opened_or_said_to_be_missing():
    from tembr.recognize.network import DEFAULT

    if DEFAULT.is_dir():
        assert load().labels
    else:
        with pytest.raises(BundleError, match="no default bundle"):
            load()


def test_large_blocks_are_given_back_to_the_system(bundle, monkeypatch):
    asked = []
    libc = SimpleNamespace(mallopt=lambda *values: asked.append(values))
    monkeypatch.setattr(network.ctypes, "CDLL", lambda name: libc)
    network.Network(bundle)
    assert asked == [(-3, network.LARGE_BLOCK)]


@pytest.mark.parametrize("error", [OSError, AttributeError])
def test_where_there_is_no_glibc_a_bundle_opens_all_the_same(bundle, monkeypatch, error):
    def missing(name):
        raise error(name)

    monkeypatch.setattr(network.ctypes, "CDLL", missing)
    assert network.Network(bundle).facts.name == "fake"


def test_a_bundle_inside_the_package_goes_by_its_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert network.bundle_folder(None) == network.bundle_folder("default") == network.DEFAULT
    assert network.bundle_folder("other") == Path("other")
    assert network.bundle_folder("../pretrained/default") == Path("../pretrained/default")


def test_a_bundle_here_comes_before_one_of_the_same_name(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "default").mkdir()
    assert network.bundle_folder("default") == network.DEFAULT
    (tmp_path / "default" / "bundle.json").touch()
    assert network.bundle_folder("default") == Path("default")


def test_a_bundle_may_take_no_silence_around_a_recording(tmp_path):
    cut = load(make_bundle(tmp_path / "cut", silence={"below": 30.0, "margin": 0.1}))
    whole = load(make_bundle(tmp_path / "whole"))
    speech, quiet = tone("fear"), np.full(2 * RATE, 1e-3, np.float32)
    padded = np.concatenate([quiet, speech, quiet])
    beside = np.concatenate([quiet[: RATE // 10], speech, quiet[: RATE // 10]])
    assert cut.network.posteriors(padded).tolist() == whole.network.posteriors(beside).tolist()
    assert np.abs(whole.network.posteriors(padded) - whole.network.posteriors(beside)).max() > 0.1
