"""A small encoder from a large one, as a folder that members take."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tembr.corpora import load_corpus
from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError, CorpusError
from tests.command import tembr_here
from tests.encoders import write_encoder

pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")

from tembr.experiment.distill import DistillSettings, distill_encoder, distill_settings
from tembr.features.encoder import encoder_input, load_encoder
from tembr.progress import Progress

SMALL = {"layer": 2, "layers": 1, "hidden": 64, "feedforward": 16, "window": 1.0, "crop": 0.5}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory) -> str:
    import transformers

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whisper")
    config = transformers.WhisperConfig(
        d_model=128, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=48, decoder_ffn_dim=24, vocab_size=32, num_mel_bins=80, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    transformers.WhisperModel(config).save_pretrained(folder)
    transformers.WhisperFeatureExtractor().save_pretrained(folder)
    return str(folder)


def settings_of(teacher: str, epochs: int = 2, **changes) -> DistillSettings:
    values = SMALL | {"encoder": teacher, "train__epochs": epochs, "train__device": "cpu"} | changes
    return distill_settings(**values)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    demo = load_corpus("demo")
    return Corpus("demo", demo.utterances[:64], demo.licence)


@pytest.fixture(scope="module")
def made(teacher, corpus, tmp_path_factory):
    rows: list[dict] = []
    folder = tmp_path_factory.mktemp("narrow") / "encoder"
    distill_encoder(settings_of(teacher, 6), [corpus], folder, Progress(row=rows.append))
    return folder, rows


def test_it_comes_nearer_to_its_teacher(made):
    losses = [row["train_loss"] for row in made[1]]
    assert len(losses) == 6 and losses[-1] < 0.9 * losses[0]


def test_members_take_the_folder(made, corpus):
    folder, _ = made
    assert (load_encoder(str(folder)).hidden, load_encoder(str(folder)).layers) == (64, 1)
    states = encoder_input(str(folder), 1, 1.0)
    found = states.compute([states], [u.read(16_000) for u in corpus.utterances[:3]])[0]
    assert all(one.shape == (64, 1) and np.isfinite(one).all() for one in found)


def test_the_card_says_what_it_is_and_whose(made):
    text = (made[0] / "README.md").read_text()
    assert "Copyright (c) 2022 OpenAI" in text and "demo (" in text and "layer 2" in text
    assert (made[0] / "history.png").stat().st_size > 1_000
    assert not (made[0] / "last.ckpt").exists()


def test_a_finished_one_is_not_made_again(made, teacher, corpus):
    folder, _ = made
    before = (folder / "model.safetensors").stat().st_mtime_ns
    distill_encoder(settings_of(teacher, 6), [corpus], folder)
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_another_one_is_refused_where_one_is(made, teacher, corpus):
    with pytest.raises(ConfigError, match="other settings or corpora; choose another --out"):
        distill_encoder(settings_of(teacher, 7), [corpus], made[0])


def test_a_folder_whose_settings_are_damaged_is_refused_in_a_line(teacher, corpus, tmp_path):
    (tmp_path / "distillation.json").write_text("{")
    with pytest.raises(ConfigError, match="choose another --out"):
        distill_encoder(settings_of(teacher), [corpus], tmp_path)


def test_one_that_was_stopped_ends_as_one_that_was_not(teacher, corpus, tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    distill_encoder(settings_of(teacher), [corpus], whole)

    def stop(row: dict) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill_encoder(settings_of(teacher), [corpus], stopped, Progress(row=stop))
    assert not (stopped / "model.safetensors").exists()
    distill_encoder(settings_of(teacher), [corpus], stopped)
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_no_label_is_looked_at(teacher, corpus, tmp_path):
    from dataclasses import replace

    mute = Corpus("demo", tuple(replace(u, emotion="fear") for u in corpus.utterances), corpus.licence)
    for name, one in (("a", corpus), ("b", mute)):
        distill_encoder(settings_of(teacher, 1), [one], tmp_path / name)
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layer": 3}, "has 2 layers; choose less"),
        ({"layer": 1, "layers": 2}, "more than the 1 layers that are imitated"),
        ({"hidden": 192}, "hidden = 192: the encoder has 128"),
        ({"feedforward": 64}, "feedforward = 64: the encoder has 48"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(teacher, corpus, tmp_path, changes, words):
    with pytest.raises(ConfigError, match=words):
        distill_encoder(settings_of(teacher, **changes), [corpus], tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_channels_are_whole_heads():
    with pytest.raises(ConfigError, match="setting hidden = 100: take a multiple of 64"):
        distill_settings(hidden=100)


def test_nothing_to_learn_from_is_said(teacher, tmp_path):
    with pytest.raises(CorpusError, match="no recordings"):
        distill_encoder(settings_of(teacher), [Corpus("demo", (), "")], tmp_path / "new")


def test_an_encoder_of_samples_is_no_teacher(tmp_path):
    with pytest.raises(ConfigError, match="choose a Whisper"):
        distill_encoder(settings_of(write_encoder("WavLM", tmp_path)), [load_corpus("demo")], tmp_path / "new")


def test_the_command(teacher, tmp_path, capsys):
    sizes = ["--layer", "2", "--layers", "1", "--hidden", "64", "--feedforward", "16", "--epochs", "1"]
    command = ["distill", "--corpora", str(tmp_path), "--corpus", "demo", "--encoder", teacher, *sizes]
    done = tembr_here(capsys, *command, "--out", str(tmp_path / "out"), "-q", "--device", "cpu")
    assert done.status == 0, done.err
    assert json.loads((tmp_path / "out/distillation.json").read_text())["recordings"] == {"demo": 180}
    assert load_encoder(str(tmp_path / "out")).hidden == 64


def test_the_command_writes_over_no_other_folder(teacher, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x")
    done = tembr_here(
        capsys, "distill", "--corpora", str(tmp_path), "--corpus", "demo", "--encoder", teacher, "--out", str(tmp_path)
    )
    assert done.one_line_error and "something else in it" in done.err
