"""Answers as a DataFrame: the columns of the CSV, whatever was answered."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pandas as pd
import pytest

from tembr.errors import AudioError, ConfigError, MissingExtraError
from tembr.recognize import to_frame
from tembr.recognize.formats import answer, header
from tembr.recognize.prediction import Failure, Prediction

ANGER = Prediction("anger", 0.75, {"anger": 0.75, "fear": 0.25}, 0.0, 2.5, file="a.wav", likeliest="anger")
NOTHING = replace(ANGER, label=None, confidence=0.0, likeliest=None, warnings=("silence: nothing", "low_rate: dull"))
FAILED = Failure("b.wav", AudioError("b.wav: no such file; check the path"))


@pytest.mark.parametrize(
    "answers",
    [
        [ANGER, NOTHING],
        [replace(ANGER, channel=1), replace(NOTHING, channel=2)],
        [replace(ANGER, possible=("anger", "fear")), replace(NOTHING, possible=("anger", "fear"))],
    ],
)
def test_a_frame_is_what_the_csv_reads_as(answers):
    first = answers[0]
    table = header("csv", ("anger", "fear"), bool(first.channel), bool(first.possible))
    table += "".join(answer("csv", each) for each in answers)
    read = pd.read_csv(io.StringIO(table)).fillna({"warnings": ""})
    pd.testing.assert_frame_equal(to_frame(answers), read, check_dtype=False)


def test_answers_of_every_channel_are_rows_of_one_table():
    sides = [replace(ANGER, channel=1), replace(ANGER, channel=2)]
    frame = to_frame([sides, [replace(ANGER, channel=1, file="c.wav")]])
    assert list(zip(frame.file, frame.channel)) == [("a.wav", 1), ("a.wav", 2), ("c.wav", 1)]


def test_a_failure_is_a_row_of_its_file_and_its_error():
    frame = to_frame([ANGER, FAILED])
    assert frame.error.tolist()[1] == str(FAILED.error) and frame.file.tolist() == ["a.wav", "b.wav"]
    assert frame.drop(columns=["file", "error"]).iloc[1].isna().all() and pd.isna(frame.error[0])


def test_no_answers_are_an_empty_table():
    frame = to_frame([])
    assert frame.empty and list(frame)[:4] == ["file", "start", "end", "label"]


def test_one_answer_alone_is_a_row():
    assert to_frame(ANGER).confidence.tolist() == [0.75]


def test_what_is_predicted_in_a_batch_makes_a_frame(recognizer, wav):
    frame = to_frame(recognizer.predict_iter([wav("fear"), "nowhere.wav"], check_speech=False))
    assert frame.label.tolist()[0] == "fear" and frame.error.notna().tolist() == [False, True]


@pytest.mark.parametrize("wrong", ["a.wav", [ANGER, 3], {"a": ANGER}, None])
def test_what_is_no_answer_is_told(wrong):
    with pytest.raises(ConfigError, match="give what predict or segments returned"):
        to_frame(wrong)


def test_without_pandas_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="to_frame needs pandas; .*pandas"):
        to_frame([ANGER])
