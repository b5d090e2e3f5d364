"""Answers as text, JSON lines and CSV, to the letter."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tembr.recognize.formats import answer, header, segments
from tembr.recognize.prediction import Prediction

SURE = Prediction("anger", 0.75, {"anger": 0.75, "fear": 0.25}, 0.0, 2.5, file="a.wav", likeliest="anger")
NOTHING = replace(SURE, label=None, confidence=0.0, likeliest=None, warnings=("silence: nothing to hear",))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "a.wav  anger (złość)  0.75"),
        ({"channel": 2}, "a.wav  channel 2  anger (złość)  0.75"),
        ({"label": "uncertain"}, "a.wav  uncertain (niepewne)  0.75  likeliest anger (złość)"),
        (
            {"warnings": ("clipped: loud", "low_rate: dull")},
            "a.wav  anger (złość)  0.75  clipped: loud  low_rate: dull",
        ),
        ({"possible": ("anger", "fear")}, "a.wav  anger (złość)  0.75  possible anger (złość), fear (strach)"),
        ({"file": "a\nb\x1b.wav"}, "a?b?.wav  anger (złość)  0.75"),
    ],
)
def test_an_answer_for_people_is_one_line(changes, said):
    assert answer("text", replace(SURE, **changes)) == f"{said}\n"


def test_no_answer_for_people_is_a_dash_and_the_reason():
    assert answer("text", NOTHING) == "a.wav  -  silence: nothing to hear\n"


@pytest.mark.parametrize(
    ("channel", "columns"), [(False, "file,start,end,label"), (True, "file,channel,start,end,label")]
)
def test_a_table_begins_with_its_columns(channel, columns):
    assert header("csv", ("anger", "fear"), channel) == f"{columns},confidence,likeliest,p_anger,p_fear,warnings\n"


def test_a_table_of_sets_has_a_column_for_them():
    assert header("csv", ("anger", "fear"), sets=True).endswith("p_anger,p_fear,possible,warnings\n")
    row = answer("csv", replace(SURE, possible=("anger", "fear"), warnings=("a: b",)))
    assert row.endswith("0.750000,0.250000,anger; fear,a: b\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_else_has_a_beginning(form):
    assert header(form, ("anger",), True) == ""


@pytest.mark.parametrize(
    ("given", "row"),
    [
        (SURE, "a.wav,0.000,2.500,anger,0.750000,anger,0.750000,0.250000,"),
        (replace(SURE, channel=1), "a.wav,1,0.000,2.500,anger,0.750000,anger,0.750000,0.250000,"),
        (replace(NOTHING, warnings=("a: b", "c: d")), "a.wav,0.000,2.500,,0.000000,,0.750000,0.250000,a: b; c: d"),
        (replace(SURE, file='=x",y'), '"\'=x"",y",0.000,2.500,anger,0.750000,anger,0.750000,0.250000,'),
    ],
)
def test_a_row_has_an_empty_cell_for_what_there_is_not(given, row):
    assert answer("csv", given) == f"{row}\n"


def test_json_keeps_polish_letters_and_the_whole_name():
    line = answer("json", replace(SURE, file="żó\nłw.wav"))
    assert line.count("\n") == 1 and "złość" in line
    assert json.loads(line) == replace(SURE, file="żó\nłw.wav").as_dict()


@pytest.mark.parametrize(
    ("start", "end", "clock"),
    [
        (0, 65.25, "00:00.0 – 01:05.2"),
        (59.96, 3599.97, "01:00.0 – 1:00:00.0"),
        (3661.5, 36_000, "1:01:01.5 – 10:00:00.0"),
    ],
)
def test_segments_have_a_clock(start, end, clock):
    said = segments("text", "a.wav", [replace(SURE, start=start, end=end)])
    assert said == f"a.wav\n  {clock}  anger (złość)  0.75\n"


def test_what_several_segments_are_warned_of_is_told_once_for_each_channel():
    warned = replace(SURE, warnings=("clipped: loud",))
    said = segments("text", "a.wav", [warned, warned, replace(warned, channel=2)])
    assert said.splitlines()[4:] == ["  clipped: loud", "  channel 2  clipped: loud"]


def test_no_segments_are_said_in_every_form():
    assert segments("text", "a.wav", []) == "a.wav  -  no_speech: no voice found\n"
    assert segments("csv", "a.wav", []) == ""
    assert json.loads(segments("json", "a.wav", [])) == {
        "file": "a.wav",
        "segments": [],
        "warnings": ["no_speech: no voice found"],
    }


def test_segments_in_json_name_their_file_once():
    found = json.loads(segments("json", "a.wav", [SURE, SURE]))
    assert (found["file"], len(found["segments"])) == ("a.wav", 2)
    assert all("file" not in segment and segment["label"] == "anger" for segment in found["segments"])
