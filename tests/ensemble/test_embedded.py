"""Embeddings of a study's recordings, and what a speaker space is fitted on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tembr.ensemble.embedded import EmbeddedRecordings, embedded
from tembr.ensemble.projection import Projection, SpeakerSpace
from tembr.ensemble.settings import EnsembleSettings


def answering(*sizes: tuple[int, ...]):
    """Members whose embeddings, vectors of these sizes, are full of their number."""

    def answer_of(number: int, sizes: tuple[int, ...]):
        return lambda tables, i: (None, tuple(np.full((len(i), size), number, np.float32) for size in sizes))

    return [SimpleNamespace(answer=answer_of(number, of)) for number, of in enumerate(sizes)]


def test_first_layers_of_the_members_stand_before_all_others():
    joined = embedded(answering((1, 3), (2, 2, 4)), SimpleNamespace(tables={}), np.arange(3))
    assert joined.first.tolist() == [[0, 1, 1]] * 3
    assert joined.joined.tolist() == [[0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1]] * 3
    assert len(joined.at(np.array([1])).first) == 1


def recordings_of(copies: list[int]):
    """Four of the target by two speakers, two of another corpus, and copies through a telephone."""
    originals = np.array([0, 1, 2, 3, 4, 5, *copies])
    corpora = np.array([0, 0, 0, 0, 1, 1])
    channels = np.array([""] * 6 + ["phone"] * len(copies))
    speakers = np.array(["A", "A", "B", "B", "C", "C"])

    def copies_of(learnt):
        return np.flatnonzero(np.isin(originals, learnt) & (channels != ""))

    return SimpleNamespace(
        copies_of=copies_of,
        corpora=corpora[originals],
        channels=channels,
        originals=originals,
        classes=np.array([0, 1, 0, 1, 0, -1])[originals],
        speakers=np.char.add(speakers[originals], channels),
        utterances=[None] * len(originals),
        labels=("a", "b"),
        tables={},
    )


@pytest.fixture
def seen(monkeypatch) -> dict:
    found: dict = {}

    def fit_speaker_space(embeddings, classes, speakers, labels, dimensions, shrinkage, shares):
        found["space"] = embeddings[:, 0].tolist(), speakers.tolist(), shares.tolist()
        return SpeakerSpace(Projection(1, 1), np.zeros((2, 1)), np.ones(1))

    def moments_of(layers, classes, labels):
        return [(layers[0][:, 0].tolist(), layers[1][:, 0].tolist())]

    def fit_relative(groups, temperature):
        found["relative"] = groups, temperature
        return "relative"

    monkeypatch.setattr("tembr.ensemble.embedded.moments_of", moments_of)
    monkeypatch.setattr("tembr.ensemble.embedded.sum_of", lambda parts: [one for part in parts for one in part])
    monkeypatch.setattr("tembr.ensemble.embedded.fit_speaker_space", fit_speaker_space)
    monkeypatch.setattr("tembr.ensemble.embedded.fit_relative", fit_relative)
    return found


def spoken_of(copies: list[int]) -> EmbeddedRecordings:
    """By a member of two layers whose states are a recording's number, and ten and a hundred times that."""

    def states(factor: float):
        return lambda tables, i: (None, (np.float32(factor * i)[:, None], np.float32(100.0 * i)[:, None]))

    through = SimpleNamespace(answer=states(10.0))
    return EmbeddedRecordings.of(
        [SimpleNamespace(answer=states(1.0), uncompensated=lambda: through)], recordings_of(copies)
    )


@pytest.mark.parametrize("copies", [[], [0, 1, 2, 3, 4, 5]])
def test_copies_are_further_voices_and_count_as_much_as_the_recordings(seen, copies):
    spoken_of(copies).space(np.array([0, 1]), EnsembleSettings(others=0), 1.0)
    embeddings, speakers, shares = seen["space"]
    assert embeddings == ([0, 1, 60, 70] if copies else [0, 1])
    assert speakers == ["A", "A", "Aphone", "Aphone"][: len(embeddings)] and shares == [1] * len(embeddings)


@pytest.mark.parametrize("copies", [[], [0, 1, 2, 3, 4, 5]])
def test_other_corpora_count_a_share_of_the_target_however_many_speakers_they_have(seen, copies):
    """One speaker of known emotion against two of the target's; no copies of it, no unknown emotions."""
    spoken = spoken_of(copies)
    spoken.space(np.arange(4), EnsembleSettings(others=0.3), 1.0)
    embeddings, speakers, shares = seen["space"]
    assert embeddings[:5] == [0, 1, 2, 3, 4] and speakers[4] == "C" and len(embeddings) == (9 if copies else 5)
    assert shares[:5] == pytest.approx([1, 1, 1, 1, 0.6]) and set(shares[5:]) <= {1.0}
    spoken.recordings.classes[5], spoken.recordings.speakers[5] = 1, "D"
    spoken.space(np.arange(4), EnsembleSettings(others=0.3), 1.0)
    assert seen["space"][2][:6] == pytest.approx([1, 1, 1, 1, 0.3, 0.3])


@pytest.mark.parametrize("copies", [[], [0, 1, 2, 3, 4, 5]])
def test_relative_logits_learn_from_all_layers_and_corpora_but_from_nobody_else_of_the_target(seen, copies):
    found = spoken_of(copies).space(np.array([0, 1]), EnsembleSettings(others=0.3), 2.5)
    groups, temperature = seen["relative"]
    voices = [([0, 1], 1.0), ([6, 7], 1.0), ([4], 0.3), ([10], 0.3)] if copies else [([0, 1], 1.0), ([4], 0.3)]
    expected = [([(one, [100 * k for k in one])], share) for one, share in voices]  # compensated, as in an answer
    assert groups == expected and temperature == 2.5
    assert found.relative == "relative"


def test_moments_are_computed_once_and_of_the_target_voice_by_voice(seen, monkeypatch):
    computed, spoken = [], spoken_of([])
    monkeypatch.setattr(
        "tembr.ensemble.embedded.moments_of", lambda layers, *_: computed.append(layers[0][:, 0].tolist())
    )
    monkeypatch.setattr("tembr.ensemble.embedded.sum_of", lambda parts: list(parts))
    for learnt in ([0, 1], [0, 1, 2, 3], [2, 3]):
        spoken.space(np.array(learnt), EnsembleSettings(), 1.0)
    assert computed == [[0, 1], [4], [2, 3]]


def test_without_a_share_there_are_no_relative_logits(seen):
    assert spoken_of([]).space(np.array([0, 1]), EnsembleSettings(relative_share=0), 1.0).relative is None
    assert "relative" not in seen


def test_what_is_said_is_logits_embedding_and_relative_logits():
    projection = Projection(1, 1)
    projection.directions[0] = 2.0
    space = SpeakerSpace(projection, np.zeros((2, 1)), np.ones(1), torch.nn.Identity())
    taken = embedded(answering((1, 1)), SimpleNamespace(tables={}), np.arange(3)).at(np.array([0]))
    said = space.said(np.array([[1.0, 2.0]]), taken)
    assert (said.logits.tolist(), said.embeddings.tolist(), said.relative.tolist()) == ([[1, 2]], [[0]], [[0, 0]])
