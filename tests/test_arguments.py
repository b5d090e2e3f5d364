"""What an argument may be, in words and in fact."""

from __future__ import annotations

import click
import numpy as np
import pytest

from tembr.arguments import RULES, checked, either, number, of_kind, one_of, optional, whole
from tembr.cli.options import coverage_level
from tembr.errors import ConfigError
from tembr.evaluate.conformal import LEVELS


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (number(), "a finite number"),
        (number(0), "a number of at least 0"),
        (number(0.5, 2), "a number from 0.5 to 2"),
        (whole(1), "a whole number of at least 1"),
        (whole(1, 8), "a whole number from 1 to 8"),
        (one_of("mix", "left", "right"), "mix, left or right"),
        (of_kind(str, dict), "a str or a dict"),
        (either(one_of("mix", "left"), whole(1)), "mix or left or a whole number of at least 1"),
        (optional(whole(1)), "a whole number of at least 1, or None"),
    ],
)
def test_a_rule_says_in_words_what_it_wants(rule, wanted):
    assert rule.wanted == wanted


def test_whole_numbers_end_with_the_bounds_and_are_no_flags():
    fits = [value for value in (0, 1, np.int64(2), 3, 4, 1.0, True, "1") if whole(1, 3).fits(value)]
    assert fits == [1, 2, 3]


def test_numbers_are_finite():
    values = (-1, 0, np.float32(0.5), 1, True, float("nan"), float("inf"), "0")
    assert [value for value in values if number(0).fits(value)] == [0, 0.5, 1]


@pytest.mark.parametrize("one", ["a.wav", b"RIFF", (np.zeros(3), 16_000), np.zeros(3, np.float32)])
def test_one_recording_is_not_several(one):
    assert not RULES["sources"].fits(one) and RULES["sources"].fits([one]) and RULES["recordings"].fits(one)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 1_000, "'" + "x" * 59),
        (np.zeros(10**6), "of the kind ndarray"),
        (10**100, "of many digits"),
        (None, "None"),
        (0.5, "0.5"),
    ],
)
def test_a_refused_value_is_shown_in_little_room(value, shown):
    with pytest.raises(ConfigError) as error:
        one_of("a", "b").check("form", value)
    assert str(error.value) == f"form {shown}: give a or b"


@checked(threads=whole(1, 4))
def work(threads=0, end=None):
    return threads, end


def test_arguments_are_checked_by_place_and_by_name():
    for call in (lambda: work(5), lambda: work(threads=5)):
        with pytest.raises(ConfigError, match="^threads 5: give a whole number from 1 to 4$"):
            call()


def test_a_default_is_not_questioned():
    assert work() == (0, None)


def test_a_rule_of_ones_own_stands_in_for_the_usual_one():
    assert work.rules["threads"].fits(4) and not work.rules["threads"].fits(None)
    assert work.rules["end"] is RULES["end"]


@pytest.mark.parametrize("outside", [-0.01, 0.01])
def test_a_coverage_is_one_of_the_levels_that_sets_are_calibrated_for(outside):
    for level in (LEVELS[0], LEVELS[-1], None):
        RULES["coverage"].check("coverage", level)
        assert coverage_level(level) == level
    level = (LEVELS[0] if outside < 0 else LEVELS[-1]) + outside
    with pytest.raises(ConfigError):
        RULES["coverage"].check("coverage", level)
    with pytest.raises(click.BadParameter):
        coverage_level(level)
