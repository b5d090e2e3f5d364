"""A corpus in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tembr.corpora.corpus import Corpus, CorpusInfo, Utterance, number, require_unique, settle_labels
from tembr.errors import CorpusError


def corpus(*emotions: str) -> Corpus:
    return Corpus("c", tuple(Utterance(f"{n}.wav", Path("none"), emotion) for n, emotion in enumerate(emotions)))


@pytest.mark.parametrize(
    ("part", "key"),
    [({}, "a.wav"), ({"end": 2.0}, "a.wav@0"), ({"start": 0.5}, "a.wav@0.5"), ({"start": 1 / 3}, "a.wav@0.3333333333")],
)
def test_an_utterance_is_called_after_its_file_and_start(part, key):
    assert Utterance("a.wav", Path("none"), "fear", **part).key == key


def test_parts_of_a_file_are_told_apart_by_both_ends():
    parts = [Utterance("a.wav", Path("none"), "fear", start=1.0, end=end) for end in (2.0, 3.0, None)]
    assert [one.identity for one in parts] == ["1.0:2.0", "1.0:3.0", "1.0:None"]


def test_the_samples_of_a_part_are_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.arange(8, dtype=np.int16), 1_000)
    part = Utterance("a.wav", tmp_path / "a.wav", "fear", start=0.002, end=0.005)
    assert (part.read(1_000) * 2**15).tolist() == [2, 3, 4]


def test_labels_come_in_their_order_and_speakers_by_the_alphabet():
    said = [Utterance("a", Path(), emotion, who) for emotion, who in (("awe", "b"), ("neutral", "a"), ("fear", "b"))]
    made = Corpus("c", tuple(said))
    assert (made.labels, made.speakers, len(made)) == (("fear", "neutral", "awe"), ("a", "b"), 3)


@pytest.mark.parametrize(("licence", "answer"), [("CC BY-NC-SA 4.0", True), ("CC BY 4.0", False), ("", False)])
def test_what_is_not_for_commerce_is_known_by_its_licence(licence, answer):
    info = CorpusInfo("c", load=corpus, licence=licence)
    assert info.noncommercial is answer and info.corpus([]) == Corpus("c", (), licence)


def test_labels_are_mapped_through_their_aliases():
    assert settle_labels(corpus("Angry", "radość")).labels == ("anger", "happiness")


def test_labels_outside_the_six_are_counted_after_they_are_mapped():
    with pytest.raises(CorpusError, match=r"six emotions: awe \(1\), boredom \(2\); .* --emotion awe=anger"):
        settle_labels(corpus("Boredom", "boredom", "awe", "sad"))


def test_what_a_label_means_can_be_said_whatever_its_spelling():
    settled = settle_labels(corpus("Rabbia", "rabbia", "gioia", "sad"), "keep", {"RABBIA": "angry", "gioia": "awe"})
    assert [u.emotion for u in settle_labels(settled, "drop").utterances] == ["anger", "anger", "sadness"]
    assert settled.labels == ("anger", "sadness", "awe")


def test_a_label_that_is_said_to_mean_something_and_is_not_there_is_told():
    with pytest.raises(CorpusError, match=r"^c: no recording is labelled 'rabia'; there are sadness, rabbia$"):
        settle_labels(corpus("rabbia", "sad"), "keep", {"rabia": "anger"})


def test_one_part_of_a_file_is_listed_once():
    twice = Corpus("c", (Utterance("a.wav", Path(), "fear", start=1.5), Utterance("a.wav", Path(), "anger", start=1.5)))
    with pytest.raises(CorpusError, match=r"^c: a.wav from 1.5 s is listed 2 times; keep one$"):
        require_unique(twice)
    assert require_unique(corpus("fear", "fear")) == corpus("fear", "fear")


@pytest.mark.parametrize(("cell", "value"), [(" 2.50 ", 2.5), (3, 3.0), ("", None), ("  ", None), (None, None)])
def test_a_cell_is_a_number_or_empty(cell, value):
    assert number(cell, "age", "t.csv, row 2") == value


@pytest.mark.parametrize("cell", ["old", "nan", "inf", "2,5"])
def test_any_other_cell_is_refused_with_its_place(cell):
    with pytest.raises(CorpusError, match=f"^t.csv, row 2: age '{cell}' is not a number; correct it"):
        number(cell, "age", "t.csv, row 2")
