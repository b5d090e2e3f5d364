"""`tembr listen`: a file at the speed of speech, a microphone that is made up, and what is shown."""

from __future__ import annotations

import json
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, make_bundle, tone

from tembr.cli import listening
from tembr.recognize import load


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle") / "fake")


@pytest.fixture(scope="module")
def speech() -> Path:
    """A recording in which somebody speaks, if a machine can."""
    return Path(__file__).resolve().parents[2] / "examples" / "calm.flac"


def test_every_event_is_a_line_of_json(capsys, speech):
    done = tembr_here(capsys, "listen", "--file", str(speech), "--at-once", "--format", "json")
    told = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 0 and {each["event"] for each in told} == {"answer", "opened", "closed"}
    (segment,) = load().segments(speech, hop=0.5)
    closed = [each for each in told if each["event"] == "closed"]
    assert [(each["label"], each["start"]) for each in closed] == [(segment.label, round(segment.start, 3))]


def test_a_closed_segment_is_a_line_of_text(capsys, speech):
    done = tembr_here(capsys, "listen", "--file", str(speech), "--at-once")
    (segment,) = load().segments(speech, hop=0.5)
    assert done.out.count("\n") == 1 and segment.polish in done.out and "–" in done.out


def test_a_file_is_heard_at_the_speed_of_speech(tmp_path, monkeypatch):
    clock = SimpleNamespace(now=5.0, slept=[])

    def sleep(seconds: float) -> None:
        clock.slept.append(seconds)
        clock.now += seconds

    monkeypatch.setattr(listening.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(
        listening.time, "sleep", lambda s: clock.slept.append(s) or setattr(clock, "now", clock.now + s)
    )
    soundfile.write(tmp_path / "a.wav", tone("fear", 1.0), RATE)
    with listening.from_file(str(tmp_path / "a.wav")) as sound:
        assert sum(map(len, sound.blocks)) == RATE
    assert clock.now == pytest.approx(6.0) and len(clock.slept) >= 10


def microphone(monkeypatch, blocks: list) -> SimpleNamespace:
    """A sounddevice whose microphone gives these blocks and is then interrupted."""

    class InputStream:
        def __init__(self, rate, size, device, channels, dtype, callback):
            made.opened, self._callback = (rate, device, channels, dtype), callback

        def __enter__(self):
            for block in blocks:
                self._callback(block[:, None], len(block), None, None)

        def __exit__(self, *_):
            made.closed = True

    made = SimpleNamespace(
        PortAudioError=RuntimeError,
        InputStream=InputStream,
        query_devices=lambda device, kind: {"default_samplerate": 48_000.0},
        closed=False,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    return made


def test_a_microphone_is_heard_until_ctrl_c_and_told_to_its_end(monkeypatch, bundle):
    waveform = tone("sadness", 4, 48_000)
    made = microphone(monkeypatch, np.split(waveform, 40))
    told = []
    with listening.from_microphone("2") as sound:

        def until_interrupted():
            for _ in range(40):
                yield next(sound.blocks)
            raise KeyboardInterrupt

        heard = listening.Sound(sound.rate, until_interrupted())
        listening.listen(load(bundle), heard, told.append, speech_only=False)
    assert made.opened == (48_000, 2, 1, "float32") and made.closed
    assert told[-1].kind == "closed" and told[-1].label == "sadness" and told[-1].prediction.end == pytest.approx(4.0)


def test_a_microphone_that_cannot_be_opened_is_one_line(capsys, monkeypatch):
    made = microphone(monkeypatch, [])
    made.query_devices = lambda device, kind: (_ for _ in ()).throw(RuntimeError("No such device\nat all"))
    done = tembr_here(capsys, "listen")
    assert done.status == 1 and done.one_line_error and "No such device" in done.err and "--device" in done.err


def test_without_sounddevice_the_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    done = tembr_here(capsys, "listen")
    assert done.status == 1 and done.one_line_error and "listen" in done.err


def test_bars_move_and_segments_stay(monkeypatch, bundle):
    from rich.console import Console

    from tembr.cli import console

    screen = Console(record=True, force_terminal=True, width=100, file=StringIO())
    monkeypatch.setattr(console, "results", screen)
    recognizer = load(bundle)
    with listening.on_terminal(recognizer.labels) as show:
        sound = listening.Sound(RATE, np.split(tone("neutral", 4), 40))
        listening.listen(recognizer, sound, show, speech_only=False)
    shown = screen.export_text()
    assert "neutral (neutralny)  1.00" in shown and "Ctrl-C ends" in shown and "█" in shown


def test_a_file_that_is_not_there_is_one_line(capsys):
    done = tembr_here(capsys, "listen", "--file", "nowhere.wav")
    assert done.status == 1 and done.one_line_error and "nowhere.wav" in done.err
