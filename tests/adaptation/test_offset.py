"""A speaker's bias, told from what an enrolment happens to hold."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation.offset import Offsets, fit_offset, typical_logits, weight_of

TYPICAL = 4 * np.eye(3)
KNOWN = Offsets(TYPICAL, prior=0.0, mixture=1e-3)
BIAS = np.array([1.0, -1.0, 0.0])


@pytest.mark.parametrize(("recordings", "prior", "weight"), [(30, 10, 0.75), (1, 1, 0.5), (5, 0, 1.0), (0, 3, 0.0)])
def test_recordings_weigh_against_the_prior(recordings, prior, weight):
    assert weight_of(recordings, prior) == weight


def test_an_unbiased_enrolment_moves_nothing_whatever_it_holds():
    for emotions in ([0, 1, 2], [0, 0, 0], [0, 0, 1], [2]):
        sure = Offsets(50 * np.eye(3), 0.0, 1e-6)
        np.testing.assert_allclose(fit_offset(sure, 50 * np.eye(3)[emotions]), 0, atol=1e-3)


def test_a_bias_is_taken_away_as_far_as_the_recordings_weigh():
    biased = np.vstack([TYPICAL + BIAS] * 4)
    np.testing.assert_allclose(fit_offset(KNOWN._replace(mixture=1e6), biased), -BIAS, atol=1e-6)
    half = fit_offset(KNOWN._replace(mixture=1e6, prior=12.0), biased)
    np.testing.assert_allclose(half, -BIAS / 2, atol=1e-6)


def test_one_emotion_alone_is_hardly_taken_for_a_bias():
    alone = np.tile(TYPICAL[0], (30, 1))
    believed, even = (np.abs(fit_offset(KNOWN._replace(mixture=m), alone)).max() for m in (1.0, 1e6))
    assert believed < 0.25 * even


def test_what_is_the_same_for_all_emotions_is_no_bias():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(fit_offset(KNOWN, logits + 7), fit_offset(KNOWN, logits), atol=1e-9)


def test_typical_logits_count_every_speaker_once():
    logits = np.array([[1.0, 0.0], [1.0, 0.0], [4.0, 0.0], [0.0, 2.0]])
    found = typical_logits(logits, np.array([0, 0, 0, 1]), np.array(list("AABB")))
    assert found.tolist() == [[2.5, 0.0], [0.0, 2.0]]


def test_of_an_emotion_nobody_showed_the_others_are_the_guess():
    found = typical_logits(np.array([[2.0, 0.0, 0.0], [0.0, 4.0, 0.0]]), np.array([0, 1]), np.array(["A", "A"]))
    assert found[2].tolist() == [1.0, 2.0, 0.0]
