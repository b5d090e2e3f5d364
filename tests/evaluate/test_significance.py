"""McNemar's test, Holm's correction, differences in UAR and reliability, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.evaluate.reliability import reliability_curve, reliability_png
from tembr.evaluate.significance import SignificanceError, holm, mcnemar, uar_difference


def answers(both: int, only_one: int, only_other: int, neither: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and answers of two classifiers that are right together, alone or never so many times."""
    counts = [both, only_one, only_other, neither]
    one, other = (np.repeat(right, counts) for right in ([0, 0, 1, 1], [0, 1, 0, 1]))
    return np.zeros(sum(counts), dtype=int), one, other


def test_mcnemar_by_hand():
    """Of 10 disagreements, 1 for the other: p = 2 · (1 + 10) / 2¹⁰, mid-p = p − 10 / 2¹⁰."""
    test = mcnemar(*answers(both=50, only_one=9, only_other=1, neither=5))
    assert (test.n, test.n01, test.n10) == (65, 1, 9)
    assert test.p == pytest.approx(22 / 1024)
    assert test.p_mid == pytest.approx(12 / 1024)


def test_mcnemar_of_a_published_table():
    """Agresti's approval ratings (Categorical Data Analysis, table 10.1): 150 against 86 changed their mind."""
    test = mcnemar(*answers(both=794, only_one=150, only_other=86, neither=570))
    assert test.p == pytest.approx(3.716e-05, rel=1e-3)


def test_an_even_balance_says_nothing():
    test = mcnemar(*answers(both=3, only_one=4, only_other=4, neither=0))
    assert (test.p, test.p_mid) == (1, pytest.approx(1))


def test_classifiers_that_are_right_together_do_not_differ():
    assert mcnemar(*answers(both=5, only_one=0, only_other=0, neither=7)).p == 1


def test_different_mistakes_are_no_difference():
    truth = np.array([0, 0, 1])
    test = mcnemar(truth, np.array([1, 0, 1]), np.array([2, 0, 1]))
    assert (test.n01, test.n10) == (0, 0)


@pytest.mark.parametrize("other", [np.zeros(3, dtype=int), np.zeros((4, 1), dtype=int)])
def test_predictions_of_other_recordings_are_refused(other):
    with pytest.raises(SignificanceError, match="on the same recordings"):
        mcnemar(np.zeros(4, dtype=int), np.zeros(4, dtype=int), other)


def test_nothing_to_test_is_refused():
    with pytest.raises(SignificanceError, match="one class a recording"):
        mcnemar(*[np.array([], dtype=int)] * 3)


def test_holm_by_hand():
    """Sorted 0.01 · 4, 0.02 · 3, 0.03 · 2 raised to 0.06, 0.04 · 1 raised to 0.06."""
    np.testing.assert_allclose(holm([0.02, 0.01, 0.04, 0.03]), [0.06, 0.04, 0.06, 0.06])


def test_holm_stays_a_probability():
    np.testing.assert_allclose(holm([0.9, 0.5]), [1.0, 1.0])
    assert holm([]).size == 0


@pytest.mark.parametrize("values", [[-0.1], [1.1], [float("nan")]])
def test_holm_refuses_what_is_no_probability(values):
    with pytest.raises(SignificanceError, match="0 to 1"):
        holm(values)


def test_reliability_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.92, 0.08], [0.55, 0.45], [0.4, 0.6]])
    curve = reliability_curve(probabilities, np.array([0, 1, 0, 1]), bins=10)
    np.testing.assert_allclose(curve, [[0.575, 1.0, 2], [0.935, 0.5, 2]])


def test_reliability_picture(tmp_path):
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    path = reliability_png({"before": probabilities, "after": probabilities}, np.array([0, 1]), tmp_path / "r.png", "t")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_difference_in_uar_by_hand():
    """Recalls of 4/4 and 1/2 against 2/4 and 2/2: 3/4 either way; and of 1 and 1 against 3/4 and 1."""
    truth = np.array([0, 0, 0, 0, 1, 1])
    one, other = np.array([0, 0, 0, 0, 1, 0]), np.array([0, 0, 1, 1, 1, 1])
    assert uar_difference(truth, one, other, 2).value == pytest.approx(0)
    assert uar_difference(truth, truth, np.array([0, 0, 0, 1, 1, 1]), 3).value == pytest.approx(1 / 8)


def test_a_difference_in_uar_is_of_pairs():
    """The same answers never differ, however unsure their UAR; the interval of 0.1 ± √(0.1 · 0.9 / 1000) · 1.96."""
    truth = np.zeros(1_000, dtype=int)
    one = np.repeat([0, 1], [600, 400])
    assert uar_difference(truth, one, one, 2) == uar_difference(truth, one, one, 2, seed=1)
    worse = uar_difference(truth, one, np.repeat([0, 1], [500, 500]), 2)
    assert (worse.value, worse.low, worse.high) == (
        pytest.approx(0.1),
        pytest.approx(0.0814, abs=2e-3),
        pytest.approx(0.1186, abs=2e-3),
    )


def test_differences_of_different_recordings_are_refused():
    with pytest.raises(SignificanceError, match="same recordings"):
        uar_difference(np.zeros(3, int), np.zeros(3, int), np.zeros(2, int), 2)
