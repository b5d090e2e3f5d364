"""A linear layer on an encoder's states, where its numbers are known; no encoder is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tembr.degrade.effects import DEGRADATIONS
from tembr.features.encoder import EncoderInput
from tembr.features.settings import FeatureSettings
from tembr.models import encoder as module
from tembr.models import precision
from tembr.models.data import FoldData
from tembr.models.discriminants import Discriminants, fair_shares, fit_discriminants
from tembr.models.encoder import NEVER, Channel, EncoderSettings, PooledHead, PooledHeads
from tembr.models.precision import ExpectedPrecision
from tembr.progress import Progress
from tests.encoders import whisper_base

FEATURES = FeatureSettings()


def found(weights: list, biases: list, classes: list[int], mean=(1.0, 2.0), deviation=(2.0, 0.5)) -> Discriminants:
    return Discriminants(*map(np.array, (mean, deviation, classes, weights, biases)))


def head(*values, labels: int = 3) -> PooledHead:
    made = PooledHead(2, labels)
    made.take(found(*values))
    return made


CHANNELS = ("", "", "phone", "room", "", "phone", "", "", "phone", "room", "phone", "room")
"""Of what it is fitted on."""

ORIGINALS = np.array([0, 1, 0, 1, 4, 5, 6, 7, 6, 7, 0, 4])
"""Of which each is a copy."""

CORPORA = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0])
CLASSES = np.array([0, 1, 0, 1, 2, 1, 2, 0, 2, 0, 0, 2])
SPEAKERS = np.array(["a", "a", "ap", "ar", "b", "cp", "c", "c", "cp", "cr", "ap", "br"])
LEARNT = np.array([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 3])
VALUES = np.random.default_rng(0).normal((1.0, 2.0), size=(12, 2)).astype(np.float32)


@pytest.fixture
def made_up(monkeypatch):
    """Inputs of an encoder that is not there, two numbers each."""

    def encoder_input(encoder, layer, window, part):
        return EncoderInput(encoder, layer, window, "revision", 2, 16_000, "whisper", part)

    monkeypatch.setattr(module, "encoder_input", encoder_input)


def data_of(chosen: EncoderSettings, came_through: tuple[str, ...], moments: dict | None = None) -> FoldData:
    tables = {one: (number + 1) * VALUES[:, :, None] for number, one in enumerate(chosen.inputs(FEATURES))}
    known = CLASSES, SPEAKERS, CORPORA, LEARNT[:-1], LEARNT[-1:], Path(), np.array(came_through), ORIGINALS
    return FoldData(("a", "b", "c"), FEATURES, tables, *known, {} if moments is None else moments)


def fit(came_through: tuple[str, ...] = ("",) * 12, moments: dict | None = None, **settings) -> PooledHeads:
    """On six recordings of the target and five of another corpus, and the last of the target for validation."""
    chosen = EncoderSettings(name="x", **settings)
    made = chosen.build(FEATURES, 3)
    chosen.fit(made, data_of(chosen, came_through, moments), 0, Progress())
    return made


def assert_fitted(made: PooledHead, places: np.ndarray, factor: float = 1.0, others: float = 0.2, shrinkage=0.1):
    """It is what discriminants on all these recordings at once are."""
    shares = fair_shares(CLASSES[places], SPEAKERS[places], CORPORA[places], {0: 1.0, 1: others})
    counting = places[shares > 0]
    expected = fit_discriminants(factor * VALUES[counting], CLASSES[counting], shares[shares > 0], shrinkage)
    assert made.mean.tolist() == pytest.approx(expected.mean.tolist(), abs=1e-5)
    assert made.deviation.tolist() == pytest.approx(expected.deviation.tolist(), abs=1e-5)
    assert expected.classes.tolist() == [0, 1, 2]
    np.testing.assert_allclose(made.output.weight, expected.weights, atol=1e-4)
    np.testing.assert_allclose(made.output.bias, expected.biases, atol=1e-4)


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
    assert not any(parameter.requires_grad for parameter in PooledHeads([2, 2], 3).parameters())


@pytest.mark.parametrize(("others", "shrinkage"), [(0.2, 0.3), (1.0, 0.3), (0.0, 0.1)])
def test_it_learns_from_train_and_validation_part_of_all_corpora_for_what_each_counts(made_up, others, shrinkage):
    (made,) = fit(others=others, shrinkage=shrinkage).heads[0]
    assert_fitted(made, np.sort(LEARNT), others=others, shrinkage=shrinkage)


def test_heads_of_a_channel_learn_from_recordings_and_their_copies_through_it(made_up):
    made = fit(CHANNELS, channels=("phone", "room"))
    for heads, channel in zip(made.heads, ("", "phone", "room"), strict=True):
        assert_fitted(heads[0], np.flatnonzero(np.isin(CHANNELS, ["", channel])))


def test_what_other_corpora_tell_is_taken_once_and_of_the_target_anew(made_up):
    moments: dict = {}
    fit(CHANNELS, moments, channels=("phone", "room"))
    assert len(moments) == 3 and not any(CORPORA[np.frombuffer(own, int)].min() == 0 for _, own in moments)
    for one, kept in moments.items():
        moments[one] = kept._replace(sums=kept.sums + 1)
    again = fit(CHANNELS, moments, channels=("phone", "room")).heads[0][0]
    assert not torch.allclose(again.output.weight, fit(CHANNELS, channels=("phone", "room")).heads[0][0].output.weight)


def test_the_channel_is_told_from_the_first_values(made_up):
    made = fit(CHANNELS, channels=("phone", "room"), layers=(1, 2))
    shares = fair_shares(
        np.array([("", "phone", "room").index(c) for c in CHANNELS]), SPEAKERS, CORPORA, {0: 1, 1: 0.2}
    )
    mean = shares @ VALUES / shares.sum()
    assert made.channel.mean.tolist() == pytest.approx(mean.tolist(), abs=1e-5)


def test_what_a_recording_came_through_answers_it():
    made = PooledHeads([2], 3, 2)
    for heads, answer in zip(made.heads, ([1.0, 0, 0], [0.0, 1, 0], [0.0, 0, 1])):
        heads[0].take(found(np.zeros((3, 2)), answer, [0, 1, 2], [0, 0], [1, 1]))
    made.channel.take(found([[0.0, 0], [6, 0], [0, 6]], [9.0, 0, 0], [0, 1, 2], [0, 0], [1, 1]))
    said = made(torch.tensor([[[0.0], [0]], [[5.0], [0]], [[0.0], [5]], [[3.0], [0]]]))[0]
    assert said[:3].tolist() == [pytest.approx(row, abs=1e-3) for row in np.eye(3).tolist()]
    shares = np.exp([9, 18, 0]) / np.exp([9, 18, 0]).sum()
    assert said[3].tolist() == pytest.approx(shares.tolist(), abs=1e-6)


def test_the_embedding_is_as_without_the_channel():
    made = PooledHeads([2], 3, 1)
    made.channel.take(found([[0.0, 0], [9, 0]], [9.0, 0], [0, 1], [0, 0], [1, 1]))
    through = np.random.default_rng(0).normal((5.0, 0.0), size=(50, 2))
    made.compensations[0].fit(through, 2 * through - np.array([10.0, 0.0]))
    embedding = made(torch.tensor([[[-1.0], [3]], [[5.0], [0.5]]]))[1]
    assert embedding[0][0].tolist() == pytest.approx([-1, 3], abs=1e-3)
    assert embedding[0][1].tolist() == pytest.approx([0, 1], abs=0.05)


def test_uncompensated_the_embedding_keeps_the_channel_and_the_answers_stay():
    made, states = PooledHeads([2], 3, 1), torch.tensor([[[5.0], [0.5]]])
    made.channel.take(found([[0.0, 0], [9, 0]], [9.0, 0], [0, 1], [0, 0], [1, 1]))
    logits, embedding = made.uncompensated()(states)
    assert embedding[0].tolist() == [[5, 0.5]] and torch.equal(logits, made(states)[0])
    assert not torch.equal(made(states)[1][0], embedding[0])


def test_copies_tell_what_a_channel_does_to_states(made_up):
    made = fit(CHANNELS, channels=("phone", "room"))
    for compensation, channel in zip(made.compensations, ("phone", "room"), strict=True):
        copies = np.flatnonzero(np.array(CHANNELS) == channel)
        assert compensation.mean.tolist() == pytest.approx(VALUES[copies].mean(0).tolist(), abs=1e-5)
        originals = VALUES[ORIGINALS[copies]]
        assert compensation.widen.bias.tolist() == pytest.approx(originals.mean(0).tolist(), abs=1e-5)


def test_what_adapting_takes_depends_on_what_was_learnt_where_channels_are_compensated_for(made_up):
    one, other = (EncoderSettings(name=name, layers=(2, 3)) for name in ("x", "y"))
    assert one.embedding_of(FEATURES) == other.embedding_of(FEATURES)
    through = one.model_copy(update={"channels": ("phone",)})
    assert through.embedding_of(FEATURES) == through


def test_answers_to_what_is_unlike_all_that_was_learnt_from_are_less_sure(made_up, monkeypatch):
    """By how far the first values are from those of all recordings, through a channel or not; nothing else changes."""
    monkeypatch.setattr(precision, "RECORDINGS", 1)
    gaussian, made = (
        fit(CHANNELS, channels=("phone", "room"), layers=(1, 2), degrees_of_freedom=degrees) for degrees in (0.0, 3.0)
    )
    expected = ExpectedPrecision(2, 3.0)
    shares = fair_shares(CLASSES, SPEAKERS, CORPORA, {0: 1.0, 1: 0.2})
    expected.fit(shares @ VALUES / shares.sum(), np.cov(VALUES.T, aweights=shares, ddof=0), len(VALUES))
    values = torch.tensor([[1.0, 2.0], [3.0, 4.5], [-9.0, 2.0]])[..., None]
    (alone, first), (said, embedding) = gaussian(values, 2 * values), made(values, 2 * values)
    factors = expected(values[..., 0])
    assert factors[0] > 1 > 0.2 > factors[2]
    torch.testing.assert_close(said, factors * alone, rtol=1e-3, atol=1e-4)
    assert all(torch.equal(one, other) for one, other in zip(embedding, first, strict=True))


@pytest.mark.parametrize(("others", "count"), [(0.2, 6), (0.0, 3)])
def test_a_recording_and_its_copies_count_once_and_what_counts_nothing_does_not(made_up, monkeypatch, others, count):
    counts = []
    monkeypatch.setattr(ExpectedPrecision, "fit", lambda self, mean, covariance, count: counts.append(count))
    fit(CHANNELS, channels=("phone", "room"), degrees_of_freedom=3.0, others=others)
    assert counts == [count]


def test_without_channels_nothing_is_told_apart():
    assert PooledHeads([2], 3).channel is None


def test_every_degradation_is_a_channel():
    assert get_args(Channel) == tuple(DEGRADATIONS)


def test_a_channel_named_twice_has_heads_once():
    assert EncoderSettings(name="x", channels=("room", "phone", "room")).copied_through == ("room", "phone")


def test_every_layer_has_a_head_of_its_own_and_their_mean_is_the_answer():
    made = PooledHeads([2, 2], 3)
    plain = np.zeros(2), np.ones(2)
    made.heads[0][0].take(found([[1.0, 0], [0, 1], [1, 1]], [0.0, 0, 0], [0, 1, 2], *plain))
    made.heads[0][1].take(found([[2.0, 0], [0, 2], [0, 0]], [0.0, 0, 4], [0, 1, 2], *plain))
    logits, embedding = made(torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[3.0], [4.0]]]))
    assert logits.tolist() == [[(1 + 6) / 2, (2 + 8) / 2, (3 + 4) / 2]]
    assert [one.tolist() for one in embedding] == [[[1, 2]], [[3, 4]]]


def test_each_head_learns_from_its_own_layer(made_up):
    first, second = fit(layers=(1, 2)).heads[0]
    assert_fitted(first, np.sort(LEARNT))
    assert_fitted(second, np.sort(LEARNT), factor=2.0)


@pytest.mark.parametrize(
    ("encoder", "said"),
    [("openai/whisper-base", "whisper-base, layer 3, frozen"), ("/models/mine/", "mine, layer 3, frozen")],
)
def test_it_is_described_by_its_encoder_and_layer(encoder, said):
    assert EncoderSettings(name="x", encoder=encoder).describe() == said


def test_several_layers_are_described():
    assert EncoderSettings(name="x", layers=(2, 4)).describe() == "whisper-base, layers 2, 4, frozen"
    chosen = EncoderSettings(name="x", pooled=("states", "units", "states"))
    assert chosen.describe() == "whisper-base, layer 3, states, units, frozen"


def test_each_layer_gives_all_that_is_asked_of_it_the_lowest_first():
    chosen = EncoderSettings(name="x", encoder=str(whisper_base()), layers=(1, 2), pooled=("states", "units", "values"))
    inputs = chosen.inputs(FEATURES)
    assert [one.taken for one in inputs[:3]] == [(1, "states"), (1, "units"), (1, "values")]
    assert [one.bins for one in inputs] == [512, 2048, 512] * 2
    heads = chosen.build(FEATURES, 3).heads[0]
    assert [head.output.in_features for head in heads] == [512, 2048, 512] * 2


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
        {"pooled": []},
        {"pooled": ["mean"]},
    ],
)
def test_a_setting_out_of_range_is_refused(setting):
    with pytest.raises(ValidationError, match=next(iter(setting))):
        EncoderSettings(name="x", **setting)
