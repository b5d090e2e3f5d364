"""A student and its heads, where the teacher is a tiny encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tembr.corpora import load_corpus
from tembr.errors import ConfigError
from tembr.features.store import FeatureStore
from tembr.models import fit_member, member_settings
from tembr.models.data import FoldData
from tembr.progress import Progress
from tests.encoders import write_encoder
from tests.models.conftest import FEATURES

pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")

SMALL = {"layers": [1, 2], "window": 1.0, "blocks": 1, "rank": 8, "crop": 0.5}
QUICK = {"epochs": 2, "batch_size": 16, "learning_rate": 3e-3, "device": "cpu", "schedule": "cosine"}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> str:
    return write_encoder("Whisper", tmp_path_factory.mktemp("whisper"))


def settings_of(encoder: str, train: dict | None = None, **changes):
    values = {"kind": "distilled", "name": "small", "encoder": encoder} | SMALL
    return member_settings(values | {"train": QUICK | (train or {})} | changes)


def data_of(settings, folder: Path, classes: np.ndarray | None = None, stop: int = 96) -> FoldData:
    """Some recordings of the demo corpus, of which every third from `stop` on is scored."""
    corpus = load_corpus("demo")
    tables = FeatureStore().prepare(corpus.utterances, settings.inputs(FEATURES))
    own = np.array([corpus.labels.index(u.emotion) for u in corpus.utterances])
    speakers = np.array([u.speaker for u in corpus.utterances])
    parts = np.arange(0, stop, 2), np.empty(0, int)
    classes = own if classes is None else classes
    return FoldData(corpus.labels, FEATURES, tables, classes, speakers, np.zeros(180, int), *parts, folder)


def fitted(settings, folder: Path, **changes):
    return fit_member(settings, FEATURES, data_of(settings, folder, **changes), 0, Progress())


def same(one, other) -> bool:
    states = (m.module.state_dict() for m in (one, other))
    first, second = states
    return all(torch.equal(first[name], second[name]) for name in first)


def test_it_comes_nearer_to_its_teacher(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr("tembr.train.distillation.LOGITS", 0.0)  # frames and their mean alone count
    monkeypatch.setattr("tembr.train.distillation.SOFT", 0.0)
    settings = settings_of(encoder, {"epochs": 8, "batch_size": 8, "learning_rate": 0.03})
    losses = [row["train_loss"] for row in fitted(settings, tmp_path).history]
    assert losses[-1] < 0.6 * losses[0]


def test_scored_recordings_change_nothing(encoder, tmp_path):
    settings = settings_of(encoder)
    one = fitted(settings, tmp_path / "a")
    data = data_of(settings, tmp_path / "b")
    changed = data.classes.copy()
    changed[1::2] = (changed[1::2] + 1) % 6
    assert same(one, fitted(settings, tmp_path / "c", classes=changed))


def test_recordings_without_one_of_the_emotions_are_learnt_from(encoder, tmp_path):
    settings = settings_of(encoder)
    classes = data_of(settings, tmp_path).classes.copy()
    classes[0:96:4] = -1
    unlabelled = fitted(settings, tmp_path / "a", classes=classes)
    fewer = data_of(settings, tmp_path / "b", classes=classes)
    object.__setattr__(fewer, "train", fewer.train[classes[fewer.train] >= 0])
    assert not same(unlabelled, fit_member(settings, FEATURES, fewer, 0, Progress()))


def test_a_training_that_was_stopped_ends_as_one_that_was_not(encoder, tmp_path):
    settings = settings_of(encoder, {"epochs": 3})

    def stop(row: dict) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    data = data_of(settings, tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        fit_member(settings, FEATURES, data, 0, Progress(row=stop))
    seen = []
    resumed = fit_member(settings, FEATURES, data, 0, Progress(row=lambda row: seen.append(row["epoch"])))
    assert seen in ([2, 3], [3])
    assert same(resumed, fitted(settings, tmp_path / "whole"))


def test_logits_are_the_mean_of_the_heads(encoder):
    module = settings_of(encoder).build(FEATURES, 6).eval()
    with torch.inference_mode():
        for number, head in enumerate(module.heads):
            head.output.weight.zero_()
            head.output.bias.fill_(float(number))
        logits, pooled = module(torch.randn(3, 80, 40))
    assert logits.shape == (3, 6) and pooled.shape == (3, 32)
    assert torch.allclose(logits, torch.full((3, 6), 0.5))


def test_every_head_hears_its_own_layer(encoder):
    module = settings_of(encoder).build(FEATURES, 6).eval()
    with torch.inference_mode():
        pooled = torch.randn(2, 32)
        other = pooled.clone()
        other[:, 16:] += 1
        changed = (module.answers(pooled) != module.answers(other)).flatten(1).any(1)
    assert changed.tolist() == [False, True]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"blocks": 3}, "blocks = 3"), ({"layers": [3]}, "it has 2 layers")],
)
def test_what_the_encoder_has_not_is_said(encoder, changes, said):
    with pytest.raises(ConfigError, match=said):
        settings_of(encoder, **changes).check(FEATURES)


def test_a_teacher_that_takes_samples_is_refused(tmp_path):
    wavlm = write_encoder("WavLM", tmp_path)
    with pytest.raises(ConfigError, match="choose a Whisper"):
        settings_of(wavlm).check(FEATURES)


@pytest.mark.parametrize("changes", [{"others": -1}, {"warp": 0.5}, {"rank": 0}, {"crop": 0.0}])
def test_settings_out_of_range_are_refused(encoder, changes):
    with pytest.raises(ValidationError):
        settings_of(encoder, **changes)
