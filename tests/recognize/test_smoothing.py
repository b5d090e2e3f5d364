"""The likeliest labels of windows that follow each other, told as early as they are certain or have to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tembr.recognize.smoothing import Smoother

SURE = {"a": [0.9, 0.05, 0.05], "b": [0.05, 0.9, 0.05], "c": [0.05, 0.05, 0.9]}
DOUBT = {"a": [0.45, 0.35, 0.2], "b": [0.35, 0.45, 0.2], "c": [0.2, 0.35, 0.45]}


def decode(posteriors, near, smoothing: float) -> list[int]:
    """A label for each window; far from the one before, nothing of before bears on it."""
    smoother, told = Smoother(smoothing), []
    for row, follows in zip(posteriors, [True, *near]):
        told += [] if follows else smoother.finish()
        told += smoother.add(row)
    return told + smoother.finish()


def path(rows: str, smoothing: float, near=None, table=None) -> str:
    posteriors = np.array([(table or DOUBT)[name] for name in rows])
    near = np.ones(len(rows) - 1, bool) if near is None else np.array(near)
    return "".join("abc"[i] for i in decode(posteriors, near, smoothing))


def brute_force(posteriors: np.ndarray, smoothing: float) -> float:
    """The best score of any sequence, by trying them all."""
    grid = np.stack(np.meshgrid(*[range(3)] * len(posteriors), indexing="ij"), -1).reshape(-1, len(posteriors))
    scores = np.log(posteriors)[np.arange(len(posteriors)), grid].sum(axis=1)
    return float((scores - smoothing * (np.diff(grid) != 0).sum(axis=1)).max())


def test_without_a_price_every_window_speaks_for_itself():
    assert path("abacab", 0.0) == "abacab"


def test_a_doubtful_window_between_neighbours_is_carried_along():
    assert path("aabaa", 1.0) == "aaaaa"


def test_a_sure_change_is_kept():
    assert path("aaabbb", 1.0, table=SURE) == "aaabbb"


def test_what_is_far_apart_does_not_bear_on_each_other():
    assert path("aabaa", 1.0, near=[True, False, False, True]) == "aabaa"


@given(st.lists(st.tuples(*[st.floats(0.01, 1)] * 3), min_size=1, max_size=6), st.floats(0, 3))
def test_the_sequence_is_the_likeliest_of_all(rows, smoothing):
    posteriors = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    labels = decode(posteriors, np.ones(len(rows) - 1, bool), smoothing)
    score = np.log(posteriors)[np.arange(len(rows)), labels].sum() - smoothing * (np.diff(labels) != 0).sum()
    assert score == pytest.approx(brute_force(posteriors, smoothing))


ROWS = st.lists(st.tuples(*[st.floats(0.01, 1)] * 3), min_size=1, max_size=25)


def told_by(rows, smoothing: float, due) -> tuple[list[int], int]:
    """Labels as they are told where after each window `due` of the oldest have to be; and how many windows waited."""
    smoother, told, most = Smoother(smoothing), [], 0
    for number, row in enumerate(rows, start=1):
        told += smoother.add(np.array(row))
        told += smoother.tell(due(number) - len(told))
        most = max(most, number - len(told))
    return told + smoother.finish(), most


@given(ROWS, st.floats(0, 3))
def test_what_is_told_early_is_what_the_whole_comes_to(rows, smoothing):
    early, _ = told_by(rows, smoothing, due=lambda number: 0)
    assert early == told_by(rows, smoothing, due=lambda number: -(10**6))[0]
    score = lambda labels: (  # noqa: E731
        np.log(rows)[np.arange(len(rows)), labels].sum() - smoothing * np.count_nonzero(np.diff(labels))
    )
    best = np.zeros(3)
    for row in np.log(rows):
        best = np.maximum(best, best.max() - smoothing) + row
    assert score(early) == pytest.approx(best.max(), abs=1e-9)


@given(ROWS, st.floats(0, 3), st.integers(0, 5))
def test_no_window_waits_longer_than_it_may(rows, smoothing, lag):
    labels, waited = told_by(rows, smoothing, due=lambda number: number - lag)
    assert len(labels) == len(rows) and waited <= lag


def test_what_was_told_keeps_to_itself_where_later_windows_would_have_said_otherwise():
    smoother = Smoother(2.0)
    doubt, sure = np.array([0.45, 0.35, 0.2]), np.array(SURE["b"])
    assert smoother.add(doubt) == [] and smoother.tell(1) == [0]
    assert [label for _ in range(3) for label in smoother.add(sure)] + smoother.finish() == [1, 1, 1]
    assert decode([doubt, sure, sure, sure], [True] * 3, 2.0) == [1, 1, 1, 1]


def test_nothing_added_is_nothing_told():
    smoother = Smoother(1.0)
    assert smoother.tell(0) == smoother.tell(5) == smoother.finish() == []


def test_a_label_is_told_with_the_first_window_that_makes_it_certain():
    rows = [SURE["a"], DOUBT["b"], DOUBT["b"], SURE["b"], SURE["b"]]
    smoother = Smoother(1.0)
    assert [smoother.add(np.array(row)) for row in rows] == [[], [0], [], [], [1, 1, 1]]
    assert smoother.finish() == [1]


def test_no_more_is_told_than_was_added_and_nothing_twice():
    smoother = Smoother(5.0)
    for _ in range(3):
        assert smoother.add(np.array(DOUBT["a"])) == []
    assert smoother.tell(2) == [0, 0] and smoother.tell(9) == [0] and smoother.finish() == []


def test_after_the_end_it_begins_anew():
    smoother, rows = Smoother(2.0), [np.array(DOUBT[name]) for name in "aab"]
    runs = [[label for row in rows for label in smoother.add(row)] + smoother.finish() for _ in range(2)]
    assert runs == [[0, 0, 0]] * 2
    assert smoother.add(np.array(SURE["c"])) + smoother.finish() == [2]


def test_no_price_keeps_a_label_that_is_out_of_the_question():
    for price, expected in ((1.0, [0, 1, 0]), (100.0, [0, 0, 0])):
        rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
        assert decode(rows, [True, True], price) == expected


@pytest.mark.parametrize("labels", [1, 2])
def test_of_equal_sequences_one_is_told_and_it_is_the_same_early_or_late(labels):
    rows = np.full((4, labels), 1 / labels)
    early, late = (told_by(rows, 1.0, due=lambda number, due=due: due * number)[0] for due in (0, 1))
    assert early == late == [0] * 4
