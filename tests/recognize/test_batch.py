"""Work in several threads: answers in order, and never far ahead."""

from __future__ import annotations

import os
import threading
import time

import pytest

from tembr.recognize.batch import AHEAD, cores, in_order


@pytest.mark.parametrize("threads", [1, 2, 8, None])
def test_answers_come_in_the_order_of_the_items(threads):
    def work(item: int) -> int:
        time.sleep(0.001 * (item % 3 == 0))
        return item * item

    assert list(in_order(work, range(20), threads)) == [item * item for item in range(20)]


def test_nothing_is_taken_long_before_it_is_asked_for():
    taken = []
    items = (taken.append(item) or item for item in range(100))
    answers = in_order(str, items, threads=2)
    assert [next(answers), len(taken)] == ["0", AHEAD * 2]
    assert [next(answers), len(taken)] == ["1", AHEAD * 2 + 1]
    answers.close()


def test_one_thread_is_the_callers_and_takes_an_item_at_a_time():
    taken = []
    items = (taken.append(item) or item for item in range(9))
    answers = in_order(lambda item: threading.current_thread(), items, threads=1)
    assert (next(answers), len(taken)) == (threading.current_thread(), 1)


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_out_in_its_place_and_ends_the_work(threads):
    answers, done = in_order(lambda item: 6 // (item - 3), range(100), threads), []
    with pytest.raises(ZeroDivisionError):
        done.extend(answers)
    assert done == [-2, -3, -6]


def test_the_rest_is_given_up_when_nobody_asks_any_more():
    begun = []
    answers = in_order(lambda item: begun.append(item) or time.sleep(0.05), range(100), threads=2)
    next(answers)
    answers.close()
    assert len(begun) < AHEAD * 2 and not [t for t in threading.enumerate() if t.name.startswith("tembr")]


def test_the_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1
