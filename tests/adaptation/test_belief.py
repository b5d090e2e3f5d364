"""How far an enrolment is believed: by hand, and on mixtures that are none."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation.belief import FAMILIAR, SEVERAL, belief, mutual_information, novelty, softmax

SURE = np.where(np.eye(4) > 0, 50.0, -50.0)
HERE, ONE = np.zeros((1, 2)), np.ones(2)


def test_an_even_and_sure_mixture_tells_all_there_is():
    assert mutual_information(SURE) == pytest.approx(np.log(4))
    assert mutual_information(SURE[[0, 1]]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("logits", [SURE[[2, 2, 2]], np.zeros((3, 4)), np.tile([1.0, 0.5, 0.0, 0.0], (3, 1))])
def test_the_same_answer_to_all_tells_nothing_however_sure(logits):
    assert mutual_information(logits) == pytest.approx(0, abs=1e-9)


def test_novelty_is_the_distance_to_the_nearest_corpus_in_deviations():
    enrolment = np.array([[2.0, 0.0], [4.0, 0.0]])
    assert novelty(enrolment, HERE, ONE) == pytest.approx(3 / np.sqrt(2))
    assert novelty(enrolment, HERE, 9 * ONE) == pytest.approx(1 / np.sqrt(2))
    assert novelty(enrolment, np.array([[0.0, 0.0], [3.0, 1.0]]), ONE) == pytest.approx(1 / np.sqrt(2))


def test_several_emotions_of_a_familiar_voice_are_believed():
    assert belief(SURE, np.zeros((4, 2)), HERE, ONE) == 1.0


def test_one_emotion_or_a_voice_from_elsewhere_is_not():
    assert belief(SURE[[1, 1, 1, 1]], np.zeros((4, 2)), HERE, ONE) == 0.0
    assert belief(SURE, np.full((4, 2), FAMILIAR[1]), HERE, ONE) == 0.0


def test_in_between_it_is_believed_in_part():
    assert belief(SURE, np.full((4, 2), np.mean(FAMILIAR)), HERE, ONE) == pytest.approx(0.5)
    assert 0 < SEVERAL[0] < SEVERAL[1] < np.log(6)


@pytest.mark.parametrize(
    ("logits", "rows"), [([[0.0, np.log(3)]], [[0.25, 0.75]]), ([[1e4, 1e4], [0.0, -1e4]], [[0.5, 0.5], [1.0, 0.0]])]
)
def test_softmax_sums_to_one_however_large_the_logits(logits, rows):
    np.testing.assert_allclose(softmax(np.array(logits)), rows)
