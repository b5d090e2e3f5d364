from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from tembr.bundle import BundleError, altered, read_facts, self_test_waveform
from tembr.ensemble.folder import EnsembleFolder
from tembr.errors import ConfigError, CorpusError, StoreError
from tembr.experiment.settings import load_settings
from tembr.export import ExportSettings, bundling, export_bundle
from tembr.export.recordings import find_recordings
from tembr.export.verify import torch_posteriors, verify_graph
from tembr.progress import Progress
from tembr.training_record import read_record, recording_digest, speaker_digest
from tests.export.conftest import WEIGHTS


def test_the_graph_answers_as_pytorch(bundle, ensemble, waveforms):
    expected = torch_posteriors(ensemble.load(), waveforms)
    found = np.concatenate([bundle.run(waveform[None]) for waveform in waveforms])
    assert len(set(expected.argmax(1))) > 1  # networks that answer the same to all would prove nothing
    assert np.abs(found - expected).max() <= 1e-4
    assert np.allclose(found.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 17])
def test_any_batch_agrees_with_one_by_one(bundle, waveforms, batch):
    samples = np.stack([np.resize(waveform, 20_000) for waveform in waveforms[:batch]])
    alone = np.concatenate([bundle.run(one[None]) for one in samples])
    assert bundle.run(samples).shape == (batch, 6)
    assert np.abs(bundle.run(samples) - alone).max() <= 1e-6


def test_it_takes_any_length_as_the_window(bundle):
    signal = self_test_waveform(16_000)  # 2 s, the window is 1 s
    assert np.array_equal(bundle.run(signal[None]), bundle.run(signal[None, :16_000]))
    short = signal[:1_000]
    assert np.array_equal(bundle.run(short[None]), bundle.run(np.pad(short, (0, 15_000))[None]))


@pytest.mark.parametrize("level", [0.0, 1e-30, 1.0, 1e4])
def test_silence_and_clipping_give_numbers(bundle, level):
    answer = bundle.run(np.full((1, 16_000), level, np.float32))
    assert np.isfinite(answer).all() and answer.sum() == pytest.approx(1, abs=1e-5)


def test_inputs_and_outputs_are_dynamic(bundle):
    session = bundle.session()
    (waveform,), (probabilities,) = session.get_inputs(), session.get_outputs()
    assert (waveform.name, waveform.type, waveform.shape) == ("waveform", "tensor(float)", ["batch", "samples"])
    assert (probabilities.name, probabilities.shape) == ("probabilities", ["batch", 6])


def test_the_file_describes_itself(bundle):
    written = bundle.session().get_modelmeta().custom_metadata_map
    assert json.loads(written["labels"]) == bundle.facts.labels
    assert (written["sample_rate"], written["window"]) == ("16000", "1.0")
    assert (written["version"], written["licence"]) == ("1.0.0", "CC0 1.0")
    assert [m["name"] for m in json.loads(written["members"])] == ["melspectrogram", "chroma"]


def test_the_graph_is_of_standard_products_and_keeps_no_trace_of_this_machine(bundle):
    model = onnx.load(bundle.folder / "model.onnx")
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"STFT", "DFT", "BatchNormalization", "Dropout"}
    assert next(o.version for o in model.opset_import if not o.domain) >= 17
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")  # weights may spell anything
    text = model.SerializeToString()
    assert not re.search(rb"\.py\b", text) and b"/tembr/" not in text


def test_the_transform_is_in_the_graph_once(bundle):
    model = onnx.load(bundle.folder / "model.onnx")
    groups = [a.i for n in model.graph.node for a in n.attribute if n.op_type == "Conv" and a.name == "group"]
    assert len([g for g in groups if g > 1]) == 1  # the networks' convolutions have one group each


def test_what_was_learnt_is_on_record_and_the_test_part_is_not(bundle, ensemble):
    record = read_record(bundle.folder, read_facts(bundle.folder))
    recordings = find_recordings(ensemble, None, Progress())
    assert recordings.unseen and recordings.test
    assert all(record.has(recording_digest(u)) for u in (*recordings.train, *recordings.validation))
    assert not any(record.has(recording_digest(u)) for u in recordings.test)
    assert record.has(speaker_digest(recordings.corpus.name, recordings.train[0].speaker))


def test_facts_are_complete(bundle):
    facts = read_facts(bundle.folder)
    assert facts == replace(bundle.facts, hashes=facts.hashes)
    assert altered(bundle.folder, facts) == [] and "verification.json" in facts.hashes
    assert facts.shapes == {"waveform": ["batch", "samples"]}
    weights = {m["name"]: m["weight"] for m in facts.members}
    assert weights == pytest.approx({name: weight for name, weight in WEIGHTS.items() if weight})
    assert all(m["network"] == "resnet18_quarter" and m["parameters"] > 1e5 for m in facts.members)
    assert facts.temperature == pytest.approx(0.8) and facts.window == 1.0
    assert set(facts.metrics) == {"random", "speaker"} == set(facts.split)
    assert facts.features["chroma"]["bins"] == 12 and facts.features["chroma"]["n_fft"] == 2048
    assert facts.corpora[0]["trained_on"].startswith("the training part")


def test_the_self_test_is_what_every_file_answers(bundle):
    test = bundle.facts.self_test
    assert test["probabilities"] == test["variants"]["model.onnx"]
    for variant, recorded in test["variants"].items():
        answer = bundle.run(self_test_waveform(16_000)[None], variant)[0]
        assert answer == pytest.approx(recorded, abs=1e-3), variant


def test_verification_and_optimisation_leave_their_reports(bundle):
    verification = json.loads((bundle.folder / "verification.json").read_text())
    assert verification["passed"] and verification["recordings"] == 40 and verification["difference"] <= 1e-4
    steps = json.loads((bundle.folder / "optimization.json").read_text())
    assert [s["name"] for s in steps][:3] == ["exported", "onnxslim", "onnxoptimizer"] and len(steps) == 5
    assert all(s["why"] and s["nodes"] and s["bytes"] for s in steps)


def graph_of(bundle, breakage=lambda model: None):
    """The exported graph again, without the minute of exporting; `breakage` may alter it."""

    def make(*_):
        model = onnx.load(bundle.folder / "model.onnx")
        breakage(model)
        return model

    return make


def break_a_constant(model: onnx.ModelProto) -> None:
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    weights = onnx.numpy_helper.to_array(tensor) * np.float32(1.5)
    tensor.CopyFrom(onnx.numpy_helper.from_array(weights, tensor.name))


def test_a_graph_that_disagrees_is_refused_with_a_report(bundle, ensemble, monkeypatch, tmp_path):
    monkeypatch.setattr(bundling, "waveform_graph", graph_of(bundle, break_a_constant))
    with pytest.raises(BundleError, match=r"off PyTorch's by .*; no bundle is written, see .*verification.json"):
        export_bundle(ensemble, tmp_path / "bundle", ExportSettings(recordings=20))
    assert [p.name for p in tmp_path.iterdir()] == ["bundle.verification.json"]
    report = json.loads((tmp_path / "bundle.verification.json").read_text())
    assert not report["passed"] and report["difference"] > 1e-4


def test_not_a_number_does_not_pass(bundle, ensemble, waveforms):
    model = onnx.load(bundle.folder / "model.onnx")
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * np.float32("nan"), tensor.name))
    result = verify_graph(model, ensemble.load(), waveforms[:2])
    assert not result.passed and result.difference == float("inf")


def test_an_older_bundle_is_replaced_whole_and_nothing_else(bundle, ensemble, monkeypatch, tmp_path):
    monkeypatch.setattr(bundling, "waveform_graph", graph_of(bundle))
    out = tmp_path / "bundle"
    (out / "quantized").mkdir(parents=True)
    shutil.copy(bundle.folder / "bundle.json", out)
    for leftover in ("optimization.json", "quantized/int8.onnx"):
        (out / leftover).write_text("old")
    (out / "notes.txt").write_text("mine")
    said = []
    facts = export_bundle(ensemble, out, ExportSettings(name="Zwei", recordings=181), bundling.Progress(said.append))
    assert read_facts(out).name == facts.name == "Zwei"
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"] and (out / "notes.txt").read_text() == "mine"
    assert not (out / "quantized").exists() and (out / "optimization.json").read_text() != "old"
    assert "demo has only 180 recordings to verify on, 181 are wanted" in said
    assert facts.variants == {} and facts.default == "model.onnx"


def test_only_the_default_variant_is_left_where_that_is_asked(bundle, ensemble, monkeypatch, tmp_path):
    monkeypatch.setattr(bundling, "waveform_graph", graph_of(bundle))
    monkeypatch.setattr(bundling, "best", lambda lines: lines[1])
    monkeypatch.setattr(bundling, "variants", lambda how, model: bundling_variants()[:2])
    settings = ExportSettings(quantize="static", recordings=20, only_default=True)
    facts = export_bundle(ensemble, tmp_path / "b", settings)
    assert [p.name for p in (tmp_path / "b").rglob("*.onnx")] == ["model.onnx"]
    assert (facts.default, facts.variants["model.onnx"]["variant"]) == ("model.onnx", "weights-fp16")
    assert altered(tmp_path / "b", read_facts(tmp_path / "b")) == []
    assert (tmp_path / "b" / "model.onnx").stat().st_size < 0.6 * (bundle.folder / "model.onnx").stat().st_size


def test_a_default_that_is_not_for_these_networks_is_refused(bundle, ensemble, monkeypatch, tmp_path):
    monkeypatch.setattr(bundling, "waveform_graph", graph_of(bundle))
    settings = ExportSettings(quantize="dynamic", recordings=20, default="block-int8")
    with pytest.raises(ConfigError, match="default block-int8: not for networks with convolutions"):
        export_bundle(ensemble, tmp_path / "b", settings)
    assert not (tmp_path / "b").exists()


def bundling_variants():
    from tembr.export.quantize import VARIANTS

    return VARIANTS


def test_what_is_not_a_bundle_is_not_touched(ensemble, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "bundle.json").write_text('{"name": "of another kind"}')
    for name in ("file", "folder", "other"):
        with pytest.raises(StoreError, match="choose another --out"):
            export_bundle(ensemble, tmp_path / name)
    assert (tmp_path / "folder" / "thesis.txt").read_text() == "mine"


def test_a_missing_corpus_is_said(ensemble, tmp_path):
    moved = replace(ensemble, settings=load_settings(corpus__name="emodb", protocols=["random"]))
    moved = replace(moved, settings=ensemble.settings.model_copy(update={"corpus": moved.settings.corpus}))
    with pytest.raises(CorpusError):
        export_bundle(moved, tmp_path / "bundle", ExportSettings(corpus_dir=str(tmp_path / "nowhere")))
    assert list(tmp_path.iterdir()) == []


def test_networks_that_are_not_there_are_said(ensemble, tmp_path):
    lost = EnsembleFolder(tmp_path / "empty", ensemble.facts, ensemble.settings)
    with pytest.raises(StoreError, match="no weights of melspectrogram, chroma"):
        export_bundle(lost, tmp_path / "bundle")


def test_recordings_of_their_own_length_cannot_be_exported(ensemble, tmp_path):
    features = ensemble.settings.features.model_copy(update={"window": 0.0})
    own = replace(ensemble, settings=ensemble.settings.model_copy(update={"features": features}))
    with pytest.raises(ConfigError, match="export a study with a window"):
        export_bundle(own, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_what_the_exporter_cannot_say_in_onnx_is_one_line(ensemble, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.nn.ReLU, "forward", lambda self, values: torch.linalg.eigh(values)[0])
    with pytest.raises(ConfigError, match="cannot become one ONNX graph .*; export fewer of them") as caught:
        export_bundle(ensemble, tmp_path / "bundle")
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"inputs": "mp3"}, {"quantize": "int4"}, {"recordings": 0}])
def test_settings_are_checked(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ExportSettings(**wrong)
