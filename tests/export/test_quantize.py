from __future__ import annotations

import csv
import json
import logging
import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime.quantization
import pytest
from onnx import helper, numpy_helper

from tembr.evaluate.metrics import Interval
from tembr.export import bundling, quantize
from tembr.export.measure import Measured, best
from tembr.export.quantize import VARIANTS, network_layers, variants
from tembr.export.recordings import find_recordings
from tembr.export.report import markdown
from tembr.export.runtime import open_session
from tembr.progress import Progress
from tests.export.conftest import identity

NAMES = [variant.name for variant in VARIANTS if not variant.linear]
"""Of networks with convolutions."""


@pytest.mark.parametrize("name", NAMES)
def test_each_variant_opens_and_agrees(bundle, waveforms, name):
    samples = [waveform[None] for waveform in waveforms]
    expected = np.concatenate([bundle.run(one) for one in samples])
    found = np.concatenate([bundle.run(one, f"quantized/{name}.onnx") for one in samples])
    assert (found.argmax(1) == expected.argmax(1)).mean() > 0.8  # networks that nobody trained are seldom sure
    assert np.abs(found - expected).max() < (5e-3 if name == "weights-fp16" else 0.25)


@pytest.mark.parametrize("name", NAMES)
def test_each_variant_is_smaller_and_describes_itself(bundle, name):
    full = onnx.load(bundle.folder / "model.onnx")
    model = onnx.load(bundle.folder / f"quantized/{name}.onnx")
    assert model.ByteSize() < (0.65 if name == "weights-fp16" else 0.45) * full.ByteSize()
    written = {p.key: p.value for p in model.metadata_props}
    assert written["variant"] == name and json.loads(written["labels"]) == bundle.facts.labels


@pytest.mark.parametrize("name", NAMES)
def test_the_front_end_stays_in_single_precision(bundle, name):
    def large_floats(path):
        graph = onnx.load(bundle.folder / path).graph
        arrays = [numpy_helper.to_array(t) for t in graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
        return {identity(a.ravel()) for a in arrays if a.ndim in (2, 3) and a.size > 1_000}

    basis = {identity(b.ravel()) for b in front_end_matrices(bundle)}
    assert basis and basis <= large_floats(f"quantized/{name}.onnx")


def front_end_matrices(bundle) -> list[np.ndarray]:
    from tembr.export.frontend import FrontEnd
    from tembr.features import FeatureSettings

    front_end = FrontEnd(["melspectrogram"], FeatureSettings(window=1.0))
    return [front_end.spectrum.inner.numpy(), front_end.spectrum.outer.numpy()]


def test_only_the_networks_layers_are_quantised(bundle):
    model = onnx.load(bundle.folder / "quantized" / "weights-fp16.onnx")
    assert network_layers(model) == []  # their weights are computed now
    full = network_layers(onnx.load(bundle.folder / "quantized" / "static-uint8.onnx"))
    assert full == []


def test_static_variants_compute_in_eight_bits(bundle):
    kinds = [n.op_type for n in onnx.load(bundle.folder / "quantized" / "static-uint8.onnx").graph.node]
    assert kinds.count("QuantizeLinear") >= 20 and kinds.count("Conv") == 2 * 20 + 1


def test_calibration_sees_training_recordings_alone(ensemble):
    found = find_recordings(ensemble, None, Progress())
    chosen = {u.key for u in found.for_calibration(10_000)}
    assert chosen == {u.key for u in found.train}
    assert not chosen & {u.key for u in found.test} and len(found.for_calibration(16)) == 16


def test_the_quantiser_is_fed_training_recordings_alone(bundle, ensemble, monkeypatch, tmp_path):
    fed = []
    static = next(v for v in VARIANTS if v.name == "static-uint8")

    def spy(model, feeds):
        fed.extend(feeds)
        return static.make(model, fed)

    monkeypatch.setattr(bundling, "variants", lambda how, model: (replace(static, make=spy),))
    monkeypatch.setattr(bundling, "CALIBRATION", 24)
    monkeypatch.setattr(bundling, "waveform_graph", lambda *_: onnx.load(bundle.folder / "model.onnx"))
    bundling.export_bundle(ensemble, tmp_path / "b", bundling.ExportSettings(quantize="static", recordings=5))
    found = find_recordings(ensemble, None, Progress())
    rate = ensemble.settings.features.sample_rate
    train, test = ({identity(w) for w in bundling.read_waveforms(part, rate)} for part in (found.train, found.test))
    given = {identity(feed["waveform"][0]) for feed in fed}
    assert given and given <= train and not given & test


def test_which_variants_are_made():
    assert variants("none") == ()
    assert [v.name for v in variants("dynamic", convolved())] == NAMES[:4]
    assert not any(v.calibrated for v in variants("dynamic"))
    assert [v.name for v in variants("static", convolved())] == NAMES
    assert "block-int8" in {v.name for v in variants("dynamic", linear())}


def linear(hidden: int = 300) -> onnx.ModelProto:
    """Two layers on frames, `waveform` `[batch, frames, 256]` → `probabilities` `[batch, frames, 32]`."""
    rng = np.random.default_rng(0)
    weights = {"w1": rng.normal(0, 0.1, (256, hidden)), "w2": rng.normal(0, 0.1, (hidden, 32))}
    nodes = [
        helper.make_node("MatMul", ["waveform", "w1"], ["inner"], "first"),
        helper.make_node("Relu", ["inner"], ["active"]),
        helper.make_node("MatMul", ["active", "w2"], ["probabilities"], "second"),
    ]
    return graph(nodes, weights, [["batch", "frames", 256]], [["batch", "frames", 32]])


def convolved() -> onnx.ModelProto:
    nodes = [helper.make_node("Conv", ["waveform", "w"], ["probabilities"], "only")]
    return graph(nodes, {"w": np.ones((16, 1, 3, 3))}, [["batch", 1, 8, 8]], [["batch", 16, 6, 6]])


def graph(nodes, weights, inputs, outputs) -> onnx.ModelProto:
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    infos = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for shape in shapes]
        for name, shapes in (("waveform", inputs), ("probabilities", outputs))
    ]
    made = helper.make_graph(nodes, "made", *infos, constants)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def answers(model: onnx.ModelProto, frames: np.ndarray) -> np.ndarray:
    return open_session(model).run(None, {"waveform": frames})[0]


@pytest.mark.parametrize(("bits", "off", "share"), [(8, 0.02, 0.32), (4, 0.3, 0.17)])
def test_blocks_are_smaller_and_answer_alike_whatever_is_in_the_batch(bits, off, share):
    full, frames = linear(), np.random.default_rng(1).normal(size=(3, 7, 256)).astype(np.float32)
    model = quantize.blocks(full, bits=bits)
    assert [n.op_type for n in model.graph.node] == ["MatMulNBits", "Relu", "MatMulNBits"]
    found, expected = answers(model, frames), answers(full, frames)
    assert 0 < np.abs(found - expected).max() < off * np.abs(expected).max()
    np.testing.assert_allclose(found[:1], answers(model, frames[:1]), atol=1e-3 * np.abs(expected).max())
    large = linear(2_048)
    assert quantize.blocks(large, bits=bits).ByteSize() < share * large.ByteSize()


@pytest.mark.parametrize("reduced", [False, True])
def test_static_products_are_standard_and_answer_alike_whatever_is_in_the_batch(reduced):
    full, frames = linear(), np.random.default_rng(1).normal(size=(3, 7, 256)).astype(np.float32)
    model = quantize.static(full, [{"waveform": frames}], unsigned=True, reduce_range=reduced)
    assert {node.domain for node in model.graph.node} == {one.domain for one in model.opset_import} == {""}
    rounded = [node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert sorted(rounded) == ["active", "waveform"]  # what a product gives is not rounded
    found, expected = answers(model, frames), answers(full, frames)
    assert 0 < np.abs(found - expected).max() < 0.04 * np.abs(expected).max()
    assert np.array_equal(found[:1], answers(model, frames[:1]))
    large = linear(2_048)
    assert quantize.static(large, [{"waveform": frames}], unsigned=True).ByteSize() < 0.32 * large.ByteSize()


def test_a_large_constant_that_was_half_precision_is_so_again():
    rng, shape = np.random.default_rng(0), [["batch", 128, 256]]
    whole = {
        "was_half": rng.normal(size=(1, 128, 256)).astype(np.float16),
        "was_single": rng.normal(size=(1, 128, 256)),
    }
    nodes = [
        helper.make_node("Add", ["waveform", "was_half"], ["inner"]),
        helper.make_node("Add", ["inner", "was_single"], ["probabilities"]),
    ]
    full = graph(nodes, whole, shape, shape)
    model = quantize.exact_halves(full)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert sorted(kinds.values()) == [onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16] and "was_single" in kinds
    frames = rng.normal(size=(2, 128, 256)).astype(np.float32)
    assert np.array_equal(answers(model, frames), answers(full, frames))


@pytest.mark.parametrize("name", ["block-int8", "dynamic-int8", "static-uint8"])
def test_quantised_networks_store_what_was_half_precision_so(name):
    rng = np.random.default_rng(0)
    constants = {"was_half": rng.normal(size=(1, 128, 256)).astype(np.float16), "w": rng.normal(0, 0.1, (256, 32))}
    nodes = [
        helper.make_node("Add", ["waveform", "was_half"], ["inner"], "first"),
        helper.make_node("MatMul", ["inner", "w"], ["probabilities"], "second"),
    ]
    full = graph(nodes, constants, [["batch", 128, 256]], [["batch", 128, 32]])
    variant = next(one for one in VARIANTS if one.name == name)
    model = variant.make(full, [{"waveform": rng.normal(size=(1, 128, 256)).astype(np.float32)}])
    assert onnx.TensorProto.FLOAT16 in {tensor.data_type for tensor in model.graph.initializer}


def test_quantising_in_blocks_leaves_logging_as_it_is(monkeypatch):
    monkeypatch.delitem(sys.modules, "onnxruntime.quantization.matmul_nbits_quantizer", raising=False)
    monkeypatch.delattr(onnxruntime.quantization, "matmul_nbits_quantizer", raising=False)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    quantize.blocks(linear(), bits=8)
    assert root.handlers == [] and root.level == level


def test_a_graph_without_layers_is_refused():
    with pytest.raises(quantize.ConfigError, match="--quantize none"):
        quantize.dynamic(onnx.ModelProto(), unsigned=True)


def line(variant: str, accuracy: float, milliseconds: float, size: int = 100, agreement: float = 1.0) -> Measured:
    share = Interval(accuracy, accuracy, accuracy)
    return Measured(variant, "", size, milliseconds, milliseconds, agreement, 0.0, share, share, 200)


def test_the_best_is_the_fastest_that_loses_at_most_half_a_point():
    lines = [line("fp32", 0.900, 10), line("a", 0.896, 4), line("b", 0.894, 2), line("c", 0.91, 5)]
    assert best(lines).variant == "a"
    assert best(lines[:1]).variant == "fp32"


def test_of_equally_fast_ones_it_is_the_smallest_then_the_most_faithful():
    assert best([line("fp32", 0.9, 10), line("a", 0.9, 9.8, 50)]).variant == "a"
    lines = [line("fp32", 0.9, 10, 1000), line("a", 0.9, 4.1, 500, 0.98), line("b", 0.9, 4, 501, 0.97)]
    assert best(lines).variant == "a"


def test_the_report_is_written(bundle):
    folder = bundle.folder / "quantized"
    rows = list(csv.DictReader((folder / "quantization.csv").open()))
    assert [row["variant"] for row in rows] == ["fp32", *NAMES]
    assert all(row["recordings"] == "36" and float(row["milliseconds"]) > 0 for row in rows)
    assert (folder / "quantization.png").read_bytes().startswith(b"\x89PNG")
    default = bundle.facts.variants[bundle.facts.default]["variant"]
    assert f"| **{default}** |" in (folder / "quantization.md").read_text()


def test_the_report_says_whether_recordings_were_seen():
    assert "no network was trained on" in markdown([line("fp32", 0.9, 1)], "fp32", unseen=True)
    assert "compare, do not quote" in markdown([line("fp32", 0.9, 1)], "fp32", unseen=False)


def test_networks_trained_on_all_recordings_are_not_measured_on_unseen_ones(ensemble):
    refitted = replace(ensemble, facts=replace(ensemble.facts, trained_on="all 180 recordings of demo"))
    assert find_recordings(ensemble, None, Progress()).unseen
    assert not find_recordings(refitted, None, Progress()).unseen


@pytest.mark.parametrize(
    ("inputs", "bits", "size"), [(512, 8, 256), (256, 8, 256), (65, 8, 128), (64, 8, 64), (10, 8, 16), (512, 4, 64)]
)
def test_a_block_is_no_longer_than_a_narrow_layer_needs(inputs, bits, size):
    assert quantize._block_size(inputs, bits) == size
