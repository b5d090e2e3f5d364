"""What every kind of member keeps, and a kind of ten lines that goes all the way without any other file knowing it."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tembr.corpora import load_corpus
from tembr.ensemble import EnsembleSettings, run_ensemble
from tembr.ensemble.joined import join
from tembr.ensemble.weighted import WeightedEnsemble
from tembr.errors import ConfigError, StoreError
from tembr.experiment.run import run_study
from tembr.experiment.settings import load_settings
from tembr.export import ExportSettings, export_bundle
from tembr.export.graph import waveform_graph
from tembr.export.runtime import open_session
from tembr.export.verify import torch_posteriors
from tembr.features.inputs import RepresentationInput
from tembr.features.store import FeatureStore
from tembr.models import KINDS, MemberSettings, fit_member, load_member, member_settings, register
from tembr.models.base import WEIGHTS, check_members
from tembr.models.data import FoldData
from tembr.progress import Progress
from tembr.recognize.recognizer import load
from tests.encoders import write_encoder
from tests.models.conftest import FEATURES

QUICK = {
    "network": {"representation": "chroma", "train": {"epochs": 1, "network": "resnet18_quarter", "device": "cpu"}},
    "encoder": {"layers": [1, 2], "window": 1.0, "channels": ["phone"], "degrees_of_freedom": 8.0},
    "finetuned": {
        "layers": [1, 2],
        "window": 1.0,
        "pooling": "attentive-statistics",
        "mixture": True,
        "train": {"epochs": 1, "device": "cpu"},
    },
    "discriminants": {"representation": "mfcc"},
}

ENCODERS = ("encoder", "finetuned")
"""Kinds that take a pretrained encoder."""


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory) -> str:
    pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")
    return write_encoder("Whisper", tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="session", params=sorted(KINDS))
def settings(request, tiny_encoder) -> MemberSettings:
    values = QUICK.get(request.param, {}) | ({"encoder": tiny_encoder} if request.param in ENCODERS else {})
    return member_settings({"kind": request.param, "name": request.param} | values)


@pytest.fixture(scope="session")
def data(settings, demo, tmp_path_factory) -> FoldData:
    tables = FeatureStore().prepare(load_corpus("demo").utterances, settings.inputs(FEATURES))
    index, corpora = np.arange(180), np.zeros(180, int)
    parts = index[index % 3 == 0], index[index % 3 == 1]
    folder = tmp_path_factory.mktemp("fold")
    channels = np.where(index % 2, "phone", "")
    originals = np.where(index % 2, np.where(index < 3, index + 3, index - 3), index)
    known = demo.classes, demo.speakers, corpora, *parts, folder, channels, originals
    return FoldData(demo.labels, FEATURES, tables, *known)


@pytest.fixture(scope="session")
def member(settings, data):
    return fit_member(settings, FEATURES, data, 0, Progress())


TEST = np.arange(2, 180, 3)


def test_logits_and_embeddings_are_one_row_a_recording(member, data):
    logits, embeddings = member.answer(data.tables, TEST)
    assert logits.shape == (60, 6) and logits.dtype == np.float32
    assert (embeddings is not None) == member.settings.embeds
    assert embeddings is None or all(one.ndim == 2 and len(one) == 60 for one in embeddings)


def test_the_same_seed_gives_the_same_state(member, settings, data, tmp_path):
    from dataclasses import replace

    again = fit_member(settings, FEATURES, replace(data, folder=tmp_path), 0, Progress()).module.state_dict()
    for name, values in member.module.state_dict().items():
        assert torch.equal(values, again[name]), name


def test_what_is_saved_answers_the_same(member, settings, data, tmp_path):
    member.save(tmp_path)
    again = load_member(settings, FEATURES, member.labels, tmp_path / WEIGHTS)
    np.testing.assert_allclose(again.answer(data.tables, TEST)[0], member.answer(data.tables, TEST)[0], atol=1e-5)


def test_weights_of_another_member_are_said(settings, tmp_path):
    (tmp_path / WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(StoreError, match="not the weights of"):
        load_member(settings, FEATURES, ("a", "b"), tmp_path / WEIGHTS)


def test_test_recordings_change_nothing_that_is_learnt(member, settings, data, tmp_path):
    from dataclasses import replace

    other = data.classes.copy()
    other[TEST] = (other[TEST] + 1) % 6
    changed = replace(data, classes=other, folder=tmp_path)
    again = fit_member(settings, FEATURES, changed, 0, Progress()).module.state_dict()
    assert all(torch.equal(values, again[name]) for name, values in member.module.state_dict().items())


def test_the_graph_answers_as_the_module(member):
    joined = join([member], WeightedEnsemble({member.settings.name: 1.0}))
    waveforms = [u.read(16_000)[:24_000] for u in load_corpus("demo").utterances[:6]]
    session = open_session(waveform_graph(joined))
    found = np.concatenate([session.run(None, {"waveform": w[None]})[0] for w in waveforms])
    np.testing.assert_allclose(found, torch_posteriors(joined, waveforms), atol=1e-4)


def test_names_are_told_apart():
    twice = [member_settings({"kind": "majority", "name": "one"})] * 2
    with pytest.raises(ConfigError, match="two members are called one"):
        check_members(twice, FEATURES)


@pytest.mark.parametrize("name", ["wav2vec2.0", "../x", "a/b", "", "keys", "speaker", "ensemble", "train"])
def test_a_name_that_can_be_no_folders_or_modules_is_refused(name):
    with pytest.raises(ConfigError, match="cannot be called"):
        check_members([member_settings({"kind": "majority", "name": name})], FEATURES)


class Centroid(nn.Module):
    """Distance of a recording's mean, projected, from each emotion's; the projection is its embedding."""

    def __init__(self, bins: int, labels: int):
        super().__init__()
        self.project = nn.Linear(bins, 24)
        self.register_buffer("means", torch.zeros(labels, 24))

    def forward(self, values: torch.Tensor):
        embedding = self.project(values.mean(-1) / 100)
        return -20 * (embedding[:, None] - self.means).square().sum(-1), (embedding,)


class CentroidSettings(MemberSettings):
    kind: Literal["centroid"] = "centroid"
    embeds: ClassVar[bool] = True

    def inputs(self, features):
        return (RepresentationInput("mfcc", features),)

    def build(self, features, labels):
        return Centroid(features.n_mfcc, labels).requires_grad_(False)

    def fit(self, module, data, seed, progress):
        learnt, (taken,) = data.labelled, self.inputs(data.features)
        values = torch.from_numpy(np.stack([data.tables[taken][int(i)] for i in learnt]))
        embeddings, classes = module(values)[1][0], torch.from_numpy(data.classes[learnt])
        module.means.copy_(torch.stack([embeddings[classes == k].mean(0) for k in range(len(data.labels))]))
        return [{"seconds": 0.0}]


def test_a_new_kind_goes_from_a_study_to_an_adapted_quantised_bundle(tmp_path, monkeypatch, blank_pictures):
    monkeypatch.setitem(KINDS, "centroid", None)  # taken back in the end
    register(CentroidSettings)
    overrides = ["features.window=1.0", "split.folds=3", "split.inner=2", "track.enabled=false"]
    study = run_study(load_settings(overrides=overrides, members=["centroid"], protocols=["speaker"]), tmp_path / "s")
    assert study.results[0].summary["uar"]["value"] > 0.2
    joined = run_ensemble(study.folder, EnsembleSettings(trials=3, adapt=8, refit=True, track=False))
    assert joined.facts.adaptation.metrics["speaker"]["n"] < 180
    out = tmp_path / "bundle"
    export_bundle(joined, out, ExportSettings(quantize="dynamic", recordings=20))
    recordings = [u for u in load_corpus("demo").utterances if u.speaker == "F01"]
    recognizer = load(out)
    adapted = recognizer.adapt([u.path for u in recordings[:10]])
    one, other = (r.predict(recordings[12].path, check_speech=False) for r in (recognizer, adapted))
    assert one.probabilities != other.probabilities
    sessions = [onnxruntime.InferenceSession(p, providers=["CPUExecutionProvider"]) for p in out.rglob("*.onnx")]
    assert all({"embedding", "relative"} <= {o.name for o in session.get_outputs()} for session in sessions)
