"""A tiny encoder whose layers are trained: which of them change, how far, and what they are joined by."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tembr.corpora import load_corpus
from tembr.ensemble.joined import join
from tembr.ensemble.weighted import WeightedEnsemble
from tembr.errors import ConfigError
from tembr.export.graph import waveform_graph
from tembr.export.runtime import open_session
from tembr.export.verify import torch_posteriors
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureStore
from tembr.models import fit_member, member_settings
from tembr.models.data import FoldData
from tembr.models.encoder import PooledHead
from tembr.models.finetuned import FinetunedSettings
from tembr.progress import Progress
from tests.encoders import write_encoder
from tests.models.conftest import FEATURES

pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")

SMALL = {"layers": [1, 2], "window": 1.0, "crop": 0.5}
QUICK = {"epochs": 2, "batch_size": 16, "learning_rate": 3e-3, "device": "cpu", "schedule": "cosine"}
TEST = np.arange(1, 180, 6)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> str:
    return write_encoder("Whisper", tmp_path_factory.mktemp("whisper"))


def settings_of(encoder: str, train: dict | None = None, **changes):
    values = {"kind": "finetuned", "name": "tuned", "encoder": encoder} | SMALL
    return member_settings(values | {"train": QUICK | (train or {})} | changes)


def data_of(settings, folder: Path) -> FoldData:
    corpus = load_corpus("demo")
    inputs = [*settings.inputs(FEATURES), *settings.training_inputs(FEATURES)]
    tables = FeatureStore().prepare(corpus.utterances, inputs)
    classes = np.array([corpus.labels.index(u.emotion) for u in corpus.utterances])
    speakers = np.array([u.speaker for u in corpus.utterances])
    parts = np.arange(0, 96, 2), np.empty(0, int)
    return FoldData(corpus.labels, FEATURES, tables, classes, speakers, np.zeros(180, int), *parts, folder)


def fitted(settings, folder: Path, progress: Progress | None = None):
    return fit_member(settings, FEATURES, data_of(settings, folder), 0, progress or Progress())


def changed_blocks(settings, member) -> list[bool]:
    before = settings.build(FEATURES, 6).encoder.blocks
    return [
        any(not torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters()))
        for first, second in zip(before, member.module.encoder.blocks)
    ]


@pytest.mark.parametrize(("frozen", "changed"), [(1, [False, True]), (0, [True, True])])
def test_the_lowest_layers_stay_as_they_are(encoder, tmp_path, frozen, changed):
    settings = settings_of(encoder, frozen=frozen)
    assert changed_blocks(settings, fitted(settings, tmp_path)) == changed


@pytest.mark.parametrize("lora", [0, 2])
def test_convolutions_are_trained_where_that_is_wanted(encoder, tmp_path, lora):
    if lora:
        pytest.importorskip("peft", reason="peft is not installed (extra encoders)")
    for wanted in (False, True):
        settings = settings_of(encoder, frozen=0, convolutions=wanted, lora=lora, pretrained=0.0)
        new, old = fitted(settings, tmp_path / str(wanted)).module.encoder, settings.build(FEATURES, 6).encoder
        same = [torch.equal(*both) for both in zip(new.convolutions.parameters(), old.convolutions.parameters())]
        assert all(same) != wanted


def test_convolutions_below_frozen_layers_are_not_trained(encoder):
    with pytest.raises(ConfigError, match="convolutions = true trains them below no frozen layer; set frozen to 0"):
        settings_of(encoder, frozen=1, convolutions=True).check(FEATURES)


def test_copies_through_channels_are_learnt_from(encoder, tmp_path):
    """Half of the demo corpus taken for copies through a telephone: without them the heads are others."""
    settings = settings_of(encoder, channels=["phone", "phone"], pretrained=1.0)
    assert settings.copied_through == ("phone",)
    data = data_of(settings, tmp_path)
    channels = np.where(np.arange(180) % 4, "phone", "")
    whole = replace(data, channels=channels, originals=np.arange(180))
    alone = replace(data, train=data.train[channels[data.train] == ""], folder=tmp_path / "alone")
    means = [fit_member(settings, FEATURES, one, 0, Progress()).module.heads[0].mean for one in (whole, alone)]
    assert not torch.allclose(*means, atol=1e-5)


def test_wholly_pretrained_it_answers_as_the_kind_encoder(encoder, tmp_path):
    settings = settings_of(encoder, {"precision": "32"}, pretrained=1.0, shrinkage=0.5)
    member = fitted(settings, tmp_path)
    assert changed_blocks(settings, member) == [False, False]
    frozen = settings.frozen_encoder
    other = fitted(frozen, tmp_path)
    tables = [data_of(one, tmp_path).tables for one in (settings, frozen)]
    answers = [one.answer(table, TEST)[0] for one, table in zip((member, other), tables)]
    np.testing.assert_allclose(*answers, atol=2e-3)


def test_half_the_way_back_weights_lie_in_the_middle(encoder, tmp_path):
    settings = [settings_of(encoder, pretrained=share) for share in (0.0, 0.5, 1.0)]
    states = [fitted(one, tmp_path / str(n)).module.encoder.state_dict() for n, one in enumerate(settings)]
    for name in states[0]:
        torch.testing.assert_close(states[1][name], (states[0][name] + states[2][name]) / 2)


def test_heads_are_fitted_anew_on_what_the_trained_layers_say(encoder, tmp_path):
    settings = [settings_of(encoder, pretrained=share) for share in (0.0, 1.0)]
    means = [fitted(one, tmp_path / str(n)).module.heads[1].mean for n, one in enumerate(settings)]
    assert (means[0] - means[1]).abs().max() > 1e-3


def test_it_learns_what_it_is_trained_on(encoder, tmp_path):
    settings = settings_of(encoder, {"epochs": 12}, crop=1.0, warp=0.0, equalize=0.0, time_mask=0.0, row_mask=0.0)
    losses = [row["train_loss"] for row in fitted(settings, tmp_path).history]
    assert losses[-1] < 0.7 * losses[0]


def test_a_training_that_was_stopped_ends_as_one_that_was_not(encoder, tmp_path):
    settings = settings_of(encoder, {"epochs": 3})

    def stop(row: dict) -> None:
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(settings, tmp_path / "stopped", Progress(row=stop))
    seen = []
    resumed = fitted(settings, tmp_path / "stopped", Progress(row=lambda row: seen.append(row["epoch"])))
    assert seen in ([2, 3], [3])
    whole = fitted(settings, tmp_path / "whole").module.state_dict()
    assert all(torch.equal(values, whole[name]) for name, values in resumed.module.state_dict().items())


def test_emotions_that_an_auxiliary_corpus_does_not_have_are_no_mistakes_there(encoder, tmp_path):
    """Of the second corpus two emotions count; a recording of an emotion beside the target's is not learnt from."""
    settings = settings_of(encoder, pretrained=0.0)
    states = []
    for other in (-1, 3):
        data = data_of(settings, tmp_path / str(other))
        classes, corpora = data.classes.copy(), np.where(np.arange(180) % 4 == 0, 1, 0)
        second = np.flatnonzero(corpora == 1)
        classes[second] = np.arange(len(second)) % 2
        classes[second[:5]] = other
        mixed = replace(data, classes=classes, corpora=corpora)
        states.append(fit_member(settings, FEATURES, mixed, 0, Progress()).module.state_dict())
    assert any(not torch.equal(values, states[1][name]) for name, values in states[0].items())
    assert all(values.isfinite().all() for state in states for values in state.values())


def test_another_member_with_the_same_encoder_finds_it_as_it_was(encoder, tmp_path):
    settings = settings_of(encoder, pretrained=0.0)
    before = settings.build(FEATURES, 6).encoder.state_dict()
    fitted(settings, tmp_path)
    after = settings.build(FEATURES, 6).encoder.state_dict()
    assert all(torch.equal(values, after[name]) for name, values in before.items())


@pytest.mark.parametrize("frozen", [0, 1])
def test_adapters_are_added_to_the_weights_of_the_layers_that_are_trained(encoder, tmp_path, frozen):
    pytest.importorskip("peft", reason="peft is not installed (extra encoders)")
    settings = settings_of(encoder, lora=2, frozen=frozen, pretrained=0.0)
    member, before = fitted(settings, tmp_path), settings.build(FEATURES, 6)
    assert list(member.module.state_dict()) == list(before.state_dict())  # no adapter is left
    for number, (old, new) in enumerate(zip(before.encoder.blocks, member.module.encoder.blocks, strict=True)):
        ranks = [torch.linalg.matrix_rank(getattr(new, part).weight - getattr(old, part).weight, atol=1e-6)
                 for part in ("query", "key", "value", "output", "expand", "contract")]  # fmt: skip
        assert [int(rank) for rank in ranks] == ([0] if number < frozen else [2]) * 6
        assert torch.equal(old.feedforward_norm.weight, new.feedforward_norm.weight)


def test_a_training_of_adapters_that_was_stopped_ends_as_one_that_was_not(encoder, tmp_path):
    pytest.importorskip("peft", reason="peft is not installed (extra encoders)")
    settings = settings_of(encoder, lora=2)

    def stop(row: dict) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(settings, tmp_path / "stopped", Progress(row=stop))
    resumed, whole = (fitted(settings, tmp_path / name).module.state_dict() for name in ("stopped", "whole"))
    assert all(torch.equal(values, whole[name]) for name, values in resumed.items())


@pytest.mark.parametrize("changes", [{"pooling": "attention"}, {"mixture": True}, {"pooling": "attentive-statistics"}])
def test_where_all_layers_are_frozen_pooling_alone_is_learnt(encoder, tmp_path, changes):
    settings = settings_of(encoder, frozen=2, **changes)
    member = fitted(settings, tmp_path)
    assert changed_blocks(settings, member) == [False, False]
    assert all(values.abs().max() > 1e-4 for values in member.module.pooling.parameters())
    assert len(member.module.heads) == (1 if "mixture" in changes else 2)
    assert member.module.heads[0].mean.shape == (32 if "statistics" in changes.get("pooling", "") else 16,)


def test_statistics_alone_are_nothing_to_train(encoder):
    with pytest.raises(ConfigError, match="frozen = 2 leaves none of the first 2 layers to train"):
        settings_of(encoder, frozen=2, pooling="statistics").check(FEATURES)


@pytest.mark.parametrize("frozen", [1, 2])
def test_states_from_the_cache_are_those_that_would_be_computed(encoder, tmp_path, frozen):
    """Heads are fitted on them: wholly pretrained in the end, they are the same."""
    options = {"pretrained": 1.0, "pooling": "attention", "frozen": frozen, "shrinkage": 0.5}
    states = []
    for stored in (False, True):
        settings = settings_of(encoder, {"precision": "32", "learning_rate": 1e-9}, stored=stored, **options)
        assert len(settings.training_inputs(FEATURES)) == stored
        states.append(fitted(settings, tmp_path / str(stored)).module.heads.state_dict())
    for name, values in states[0].items():
        torch.testing.assert_close(values, states[1][name], atol=2e-3, rtol=2e-3)


def test_with_states_from_the_cache_layers_above_are_trained(encoder, tmp_path):
    settings = settings_of(encoder, stored=True, pretrained=0.0)
    assert changed_blocks(settings, fitted(settings, tmp_path)) == [False, True]


def test_states_of_no_frozen_layer_cannot_be_taken_from_the_cache(encoder):
    with pytest.raises(ConfigError, match="stored = true takes states of a frozen layer; set frozen to 1 at least"):
        settings_of(encoder, stored=True, frozen=0).check(FEATURES)


def test_layers_that_leave_nothing_to_train_are_refused(encoder):
    with pytest.raises(
        ConfigError, match=r"^tuned: frozen = 2 leaves none of the first 2 layers to train; choose less"
    ):
        settings_of(encoder, frozen=2).check(FEATURES)
    with pytest.raises(ConfigError, match="it has 2 layers, not 3"):
        settings_of(encoder, layers=[1, 3]).check(FEATURES)


@pytest.mark.parametrize("kind", ["WavLM", "Data2VecAudio", "Wav2Vec2Conformer"])
def test_encoders_that_take_samples_are_trained_through_the_same_door(tmp_path, kind):
    folder = write_encoder(kind, tmp_path / "encoder")
    settings = settings_of(folder, {"precision": "32"}, frozen=1, pretrained=0.0, speed=0.1)
    member = fitted(settings, tmp_path)
    assert changed_blocks(settings, member) == [False, True]
    waveforms = [u.read(16_000)[:24_000] for u in load_corpus("demo").utterances[:3]]
    joined = join([member], WeightedEnsemble({"tuned": 1.0}))
    session = open_session(waveform_graph(joined))
    found = np.concatenate([session.run(None, {"waveform": w[None]})[0] for w in waveforms])
    np.testing.assert_allclose(found, torch_posteriors(joined, waveforms), atol=1e-4)


def test_convolutions_below_samples_and_adapters_are_trained_too(tmp_path):
    pytest.importorskip("peft", reason="peft is not installed (extra encoders)")
    folder = write_encoder("Hubert", tmp_path / "hubert")
    options = {"frozen": 0, "convolutions": True, "pretrained": 0.0}
    for name, more in (("whole", {}), ("adapters", {"lora": 2})):
        settings = settings_of(folder, **options, **more)
        new, old = fitted(settings, tmp_path / name).module.encoder, settings.build(FEATURES, 6).encoder
        pairs = zip(new.convolutions.parameters(), old.convolutions.parameters(), strict=True)
        changed = [not torch.equal(*pair) for pair in pairs]
        assert any(changed) and (all(changed) or name == "adapters")
        layers = zip(new.blocks.named_parameters(), old.blocks.parameters(), strict=True)
        assert all(not torch.equal(values, before) for (part, values), before in layers if "proj.weight" in part)


def test_adapters_that_a_wavlm_would_not_heed_are_refused(tmp_path):
    wavlm = write_encoder("WavLM", tmp_path / "wavlm")
    with pytest.raises(ConfigError, match="a WavLM's attention takes its weights past adapters; leave lora out"):
        settings_of(wavlm, lora=2).check(FEATURES)


def test_states_of_samples_are_not_taken_from_the_cache(tmp_path):
    wavlm = write_encoder("WavLM", tmp_path / "wavlm")
    with pytest.raises(ConfigError, match="stored = true is for Whisper encoders; leave it out"):
        settings_of(wavlm, stored=True).check(FEATURES)


@pytest.mark.parametrize("change", [{"pretrained": 1.1}, {"decay": 0}, {"frozen": -1}, {"time_mask": 1}])
def test_settings_out_of_range_are_refused(encoder, change):
    with pytest.raises(ValidationError):
        settings_of(encoder, **change)


def test_it_is_described_by_the_layers_that_are_trained(encoder):
    assert settings_of(encoder, layers=[2]).describe().endswith(", layers 2 to 2 fine-tuned")


SETTINGS = FinetunedSettings(
    name="x", encoder="folder/whisper-tiny", layers=(1, 3), shrinkage=0.5, window=4.0, others=0.5
)


def test_the_frozen_encoder_has_its_layers_and_its_heads():
    frozen = SETTINGS.frozen_encoder
    assert (frozen.kind, frozen.encoder, frozen.layers) == ("encoder", "folder/whisper-tiny", (1, 3))
    assert (frozen.shrinkage, frozen.window, frozen.others) == (0.5, 4.0, 0.5)


@pytest.mark.parametrize("name", ["openai/whisper-tiny", "folder/whisper-tiny/"])
def test_an_encoder_is_named_without_owner_or_folder(name):
    assert SETTINGS.model_copy(update={"encoder": name}).encoder_name == "whisper-tiny"


def test_each_head_is_fitted_on_its_own_layer():
    """Two layers of two numbers each."""
    pooled = np.random.default_rng(0).normal(size=(30, 4))
    learnt, classes = np.arange(100, 130), np.tile([0, 1], 65)
    one, parts = np.zeros(130, int), (learnt, learnt[:0])
    data = FoldData(("a", "b"), FeatureSettings(), {}, classes, one.astype(str), one, *parts, Path())
    heads = [PooledHead(2, 2) for _ in range(2)]
    SETTINGS.fit_heads(heads, pooled, learnt, data)
    for head, values in zip(heads, [pooled[:, :2], pooled[:, 2:]], strict=True):
        np.testing.assert_allclose(head.mean.numpy(), values.mean(0), rtol=1e-5)
