"""A linear layer on an encoder's states, where its numbers are known; no encoder is loaded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tembr.degrade.effects import DEGRADATIONS
from tembr.features.encoder import EncoderInput
from tembr.features.settings import FeatureSettings
from tembr.models import encoder as module
from tembr.models.data import FoldData
from tembr.models.discriminants import FLOOR, Discriminants
from tembr.models.encoder import NEVER, Channel, EncoderSettings, PooledHead, PooledHeads
from tembr.progress import Progress

FEATURES = FeatureSettings()


def found(weights: list, biases: list, classes: list[int], mean=(1.0, 2.0), deviation=(2.0, 0.5)) -> Discriminants:
    return Discriminants(*map(np.array, (mean, deviation, classes, weights, biases)))


def head(*values, labels: int = 3) -> PooledHead:
    made = PooledHead(2, labels)
    made.take(found(*values))
    return made


@pytest.fixture
def taught(monkeypatch) -> list[SimpleNamespace]:
    """What discriminants were fitted on, one fitting after another."""
    seen = []

    def fit_discriminants(values, classes, shares, shrinkage):
        seen.append(SimpleNamespace(values=values, classes=classes, shares=shares, shrinkage=shrinkage))
        return found(np.zeros((3, 2)), [0.0, 1.0, 2.0], [0, 1, 2], values.mean(0), values.std(0) + FLOOR)

    monkeypatch.setattr(module, "fit_discriminants", fit_discriminants)
    monkeypatch.setattr(
        module, "encoder_input", lambda *chosen: EncoderInput(*chosen, "revision", 2, 16_000, "whisper")
    )
    return seen


def fit(came_through: tuple[str, ...] = ("",) * 6, **settings) -> PooledHeads:
    """On five recordings of the target and one of another corpus, of which one state is far out."""
    chosen = EncoderSettings(name="x", **settings)
    states = np.array([[0, 0], [2, 0], [0, 4], [2, 4], [1, 2], [7, 2]], np.float32)[:, :, None]
    tables = {one: (number + 1) * states for number, one in enumerate(chosen.inputs(FEATURES))}
    parts = np.array([0, 1, 2, 5]), np.array([3])
    classes, corpora = np.array([0, 1, 2, 0, 1, 1]), np.array([0, 0, 0, 0, 0, 1])
    known = classes, classes.astype(str), corpora, *parts, Path(), np.array(came_through), ORIGINALS
    data = FoldData(("a", "b", "c"), FEATURES, tables, *known)
    made = PooledHeads(len(chosen.layers), 2, 3, len(chosen.channels))
    chosen.fit(made, data, 0, Progress())
    return made


def test_states_are_standardised_and_answered_linearly():
    made = head([[1.0, 0], [0, 1], [1, 1]], [0.0, 0, 10], [0, 1, 2])
    assert made(torch.tensor([[3.0, 1.0]])).tolist() == [[1, -2, 9]]


def test_a_state_far_out_counts_as_six_deviations():
    made = head([[1.0, 0], [0, 1], [0, 0]], [0.0, 0, 0], [0, 1, 2])
    assert made(torch.tensor([[1000.0, -1000.0]])).tolist() == [[6, -6, 0]]


def test_an_emotion_that_was_not_met_is_never_answered():
    logits = head([[1.0, 0], [-1, 0]], [0.0, 0], [0, 2])(torch.ones(1, 2))[0]
    assert logits[1] == NEVER and logits[[0, 2]].abs().max() < 10


def test_nothing_of_it_is_trained_further():
    assert not any(parameter.requires_grad for parameter in PooledHeads(2, 2, 3).parameters())


def test_it_learns_from_train_and_validation_part_of_all_corpora(taught):
    fit(shrinkage=0.3)
    (one,) = taught
    assert one.classes.tolist() == [0, 1, 2, 1, 0] and one.values[:, 0].tolist() == [0, 2, 0, 7, 2]
    assert one.shrinkage == 0.3


def test_another_corpus_counts_for_as_much_as_is_asked(taught):
    fit(others=0.25)
    assert taught[0].shares.tolist() == pytest.approx([1 / 6, 1 / 3, 1 / 3, 0.25, 1 / 6])


def test_without_others_the_target_alone_is_learnt_from(taught):
    (made,) = fit(others=0).heads[0]
    assert taught[0].classes.tolist() == [0, 1, 2, 0]
    assert made.mean.tolist() == [1, 2] and made.deviation.tolist() == pytest.approx([1 + FLOOR, 2 + FLOOR])


CHANNELS = ("", "", "phone", "room", "", "phone")
"""Of what it is fitted on; the last is of the other corpus."""

ORIGINALS = np.array([0, 1, 0, 1, 4, 1])
"""Of which each is a copy."""


def test_heads_of_a_channel_learn_from_recordings_and_their_copies_through_it(taught):
    fit(CHANNELS, channels=("phone", "room"))
    plain, phone, room, _ = ([int(c) for c in one.values[:, 0]] for one in by_channel(taught))
    assert (plain, phone, room) == ([0, 2], [0, 2, 0, 7], [0, 2, 2])


def test_copies_count_as_what_they_are_copies_of(taught):
    fit(CHANNELS, channels=("phone", "room"), others=0.25)
    assert by_channel(taught)[1].shares.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.25])


def test_the_channel_is_told_from_the_lowest_layer(taught):
    made = fit(CHANNELS, channels=("phone", "room"), layers=(1, 2))
    told = taught[3]
    assert told.classes.tolist() == [0, 0, 1, 1, 2] and told.values[:, 0].tolist() == [0, 2, 0, 7, 2]
    assert made.channel.mean.tolist() == pytest.approx(told.values.mean(0).tolist())


def by_channel(taught: list[SimpleNamespace]) -> list[SimpleNamespace]:
    """The fittings of the first layer: without a channel, of each channel, and of what tells them."""
    return taught[:4]


def test_what_a_recording_came_through_answers_it():
    made = PooledHeads(1, 2, 3, 2)
    for heads, answer in zip(made.heads, ([1.0, 0, 0], [0.0, 1, 0], [0.0, 0, 1])):
        heads[0].take(found(np.zeros((3, 2)), answer, [0, 1, 2], [0, 0], [1, 1]))
    made.channel.take(found([[0.0, 0], [6, 0], [0, 6]], [9.0, 0, 0], [0, 1, 2], [0, 0], [1, 1]))
    said = made(torch.tensor([[[0.0], [0]], [[5.0], [0]], [[0.0], [5]], [[3.0], [0]]]))[0]
    assert said[:3].tolist() == [pytest.approx(row, abs=1e-3) for row in np.eye(3).tolist()]
    shares = np.exp([9, 18, 0]) / np.exp([9, 18, 0]).sum()
    assert said[3].tolist() == pytest.approx(shares.tolist(), abs=1e-6)


def test_the_embedding_is_as_without_the_channel():
    made = PooledHeads(1, 2, 3, 1)
    made.channel.take(found([[0.0, 0], [9, 0]], [9.0, 0], [0, 1], [0, 0], [1, 1]))
    through = np.random.default_rng(0).normal((5.0, 0.0), size=(50, 2))
    made.compensations[0].fit(through, 2 * through - np.array([10.0, 0.0]))
    embedding = made(torch.tensor([[[-1.0], [3]], [[5.0], [0.5]]]))[1]
    assert embedding[0, 0].tolist() == pytest.approx([-1, 3], abs=1e-3)
    assert embedding[1, 0].tolist() == pytest.approx([0, 1], abs=0.05)


def test_uncompensated_the_embedding_keeps_the_channel_and_the_answers_stay():
    made, states = PooledHeads(1, 2, 3, 1), torch.tensor([[[5.0], [0.5]]])
    made.channel.take(found([[0.0, 0], [9, 0]], [9.0, 0], [0, 1], [0, 0], [1, 1]))
    logits, embedding = made.uncompensated()(states)
    assert embedding.tolist() == [[[5, 0.5]]] and torch.equal(logits, made(states)[0])
    assert not torch.equal(made(states)[1], embedding)


def test_copies_tell_what_a_channel_does_to_states(taught):
    made = fit(CHANNELS, channels=("phone", "room"))
    assert made.compensations[0].mean.tolist() == pytest.approx([3.5, 3])  # of the recordings 2 and 5
    assert made.compensations[0].widen.bias.tolist() == pytest.approx([1, 0])  # of 0 and 1, which these are of
    assert made.compensations[1].widen.bias.tolist() == pytest.approx([2, 0])


def test_what_adapting_takes_depends_on_what_was_learnt_where_channels_are_compensated_for(taught):
    one, other = (EncoderSettings(name=name, layers=(2, 3)) for name in ("x", "y"))
    assert one.embedding_of(FEATURES) == other.embedding_of(FEATURES)
    through = one.model_copy(update={"channels": ("phone",)})
    assert through.embedding_of(FEATURES) == through


def test_without_channels_nothing_is_told_apart():
    assert PooledHeads(1, 2, 3).channel is None


def test_every_degradation_is_a_channel():
    assert get_args(Channel) == tuple(DEGRADATIONS)


def test_a_channel_named_twice_has_heads_once():
    assert EncoderSettings(name="x", channels=("room", "phone", "room")).copied_through == ("room", "phone")


def test_what_was_learnt_is_what_it_answers(taught):
    assert fit()(torch.zeros(1, 2, 1))[0].tolist() == [[0, 1, 2]]


def test_every_layer_has_a_head_of_its_own_and_their_mean_is_the_answer():
    made = PooledHeads(2, 2, 3)
    plain = np.zeros(2), np.ones(2)
    made.heads[0][0].take(found([[1.0, 0], [0, 1], [1, 1]], [0.0, 0, 0], [0, 1, 2], *plain))
    made.heads[0][1].take(found([[2.0, 0], [0, 2], [0, 0]], [0.0, 0, 4], [0, 1, 2], *plain))
    logits, embedding = made(torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[3.0], [4.0]]]))
    assert logits.tolist() == [[(1 + 6) / 2, (2 + 8) / 2, (3 + 4) / 2]]
    assert embedding.tolist() == [[[1, 2], [3, 4]]]  # of all layers


def test_each_head_learns_from_its_own_layer(taught):
    first, second = fit(layers=(1, 2), others=0).heads[0]
    assert first.mean.tolist() == [1, 2] and second.mean.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("encoder", "said"),
    [("openai/whisper-base", "whisper-base, layer 3, frozen"), ("/models/mine/", "mine, layer 3, frozen")],
)
def test_it_is_described_by_its_encoder_and_layer(encoder, said):
    assert EncoderSettings(name="x", encoder=encoder).describe() == said


def test_several_layers_are_described():
    assert EncoderSettings(name="x", layers=(2, 4)).describe() == "whisper-base, layers 2, 4, frozen"


@pytest.mark.parametrize(
    "setting",
    [
        {"layers": [0]},
        {"layers": []},
        {"layers": [3, 3]},
        {"layers": [4, 2]},
        {"window": 31},
        {"shrinkage": 1.5},
        {"others": -1},
        {"channels": ["radio"]},
    ],
)
def test_a_setting_out_of_range_is_refused(setting):
    with pytest.raises(ValidationError, match=next(iter(setting))):
        EncoderSettings(name="x", **setting)
