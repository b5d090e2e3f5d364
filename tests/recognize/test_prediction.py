"""What the recognizer answers, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tembr.bundle import BundleError
from tembr.errors import AudioError, ConfigError
from tembr.evaluate.conformal import LEVELS
from tembr.recognize.prediction import Failure, Prediction, check_confidence, threshold_of

SURE = Prediction("fear", 0.75, {"fear": 0.75, "anger": 0.25}, 0.0, 2.0, ("clipped: loud", "low_rate: dull"), "a.wav")
NOTHING = Prediction(None, 0.0, {"fear": 0.5, "anger": 0.5}, 0.0, 2.0, ("silence: nothing",))


@pytest.mark.parametrize(("label", "polish"), [("fear", "strach"), ("uncertain", "niepewne"), ("awe", "awe")])
def test_a_label_has_its_polish_name_or_is_its_own(label, polish):
    assert replace(SURE, label=label).polish == polish


def test_no_label_has_no_name():
    assert NOTHING.polish is None


def test_codes_are_the_warnings_without_their_sentences():
    assert SURE.codes == ("clipped", "low_rate")


@pytest.mark.parametrize(("wanted", "label"), [(0.0, "fear"), (0.75, "fear"), (0.76, "uncertain"), (1, "uncertain")])
def test_an_answer_is_held_to_a_confidence(wanted, label):
    assert SURE.held_to(wanted) == replace(SURE, label=label)


def test_where_there_is_no_label_none_becomes_uncertain():
    assert NOTHING.held_to(1.0) is NOTHING


@pytest.mark.parametrize("wanted", [-0.1, 1.1, float("nan"), "high"])
def test_a_confidence_out_of_range_is_refused(wanted):
    for call in (lambda: SURE.held_to(wanted), lambda: check_confidence(wanted, ["fear"])):
        with pytest.raises(ConfigError, match="^min_confidence .*: give a number from 0 to 1"):
            call()


def test_a_bundle_with_an_emotion_called_uncertain_cannot_withhold_answers():
    check_confidence(0, ["fear", "uncertain"])
    with pytest.raises(ConfigError, match="an emotion called 'uncertain'; leave the option out"):
        check_confidence(0.5, ["fear", "uncertain"])


def test_as_a_dict_numbers_are_rounded_and_names_are_both():
    long = replace(SURE, confidence=2 / 3, probabilities={"fear": 2 / 3}, start=1 / 3, likeliest="fear")
    assert long.as_dict() == {
        "file": "a.wav", "start": 0.333, "end": 2.0, "label": "fear", "polish": "strach", "confidence": 0.666667,
        "likeliest": "fear", "probabilities": {"fear": 0.666667}, "warnings": ["clipped: loud", "low_rate: dull"],
    }  # fmt: skip


def test_possible_emotions_are_those_that_reach_the_threshold_the_likeliest_first():
    three = replace(SURE, probabilities={"anger": 0.25, "fear": 0.7, "neutral": 0.05}, likeliest="fear")
    assert three.with_set(0.25).possible == ("fear", "anger")
    assert three.with_set(0.99).possible == ("fear",)
    assert three.with_set(0.0).as_dict()["possible"] == ["fear", "anger", "neutral"]


def test_without_a_coverage_nothing_is_said_of_sets():
    assert SURE.with_set(None) is SURE
    assert "possible" not in SURE.as_dict()


def test_where_there_is_no_label_everything_is_possible():
    assert NOTHING.with_set(0.9).possible == ("fear", "anger")


THRESHOLDS = {"speaker_independent": [round(1 - level, 2) for level in LEVELS], "adapted": [0.5] * len(LEVELS)}


def facts(**sets) -> SimpleNamespace:
    return SimpleNamespace(name="b", version="1", set_thresholds=sets)


def test_a_threshold_is_that_of_the_way_of_asking():
    assert threshold_of(facts(**THRESHOLDS), 0.9, adapted=False) == pytest.approx(0.1)
    assert threshold_of(facts(**THRESHOLDS), 0.9, adapted=True) == 0.5
    assert threshold_of(facts(), None, adapted=False) is None


def test_a_bundle_without_calibrated_sets_says_so():
    with pytest.raises(BundleError, match="b 1 has no sets calibrated for speakers adapted to; leave coverage out"):
        threshold_of(facts(speaker_independent=THRESHOLDS["speaker_independent"]), 0.9, adapted=True)


@pytest.mark.parametrize("coverage", [0.49, 1.0, float("nan"), "all", True])
def test_a_coverage_out_of_range_is_refused(coverage):
    with pytest.raises(ConfigError, match="^coverage .*: give a number from 0.5 to 0.99"):
        threshold_of(facts(**THRESHOLDS), coverage, adapted=False)


def test_a_channel_is_in_the_dict_where_there_is_one():
    assert (replace(SURE, channel=2).as_dict()["channel"], "channel" in SURE.as_dict()) == (2, False)


def test_a_failure_is_false_and_an_answer_is_not():
    assert [bool(Failure("a.wav", AudioError("broken"))), bool(NOTHING)] == [False, True]
