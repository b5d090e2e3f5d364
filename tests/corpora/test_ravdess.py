"""RAVDESS by its file names."""

from __future__ import annotations

import pytest

from tembr.corpora import ravdess


@pytest.fixture
def load(tmp_path):
    def make(*names: str):
        for name in names:
            (tmp_path / name).touch()
        return ravdess.load(tmp_path).utterances

    return make


def test_every_part_of_a_name_is_read(load):
    (spoken,) = load("03-01-08-02-01-02-23.wav")
    assert (spoken.emotion, spoken.speaker, spoken.gender) == ("surprised", "23", "male")
    assert spoken.text == "Kids are talking by the door"


@pytest.mark.parametrize("other", ["03-01-09-01-01-01-01", "03-01-01-03-01-01-01", "03-01-01-01-03-01-01", "03-01-01"])
def test_other_names_are_passed_over(load, other):
    assert len(load("03-01-01-01-01-01-01.wav", f"{other}.wav")) == 1


def test_its_licence_is_not_for_commerce():
    assert ravdess.INFO.noncommercial
