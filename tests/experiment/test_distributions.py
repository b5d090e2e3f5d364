"""What a setting's values are drawn from: every written form, what is drawn of it, and the form that reads back."""

from __future__ import annotations

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from tembr.errors import ConfigError
from tembr.experiment.distributions import as_written, distribution, draw, extremes, leaves

DEEP = {"low": 1, "high": 2}


def fractions(value) -> bool:
    """Of a setting that takes any number."""
    return True


def whole_numbers(value) -> bool:
    return not isinstance(value, float)


def read(given, takes=fractions):
    return distribution("train.x", given, takes)


def drawn(given, trials: int = 30) -> list:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    return [draw(study.ask(), "train.x", given) for _ in range(trials)]


def test_tables_in_tables_are_dotted_names():
    space = {"train": {"learning_rate": DEEP, "mix": {"alpha": DEEP}}, "seed": DEEP}
    expected = [("train.learning_rate", DEEP), ("train.mix.alpha", DEEP), ("seed", DEEP)]
    assert list(leaves(space)) == expected
    assert list(leaves(dict(expected))) == expected


@pytest.mark.parametrize("given", [3, "wide", [1, 2], {}, {"choices": [1, 2]}, {"low": 1}, {"log": True, "x": {}}])
def test_what_is_no_group_is_left_for_who_reads_it(given):
    assert list(leaves({"a": {"b": given}})) == [("a.b", given)]


@pytest.mark.parametrize(
    ("given", "takes", "expected"),
    [
        ({"low": 1, "high": 5}, whole_numbers, IntDistribution(1, 5)),
        ({"low": 1, "high": 5}, fractions, FloatDistribution(1, 5)),
        ({"low": 1, "high": 9, "step": 2}, whole_numbers, IntDistribution(1, 9, step=2)),
        ({"low": 1, "high": 9, "step": 2}, fractions, FloatDistribution(1, 9, step=2)),
        ({"low": -3, "high": 0}, whole_numbers, IntDistribution(-3, 0)),
        ({"low": 1, "high": 64, "log": True}, whole_numbers, IntDistribution(1, 64, log=True)),
        ({"low": 1e-4, "high": 1, "log": True}, fractions, FloatDistribution(1e-4, 1, log=True)),
        ({"low": 0.5, "high": 1.0, "log": False, "step": 0.25}, fractions, FloatDistribution(0.5, 1.0, step=0.25)),
        ({"choices": ["a", 1, 0.5, False]}, fractions, CategoricalDistribution(("a", 1, 0.5, False))),
    ],
)
def test_whole_numbers_are_drawn_where_the_setting_takes_no_others(given, takes, expected):
    found = read(given, takes)
    assert found == expected and type(found) is type(expected)


@pytest.mark.filterwarnings("error")
def test_a_step_that_does_not_divide_the_range_ends_below_it_and_nothing_is_said(capsys):
    assert extremes(read({"low": 1, "high": 10, "step": 4}, whole_numbers)) == (1, 9)
    assert extremes(read({"low": 0.1, "high": 1.0, "step": 0.4})) == (0.1, 0.9)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, r"space.train.x = None: give it as \{ low = 1e-4"),
        ({}, r"space.train.x = \{\}: give it as"),
        ({"low": 1, "high": 2, "base": 2}, "space.train.x = .*: give it as"),
        ({"high": 2, "step": 1}, "space.train.x = .*: give it as"),
        ({"choices": [1, 2], "step": 1}, "space.train.x = .*: give it as"),
        ({"low": 2, "high": 2}, r"space.train.x: low \(2\) has to be below high \(2\)"),
        ({"low": float("-inf"), "high": 2}, "space.train.x.low = -inf: give a number"),
        ({"low": 1, "high": 2, "step": "1"}, "space.train.x.step = '1': give a number"),
        ({"low": 1, "high": 2, "step": 0}, "space.train.x: .*step"),
        ({"low": 1, "high": 2, "log": "yes"}, "space.train.x.log = 'yes': give true or false"),
        ({"low": -1, "high": 2, "log": True}, "space.train.x: .*low"),
        ({"choices": "ab"}, "space.train.x.choices = 'ab': give two or more different"),
        ({"choices": []}, r"space.train.x.choices = \[\]: give two or more different"),
        ({"choices": [1, None]}, "space.train.x.choices = .*: give two or more different words, numbers or booleans"),
    ],
)
@pytest.mark.parametrize("takes", [fractions, whole_numbers])
def test_what_is_none_is_one_line_with_the_key(given, said, takes):
    with pytest.raises(ConfigError, match=f"^{said}") as error:
        read(given, takes)
    assert "\n" not in str(error.value) and not str(error.value).endswith(".")


@pytest.mark.parametrize(
    "given", [{"low": 0.1, "high": 0.3, "step": 0.2}, {"low": 0.001, "high": 0.013, "step": 0.011}]
)
def test_a_step_as_wide_as_the_range_is_two_values(given):
    """In binary 0.3 - 0.1 is less than 0.2."""
    one = read(given)
    assert len(set(drawn(one))) == 2 and read(as_written(one)) == one


def test_a_setting_of_whole_numbers_takes_no_range_of_fractions():
    assert read({"low": 1.0, "high": 5.0}, whole_numbers) == IntDistribution(1, 5)
    with pytest.raises(ConfigError, match="space.train.x: the setting takes whole numbers alone"):
        read({"low": 1.5, "high": 5.0}, whole_numbers)


def test_of_a_setting_that_takes_no_number_nothing_is_said_of_whole_ones():
    assert read({"low": 0.5, "high": 1.5}, lambda value: False) == FloatDistribution(0.5, 1.5)


def test_a_number_that_no_float_holds_is_none():
    with pytest.raises(ConfigError, match="space.train.x.high = 1000"):
        read({"low": 1, "high": 10**400})


def test_a_range_is_drawn_from_end_to_end():
    assert set(drawn(read({"low": 1, "high": 3}, whole_numbers))) == {1, 2, 3}
    assert set(drawn(read({"low": 1, "high": 9, "step": 4}, whole_numbers))) == {1, 5, 9}
    assert set(drawn(read({"low": 0.0, "high": 0.5, "step": 0.25}))) == {0.0, 0.25, 0.5}
    assert {type(value) for value in drawn(read({"low": 1, "high": 3}, whole_numbers))} == {int}


def test_choices_are_drawn_as_they_were_given():
    assert set(drawn(read({"choices": ["a", 2, True]}))) == {"a", 2, True}


def test_on_a_logarithmic_scale_each_decade_is_as_likely():
    values = drawn(read({"low": 1e-6, "high": 1.0, "log": True}), 200)
    assert 60 < sum(value < 1e-3 for value in values) < 140 and min(values) < 1e-5 < 1e-1 < max(values)


def test_extremes_are_the_ends_or_all_choices():
    assert extremes(IntDistribution(2, 8, step=2)) == (2, 8)
    assert extremes(CategoricalDistribution((3, 1, 2))) == (3, 1, 2)


COUNTS = st.integers(2, 999)


@settings(deadline=None)
@given(COUNTS, COUNTS, COUNTS, st.sampled_from(["plain", "log", "step"]), st.sampled_from([1, 1_000]), st.booleans())
def test_what_is_written_reads_back_as_the_same(low, width, step, kind, parts, whole):
    whole = whole and parts == 1
    low, high, step = (number if parts == 1 else number / parts for number in (low, low + width, min(step, width // 2)))
    given = {"low": low, "high": high} | {"plain": {}, "log": {"log": True}, "step": {"step": step}}[kind]
    takes = whole_numbers if whole else fractions
    one = read(given, takes)
    assert read(as_written(one), takes) == one


def test_nothing_is_written_that_goes_without_saying():
    assert as_written(IntDistribution(1, 5)) == as_written(FloatDistribution(1, 5)) == {"low": 1, "high": 5}
    assert as_written(IntDistribution(1, 5, step=2)) == {"low": 1, "high": 5, "step": 2}
    assert as_written(FloatDistribution(1, 2, step=1)) == {"low": 1, "high": 2, "step": 1}
    assert as_written(IntDistribution(1, 5, log=True)) == {"low": 1, "high": 5, "log": True}
    assert as_written(CategoricalDistribution(("a", True))) == {"choices": ["a", True]}
