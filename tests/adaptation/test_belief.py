"""How far an enrolment is believed: by hand, and on mixtures that are none."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation.belief import SEVERAL, mutual_information, several, softmax

SURE = np.where(np.eye(4) > 0, 50.0, -50.0)


def test_an_even_and_sure_mixture_tells_all_there_is():
    assert mutual_information(SURE) == pytest.approx(np.log(4))
    assert mutual_information(SURE[[0, 1]]) == pytest.approx(np.log(2))


@pytest.mark.parametrize("logits", [SURE[[2, 2, 2]], np.zeros((3, 4)), np.tile([1.0, 0.5, 0.0, 0.0], (3, 1))])
def test_the_same_answer_to_all_tells_nothing_however_sure(logits):
    assert mutual_information(logits) == pytest.approx(0, abs=1e-9)


def test_several_emotions_are_believed_and_one_is_not():
    assert several(SURE) == 1.0
    assert several(SURE[[1, 1, 1, 1]]) == 0.0


def test_in_between_it_is_believed_in_part():
    """One recording in nine of another emotion: entropy of 1/9 and 8/9."""
    told = -(np.log(1 / 9) / 9 + np.log(8 / 9) * 8 / 9)
    assert several(SURE[[0, *[1] * 8]]) == pytest.approx((told - SEVERAL[0]) / (SEVERAL[1] - SEVERAL[0]))
    assert 0 < SEVERAL[0] < told < SEVERAL[1] < np.log(6)


@pytest.mark.parametrize(
    ("logits", "rows"), [([[0.0, np.log(3)]], [[0.25, 0.75]]), ([[1e4, 1e4], [0.0, -1e4]], [[0.5, 0.5], [1.0, 0.0]])]
)
def test_softmax_sums_to_one_however_large_the_logits(logits, rows):
    np.testing.assert_allclose(softmax(np.array(logits)), rows)
