"""Copies of recordings through degradations."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tembr.corpora.corpus import Corpus, Utterance
from tembr.degrade.copies import Source, degraded, make_copies


@pytest.fixture
def corpus(tmp_path):
    """A corpus of files of so many samples each."""

    def make(name: str, **samples: int) -> Corpus:
        for file, count in samples.items():
            soundfile.write(tmp_path / f"{file}.wav", np.full(count, 0.25), 16_000)
        paths = [tmp_path / f"{file}.wav" for file in samples]
        return Corpus(name, tuple(Utterance(path.name, path, "fear", "anna", age=30.0) for path in paths))

    return make


@pytest.fixture
def halved(monkeypatch) -> list:
    """Every degradation halves the samples; what was prepared is listed."""
    prepared = []

    def prepare(name, voices, sample_rate, seed):
        prepared.append((name, voices.name, sample_rate, seed))
        return lambda utterance, waveform: waveform / 2

    monkeypatch.setattr("tembr.degrade.copies.prepare", prepare)
    return prepared


def test_every_recording_of_every_corpus_has_a_copy_through_each_degradation_in_order(corpus):
    of, copies = make_copies([corpus("target", a=9, b=9), corpus("other", c=9)], ("room", "mp3"))
    assert of.tolist() == [0, 1, 2, 0, 1, 2]
    assert [copy.file for copy in copies] == ["a.wav", "b.wav", "c.wav"] * 2
    assert [copy.degradation for copy in copies] == ["room"] * 3 + ["mp3"] * 3


def test_voices_come_from_the_last_corpus(corpus):
    _, copies = make_copies([corpus("target", a=9), corpus("other", c=9)], ("noise",))
    assert {copy.source.voices.name for copy in copies} == {"other"}


def test_a_copy_keeps_all_that_is_known_of_the_recording(corpus):
    (one,) = corpus("c", a=9).utterances
    copy = degraded(one, "phone", Source(corpus("c", a=9)))
    assert {name: getattr(copy, name) for name in vars(one)} == vars(one)
    assert (one.degradation, copy.degradation, copy.key) == ("", "phone", one.key)


def test_a_copy_is_read_through_its_degradation_which_is_prepared_once(corpus, halved):
    made = corpus("halved", a=9, b=7)
    copies = [degraded(one, "room", Source(made, seed=5)) for one in made.utterances]
    assert [copy.read(16_000).tolist() for copy in copies] == [[0.125] * 9, [0.125] * 7]
    assert halved == [("room", "halved", 16_000, 5)]


def test_a_copy_is_another_through_another_degradation_seed_or_voice(corpus):
    one, voices = corpus("c", a=9).utterances[0], corpus("v", x=9)
    copies = [degraded(one, "mp3", Source(voices)), degraded(one, "phone", Source(voices))]
    copies += [degraded(one, "phone", Source(voices, seed=2)), degraded(one, "phone", Source(corpus("w", y=9)))]
    assert len({copy.identity for copy in copies} | {one.identity}) == 5


def test_other_recordings_of_the_same_names_are_other_voices(corpus):
    before = Source(corpus("size", z=9)).identity
    assert Source(corpus("size ", z=10)).identity != before
