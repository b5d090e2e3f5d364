"""Names of emotions, and what other corpora call them."""

from __future__ import annotations

import unicodedata

import pytest

from tembr.emotions import ALIASES, EMOTIONS, POLISH, canonical, display_name, ordered


@pytest.mark.parametrize(
    ("label", "name"),
    [
        (" Angry ", "anger"),
        ("RADOŚĆ", "happiness"),
        (unicodedata.normalize("NFD", "złość"), "anger"),
        ("FEA", "fear"),
        ("SUR", "surprised"),
        ("neutral", "neutral"),
        ("Boredom", "boredom"),
    ],
)
def test_a_label_is_known_by_its_aliases_in_any_case(label, name):
    assert canonical(label) == name


def test_every_alias_is_of_the_six_and_none_is_one_of_them():
    assert set(ALIASES.values()) <= set(EMOTIONS) and not set(ALIASES) & set(EMOTIONS)


def test_every_polish_name_of_the_six_is_understood():
    assert [canonical(POLISH[emotion]) for emotion in EMOTIONS] == list(EMOTIONS)


def test_the_six_come_first_in_their_order_and_others_by_the_alphabet():
    labels = ["neutral", "disgust", "anger", "boredom", "anger", "sadness"]
    assert ordered(labels) == ("anger", "sadness", "neutral", "boredom", "disgust")


def test_people_read_the_polish_name_beside_the_label():
    assert [display_name("anger"), display_name("awe")] == ["anger (złość)", "awe"]
