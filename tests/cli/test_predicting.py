"""Paths in, answers out: by a recognizer that says what its files are called."""

from __future__ import annotations

import io
import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tembr.cli import predicting
from tembr.cli.predicting import Request, answer_all
from tembr.errors import AudioError, ConfigError, StoreError
from tembr.recognize.prediction import Prediction

LABELS = ("anger", "fear")


class Fake:
    """Hears fear everywhere but in what is called bad; keeps what it was asked."""

    labels = LABELS
    facts, speaker = SimpleNamespace(set_thresholds={"speaker_independent": [0.5] * 50}), None

    def __init__(self):
        self.asked, self.adapted = [], []

    def predict(self, source, **options):
        self.asked.append((source, options))
        if "bad" in str(source):
            raise AudioError(f"{source}: broken")
        answer = Prediction("fear", 0.75, dict.fromkeys(LABELS, 0.5), 0.0, 1.0)
        return [replace(answer, channel=n) for n in (1, 2)] if options["channel"] == "each" else answer

    def segments(self, source, **options):
        self.asked.append((source, options))
        return [Prediction("fear", 0.75, dict.fromkeys(LABELS, 0.5), at, at + 1.0) for at in (0.0, 1.0)]

    def adapt(self, path, **options):
        self.adapted.append((path, options))
        return self

    def for_speaker(self, path):
        self.adapted.append(path)
        return self


@pytest.fixture
def fake(monkeypatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(predicting, "load", lambda bundle, variant: made)
    return made


def test_answers_come_in_order_and_what_cannot_be_heard_is_told_and_counted(fake, capsys):
    assert answer_all(Request(("a.wav", "bad1.wav", "b.wav", "bad2.wav"))) == 2
    said = capsys.readouterr()
    assert [line.split("  ")[0] for line in said.out.splitlines()] == ["a.wav", "b.wav"]
    assert said.err == "tembr: bad1.wav: broken\ntembr: bad2.wav: broken\n"


def test_what_was_asked_for_reaches_the_recognizer(fake):
    answer_all(Request(("a.wav",), check_speech=False, min_confidence=0.5, channel="left", coverage=0.9))
    answer_all(Request(("a.wav",), segments=True, min_confidence=0.5, channel=2))
    assert fake.asked == [
        ("a.wav", {"check_speech": False, "min_confidence": 0.5, "coverage": 0.9, "channel": "left"}),
        ("a.wav", {"min_confidence": 0.5, "channel": 2}),
    ]


def test_each_channel_is_an_answer_with_its_file(fake, capsys):
    answer_all(Request(("a.wav",), "csv", channel="each"))
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.startswith("file,channel,") and [row[:8] for row in rows] == ["a.wav,1,", "a.wav,2,"]


def test_segments_are_of_their_file(fake, capsys):
    answer_all(Request(("a.wav",), "json", segments=True))
    found = json.loads(capsys.readouterr().out)
    assert found["file"] == "a.wav" and [s["start"] for s in found["segments"]] == [0.0, 1.0]


@pytest.mark.parametrize(("files", "threads"), [(("a.wav",), 1), (("a.wav", "b.wav"), 3)])
def test_one_file_takes_one_thread(fake, monkeypatch, files, threads):
    taken = []
    monkeypatch.setattr(predicting, "in_order", lambda work, items, threads: taken.append(threads) or map(work, items))
    answer_all(Request(files, threads=3))
    assert taken == [threads]


@pytest.mark.parametrize(("channel", "heard"), [("each", "mix"), ("left", "left"), (2, 2)])
def test_a_speaker_is_adapted_to_on_the_channel_asked_for_where_it_is_one(fake, channel, heard):
    answer_all(Request(("a.wav",), adapt="anna", channel=channel, threads=2))
    assert fake.adapted == [("anna", {"threads": 2, "on_warning": predicting.tell, "channel": heard})]


def test_a_speakers_file_is_told_from_a_folder_of_such_a_name(fake, tmp_path):
    (tmp_path / "ola.json").mkdir()
    answer_all(Request(("a.wav",), adapt="anna.JSON"))
    answer_all(Request(("a.wav",), adapt=str(tmp_path / "ola.json")))
    assert fake.adapted[0] == "anna.JSON" and fake.adapted[1][0] == str(tmp_path / "ola.json")


def test_a_confidence_out_of_range_is_refused_before_anything_is_heard(fake):
    with pytest.raises(ConfigError, match="min_confidence"):
        answer_all(Request(("a.wav",), min_confidence=2.0))
    assert not fake.asked


def test_answers_go_into_a_file_that_is_ours_and_no_other(fake, tmp_path, capsys):
    out = tmp_path / "answers.txt"
    assert answer_all(Request(("żółw.wav",), out=str(out))) == 0
    assert out.read_text(encoding="utf-8").startswith("żółw.wav  ") and capsys.readouterr().out == ""
    out.write_text("a letter")
    with pytest.raises(StoreError, match="replace it with --force"):
        answer_all(Request(("a.wav",), out=str(out)))
    answer_all(Request(("a.wav",), out=str(out), force=True))
    assert out.read_text().startswith("a.wav  ")


def test_a_character_the_terminal_lacks_is_written_as_an_escape(fake, monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    answer_all(Request(("ż.wav",)))
    assert terminal.buffer.getvalue().startswith(rb"\u017c.wav  fear")


def test_a_dash_is_what_comes_through_stdin(fake, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer="piped"))
    answer_all(Request(("-",)))
    monkeypatch.setattr(sys, "stdin", None)
    assert answer_all(Request(("-",))) == 1
    assert [source for source, _ in fake.asked] == ["piped"]
    assert "stdin is closed; pipe a recording into it or name a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("terminals", "changes", "counted"),
    [
        (("stderr",), {}, [(1, 2), (2, 2)]),
        (("stderr",), {"quiet": True}, []),
        (("stderr",), {"paths": ("a.wav",)}, []),
        (("stdout", "stderr"), {}, []),
        ((), {}, []),
    ],
)
def test_there_is_a_bar_where_it_disturbs_nobody(fake, monkeypatch, terminals, changes, counted):
    counts = []

    @contextmanager
    def bars():
        yield SimpleNamespace(count=lambda what, done, total: counts.append((done, total)))

    monkeypatch.setattr("tembr.cli.console.progress_bars", bars)
    monkeypatch.setattr(predicting, "is_terminal", lambda file: file in [getattr(sys, name) for name in terminals])
    answer_all(Request(("a.wav", "b.wav"))._replace(**changes))
    assert counts == counted


def test_a_folder_without_recordings_counts_as_one_that_cannot_be_heard(fake, tmp_path, capsys):
    (tmp_path / "notes.txt").touch()
    assert answer_all(Request((str(tmp_path),))) == 1
    assert "no recordings in this folder" in capsys.readouterr().err
