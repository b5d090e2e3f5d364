"""`tembr listen` and `tembr serve`: what they ask of the rooms behind them, with nothing heard and nothing served."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.command import tembr_here

from tembr.cli import listening, predicting, serving

OPTIONS = {"hop": 0.5, "lag": 3.0, "min_confidence": 0.0}


@pytest.fixture
def heard(monkeypatch) -> list:
    """What was to be listened to: how it was loaded, from where, shown in which way, with which options."""
    calls = []

    def load(bundle, variant, speaker):
        return SimpleNamespace(labels=("anger", "fear"), loaded=(bundle, variant, speaker))

    def listen(recognizer, sound, show, **options):
        calls.append((recognizer.loaded, sound, show, options))

    monkeypatch.setattr("tembr.recognize.recognizer.load", load)
    monkeypatch.setattr(listening, "listen", listen)
    monkeypatch.setattr(listening, "from_file", lambda *given: nullcontext(("file", *given)))
    monkeypatch.setattr(listening, "from_microphone", lambda device: nullcontext(("microphone", device)))
    monkeypatch.setattr(listening, "as_lines", lambda form: f"lines of {form}")
    monkeypatch.setattr(listening, "on_terminal", lambda labels: nullcontext(f"bars of {', '.join(labels)}"))
    return calls


@pytest.fixture
def served(monkeypatch) -> list:
    """What was to be served: host and port, threads, keys, limits; and how the bundle was to be loaded."""
    calls = []
    monkeypatch.setattr(serving, "settings_of", lambda *given, **named: (*given, named))
    monkeypatch.setattr(serving, "run", lambda *given: calls.append(given))
    return calls


def test_by_default_the_microphone_is_heard_and_told_in_lines(capsys, heard):
    assert tembr_here(capsys, "listen").status == 0
    assert heard == [((None, None, None), ("microphone", None), "lines of text", OPTIONS)]


@pytest.mark.parametrize(
    ("words", "sound"),
    [
        ("--file a.wav", ("file", "a.wav", "mix", True)),
        ("--file a.wav --channel 2 --at-once", ("file", "a.wav", 2, False)),
        ("--file a.wav --channel left --paced", ("file", "a.wav", "left", True)),
        ("--device 3", ("microphone", "3")),
    ],
)
def test_a_sound_is_a_file_or_a_microphone(capsys, heard, words, sound):
    tembr_here(capsys, "listen", *words.split())
    assert heard[0][1] == sound


def test_options_reach_the_recognizer_and_its_stream(capsys, heard):
    words = "--bundle small --variant fp32 --adapt anna.json --hop 1 --lag 0 --min-confidence 0.4"
    tembr_here(capsys, "listen", *words.split())
    assert heard[0][0] == ("small", "fp32", "anna.json")
    assert heard[0][3] == {"hop": 1.0, "lag": 0.0, "min_confidence": 0.4}


@pytest.mark.parametrize(
    ("terminal", "form", "show"),
    [
        (True, "text", "bars of anger, fear"),
        (True, "json", "lines of json"),
        (False, "text", "lines of text"),
    ],
)
def test_bars_are_for_people_at_a_terminal(capsys, heard, monkeypatch, terminal, form, show):
    monkeypatch.setattr(predicting, "is_terminal", lambda file: terminal)
    tembr_here(capsys, "listen", "--format", form)
    assert heard[0][2] == show


def test_the_microphone_is_let_go_though_hearing_fails(capsys, heard, monkeypatch):
    told = []

    @contextmanager
    def opened(device):
        try:
            yield "sound"
        finally:
            told.append("closed")

    def fail(*_, **__):
        raise OSError(28, "No space left on device", "a.log")

    monkeypatch.setattr(listening, "from_microphone", opened)
    monkeypatch.setattr(listening, "listen", fail)
    done = tembr_here(capsys, "listen")
    assert (done.status, done.one_line_error, told) == (1, True, ["closed"])


def test_a_file_and_a_device_are_one_too_many(capsys, heard):
    done = tembr_here(capsys, "listen", "--file", "a.wav", "--device", "1")
    assert (done.status, heard) == (2, []) and "cannot be combined" in done.err


@pytest.mark.parametrize(
    "words",
    [
        "listen --hop 0.001",
        "listen --lag 601",
        "listen --min-confidence nan",
        "listen --channel each",
        "serve --port 65536",
        "serve --threads 0",
    ],
)
def test_a_value_out_of_its_range_is_a_wrong_command(capsys, heard, served, words):
    done = tembr_here(capsys, *words.split())
    assert (done.status, heard, served) == (2, [], [])


def test_by_default_this_machine_alone_is_served(capsys, served):
    assert tembr_here(capsys, "serve").status == 0
    alone = {"hosts": (), "proxy": ""}
    assert served == [(("127.0.0.1", 8_000, None, None, [], alone), None, None, "cpu")]


def test_options_become_settings_of_the_service(capsys, served):
    words = "--host :: --port 0 --threads 3 --keys keys.txt --limit max_streams=5 --limit timeout=9"
    words += " --bundle small --variant fp32 --provider cpu --allow-host A.example --trust-proxy 10.0.0.1"
    tembr_here(capsys, "serve", *words.split())
    reached = {"hosts": ("a.example",), "proxy": "10.0.0.1"}
    asked = "::", 0, 3, Path("keys.txt"), ["max_streams=5", "timeout=9"], reached
    assert served == [(asked, "small", "fp32", "cpu")]


@pytest.mark.parametrize(("word", "said"), [("--new-key", "key for the client"), ("--limits", "max_streams=32")])
def test_a_key_or_the_limits_are_printed_and_nothing_is_served(capsys, served, word, said):
    done = tembr_here(capsys, "serve", word)
    assert (done.status, served) == (0, []) and said in done.out


@pytest.mark.parametrize("word", ["--new-key", "--limits", "--port=0"])
def test_without_a_package_of_the_service_the_extra_is_named(capsys, served, monkeypatch, word):
    monkeypatch.setattr("tembr.extras.find_spec", lambda package: None if package == "uvicorn" else package)
    done = tembr_here(capsys, "serve", word)
    assert (done.status, served) == (1, [])
    assert done.one_line_error and "tembr serve needs uvicorn; " in done.err and "serve" in done.err.partition(";")[2]
