"""EMO-DB by its file names."""

from __future__ import annotations

import pytest

from tembr.corpora import emodb


@pytest.fixture
def load(tmp_path):
    def make(*names: str):
        for name in names:
            (tmp_path / name).touch()
        return emodb.load(tmp_path).utterances

    return make


def test_the_publishers_list_tells_gender_and_age(load):
    assert [(one.gender, one.age) for one in load("03a01Wa.wav", "16b03Tc.wav")] == [("male", 31), ("female", 31)]


def test_a_speaker_who_is_not_on_the_list_is_taken_without_them(load):
    (spoken,) = load("17a01Wa.wav")
    assert (spoken.speaker, spoken.gender, spoken.age) == ("17", "", None)


def test_names_in_the_wrong_case_are_read_as_the_right_ones(load):
    (spoken,) = load("03A01wa.wav")
    assert (spoken.text, spoken.emotion) == ("a01", "anger")


@pytest.mark.parametrize("other", ["03a01Xa.wav", "03c01Wa.wav", "03a01W.wav", "readme.txt"])
def test_other_names_are_passed_over(load, other):
    assert [spoken.file for spoken in load("03a01Wa.wav", other)] == ["03a01Wa.wav"]
