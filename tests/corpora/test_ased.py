"""ASED by its file names."""

from __future__ import annotations

import pytest

from tembr.corpora import ased


@pytest.fixture
def load(tmp_path):
    def make(*names: str):
        for name in names:
            (tmp_path / name).touch()
        return ased.load(tmp_path).utterances

    return make


def test_every_part_of_a_name_is_read(load):
    (spoken,) = load("h3-12-02-02-65.wav")
    assert (spoken.emotion, spoken.text, spoken.speaker, spoken.gender) == ("happiness", "h12", "65", "male")


def test_sentences_of_different_emotions_are_different(load):
    assert {spoken.text for spoken in load("n1-04-01-01-01.wav", "a5-04-01-01-01.wav")} == {"n04", "a04"}


def test_genders_are_counted_for_each_speaker_alone(load):
    female = "n1-01-01-01-07.wav", "n1-02-01-01-07.wav", "n1-03-01-02-07.wav"
    spoken = load(*female, "n1-01-01-02-08.wav")
    assert {(one.speaker, one.gender) for one in spoken} == {("07", "female"), ("08", "male")}


@pytest.mark.parametrize("other", ["x1-01-01-01-01.wav", "n1-01-01-03-01.wav", "n1-01-01-01-01.txt", "n1-01-01-01.wav"])
def test_other_names_are_passed_over(load, other):
    assert [spoken.file for spoken in load("n1-01-01-01-01.wav", other)] == ["n1-01-01-01-01.wav"]
