"""The recordings of a study: whose they are, what is learnt from, and what is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import soundfile

from tembr.corpora.corpus import Corpus, Utterance
from tembr.degrade import copies
from tembr.errors import CorpusError
from tembr.experiment import recordings as module
from tembr.experiment.recordings import Recordings, load_recordings, parts_of, same_recordings, usable_corpus
from tembr.experiment.settings import CorpusSettings, load_settings
from tembr.features.settings import FeatureSettings
from tembr.models.baselines import MajoritySettings
from tembr.progress import Progress
from tembr.splits import make_folds
from tests.small_study import CORPUS


class Copy(Utterance):
    """Of a recording, through a telephone."""

    degradation = "phone"


class Hears(SimpleNamespace):
    """A member that learns from copies through these degradations."""

    copied_through: tuple[str, ...]


def utterance(name: str, emotion: str, speaker: str = "A", kind: type[Utterance] = Utterance) -> Utterance:
    return kind(name, Path(name), emotion, speaker)


TARGET = Corpus("nemo", (utterance("a", "anger"), utterance("b", "fear"), utterance("c", "fear", "")))
OTHER = Corpus("emodb", (utterance("x", "boredom"), utterance("y", "anger")))


@pytest.fixture
def mixed() -> Recordings:
    """Three of the target, two of another corpus, a copy of the second and of the fourth."""
    copies = (utterance("b", "fear", kind=Copy), utterance("x", "boredom", kind=Copy))
    utterances = TARGET.utterances + OTHER.utterances + copies
    originals, corpora = np.array([0, 1, 2, 3, 4, 1, 3]), np.array([0, 0, 0, 1, 1, 0, 1])
    return Recordings(TARGET, (OTHER,), utterances, originals, corpora, FeatureSettings(), {})


@pytest.fixture
def corpus(tmp_path, monkeypatch) -> Corpus:
    """The small corpus with noise for its recordings, each its own; as emodb it is named so and has other noise."""

    def made(name: str, first: int) -> Corpus:
        utterances = []
        for seed, one in enumerate(CORPUS.utterances, start=first):
            path = tmp_path / name / one.file
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, 0.1 * np.random.default_rng(seed).normal(size=8_000).clip(-5, 5), 16_000)
            utterances.append(replace(one, path=path))
        return replace(CORPUS, name=name, utterances=tuple(utterances))

    corpora = {"emodb": made("emodb", 100)}
    target = made(CORPUS.name, 0)
    monkeypatch.setattr(module, "load_corpus", lambda name, *_, **__: corpora.get(name, target))
    return target


class Store:
    """Of values that nobody computed; keeps where shards were to begin."""

    starts: ClassVar[list] = []

    def prepare(self, utterances, inputs, progress, starts):
        self.starts.append(list(starts))
        return {one: list(utterances) for one in inputs}


def load(members: list[str], **values) -> Recordings:
    settings = load_settings(members=members, auxiliary=["emodb"], **values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FeatureStore", Store)
        return load_recordings(settings, list(settings.members.values()), Progress())


def usable(said: list[str] | None = None) -> Corpus:
    return usable_corpus(CorpusSettings(), 1.0, Progress((said if said is not None else []).append))


def test_an_emotion_beside_the_targets_has_no_class(mixed):
    assert mixed.classes.tolist() == [0, 1, 1, -1, 0, 1, -1]


def test_speakers_of_two_corpora_and_copies_are_told_apart_and_the_unnamed_are_alone(mixed):
    names = ["nemo/A", "nemo/A", "nemo/c", "emodb/A", "emodb/A", "nemo/Aphone", "emodb/Aphone"]
    assert mixed.speakers.tolist() == names


@pytest.mark.parametrize(("train", "learnt"), [([0], [0, 3, 4, 6]), ([1, 2], [1, 2, 3, 4, 5, 6])])
def test_a_copy_is_learnt_from_where_its_original_is(mixed, train, learnt):
    data = mixed.data(Hears(copied_through=("phone",)), np.array(train), np.array([2]), Path("fold"))
    assert data.train.tolist() == learnt and data.validation.tolist() == [2]
    assert data.channels.tolist() == ["", "", "", "", "", "phone", "phone"]


@pytest.mark.parametrize("through", [(), ("room",)])
def test_a_member_learns_from_copies_that_it_asks_for(mixed, through):
    data = mixed.data(Hears(copied_through=through), np.array([1, 2]), np.array([]), Path("fold"))
    assert data.train.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("change", "same"), [({}, True), ({"emotion": "fear"}, False), ({"speaker": "Z"}, False), ({"text": "x"}, True)]
)
def test_recordings_are_the_same_by_name_emotion_and_speaker(change, same):
    first, *others = CORPUS.utterances
    assert same_recordings(CORPUS, [replace(first, **change), *others]) == same


def test_recordings_in_another_number_are_not_the_same():
    assert not same_recordings(CORPUS, CORPUS.utterances[:-1])


def test_a_kind_without_validation_learns_from_all_that_is_left():
    members = load_settings(members=["majority", "rms"]).members
    fold = make_folds(CORPUS, "speaker")[0]
    everything, nothing = parts_of(members["majority"], fold)
    assert everything is fold.rest and len(nothing) == 0
    assert parts_of(members["rms"], fold) == (fold.train, fold.validation)


def test_a_missing_recording_is_left_out_and_said(corpus, caplog):
    said: list[str] = []
    corpus.utterances[3].path.unlink()
    assert [u.file for u in usable(said).utterances] == [u.file for u in CORPUS.utterances if u.file != "A-fear-2.wav"]
    assert said == ["1 of 12 recordings left out: missing or unreadable"]
    assert "A-fear-2.wav: missing; left out" in caplog.messages


def test_a_corpus_of_which_nothing_can_be_read_is_refused(corpus):
    for one in corpus.utterances:
        one.path.write_bytes(b"no sound")
    with pytest.raises(CorpusError, match="demo: none of its 12 recordings can be read; check --corpus-dir"):
        usable()


def test_recordings_that_are_one_file_are_said_and_kept(corpus, caplog):
    one, other = corpus.utterances[:2]
    other.path.write_bytes(one.path.read_bytes())
    assert len(usable()) == 12
    assert any("A-anger-1.wav, A-anger-2.wav: the same recording" in line for line in caplog.messages)


def test_what_is_scored_is_not_learnt_from_besides(corpus, monkeypatch):
    monkeypatch.setattr(module, "load_corpus", lambda *_, **__: corpus)
    with pytest.raises(CorpusError, match="demo: two corpora of this name"):
        load(["majority"])


def test_a_recording_of_another_corpus_that_is_scored_is_told(corpus, tmp_path):
    taken = tmp_path / "emodb" / CORPUS.utterances[5].file
    taken.write_bytes(corpus.utterances[2].path.read_bytes())
    words = f"emodb: {taken.name} is {corpus.utterances[2].key} of demo, which is scored"
    with pytest.raises(CorpusError, match=words):
        load(["majority"])


def test_names_that_are_no_utf8_are_the_same_as_their_table_writes_them():
    odd = replace(CORPUS.utterances[0], file="a\udcff.wav")
    table = replace(odd, file=odd.file.encode(errors="backslashreplace").decode())
    assert same_recordings(replace(CORPUS, utterances=(odd,)), [table])


def test_the_target_comes_first_and_its_copies_last(corpus, monkeypatch):
    def make_copies(corpora, through):
        assert through == ("room", "phone")
        return [1, 15], [corpora[0].utterances[1]] * 2

    monkeypatch.setattr(copies, "make_copies", make_copies)
    monkeypatch.setattr(MajoritySettings, "copied_through", ("room", "phone"))
    loaded = load(["majority"])
    assert len(loaded.utterances) == 26 and loaded.originals.tolist() == [*range(24), 1, 15]
    assert loaded.corpora.tolist() == [0] * 12 + [1] * 12 + [0, 1]
    assert set(Store.starts[-1]) == {12, 24, 25}  # no shard of two corpora, nor of originals and copies


def test_every_input_of_every_member_is_computed_for_all_recordings(corpus):
    tables = load(["majority", "svm", "rms"], augment__waveform__enabled=True).tables
    assert {one.name: len(table) for one, table in tables.items()} == {"mfcc": 24, "waveform": 24, "rms": 24}


def test_copies_are_found_where_their_originals_are(mixed):
    assert mixed.copies_of(np.array([0, 1])).tolist() == [5]
    assert mixed.copies_of(np.array([0, 2])).tolist() == []
