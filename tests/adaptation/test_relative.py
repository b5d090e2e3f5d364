"""Emotions told from how a recording differs from its speaker's mean: the offset, and typical values, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation.relative import Relative, relative_offset, typical_relative

TYPICAL = np.array([[2.0, -2.0], [-2.0, 2.0]])
SURE = np.array([[50.0, 0.0], [0.0, 50.0]])


def known(mixture: float = 1e-9) -> Relative:
    return Relative(TYPICAL, 0.5, mixture)


@pytest.mark.parametrize("bias", [0.0, 30.0])
def test_what_a_speaker_is_like_is_taken_away_whatever_it_is(bias):
    relative = TYPICAL + np.array([bias, -bias])
    np.testing.assert_allclose(relative_offset(known(), SURE, relative), [-bias, bias], atol=1e-6)


def test_one_emotion_more_often_than_another_is_no_bias():
    relative, logits = TYPICAL[[0, 0, 0, 1]], SURE[[0, 0, 0, 1]]
    np.testing.assert_allclose(relative_offset(known(), logits, relative), 0, atol=1e-6)
    taken = relative_offset(known(mixture=1e9), logits, relative)  # an even mixture is believed in
    np.testing.assert_allclose(taken, [-1, 1], atol=1e-6)


def test_the_mean_of_few_recordings_is_believed_less():
    few = Relative(TYPICAL, 0.6, 1.0, prior=4.0)
    assert [few.share_of(count) for count in (2, 4, 8)] == pytest.approx([0.2, 0.3, 0.4])
    assert known().share_of(1) == 0.5


def test_an_offset_has_a_mean_of_nothing():
    assert relative_offset(known(), SURE, TYPICAL + 7).sum() == pytest.approx(0, abs=1e-9)


def test_typical_values_are_about_each_speakers_centre_and_speakers_count_alike():
    relative = np.array([[10.0, 0.0], [12.0, 2.0], [12.0, 2.0], [0.0, 1.0], [4.0, 3.0]])
    classes, speakers = np.array([0, 1, 1, 0, 1]), np.array(["a", "a", "a", "b", "b"])
    np.testing.assert_allclose(typical_relative(relative, classes, speakers), [[-1.5, -1], [1.5, 1]])


def test_who_shows_one_emotion_tells_nothing():
    found = typical_relative(np.array([[5.0, 1.0], [6.0, 1.0]]), np.array([0, 0]), np.array(["a", "a"]))
    assert found.tolist() == [[0, 0], [0, 0]]
