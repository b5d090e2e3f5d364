"""Of a call each side is answered by itself, and what cancels in the mix is said."""

from __future__ import annotations

import csv
import io
import json
import logging
import subprocess
import sys

import numpy as np
import pytest
from tests.command import tembr_here
from tests.recognize.fake_adaptable import make_adaptable, voice
from tests.recognize.fake_bundle import RATE, tone

import tembr
from tembr import audio
from tembr.errors import AudioError
from tembr.recognize import voice as detector

CALL = np.stack([tone("anger"), tone("sadness")], axis=1)
NOISE = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
OPPOSITE = np.stack([tone("fear"), -tone("fear")], axis=1)


@pytest.fixture
def predict(capsys, bundle):
    return lambda *arguments: tembr_here(capsys, "predict", *map(str, arguments), "--bundle", str(bundle))


@pytest.mark.parametrize(
    ("channel", "label", "number"),
    [("left", "anger", 1), ("right", "sadness", 2), (1, "anger", 1), (2, "sadness", 2), ("mix", "neutral", None)],
)
def test_the_channel_asked_for_is_answered(recognizer, channel, label, number):
    samples = CALL if channel != "mix" else np.stack([tone("neutral"), tone("neutral")], axis=1)
    answer = recognizer.predict((samples, RATE), channel=channel)
    assert (answer.label, answer.channel) == (label, number)


def test_each_channel_is_what_it_is_alone(recognizer, wav):
    path = wav(CALL)
    answers = recognizer.predict(path, channel="each", start=0.5, min_confidence=0.2)
    assert answers == [recognizer.predict(path, channel=n, start=0.5, min_confidence=0.2) for n in (1, 2)]
    assert [(a.label, a.channel, a.file) for a in answers] == [("anger", 1, str(path)), ("sadness", 2, str(path))]


def test_each_channel_of_a_pipe_is_answered(recognizer, wav):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    answers = recognizer.predict(Pipe(wav(CALL).read_bytes()), channel="each")
    assert [answer.label for answer in answers] == ["anger", "sadness"]


def test_a_batch_of_each_is_predict_of_each(recognizer, wav):
    sources = [wav(CALL, "call.wav"), "missing.wav", wav("fear", "mono.wav")]
    call, missing, mono = recognizer.predict_batch(sources, channel="each")
    assert [answer.label for answer in call] == ["anger", "sadness"]
    assert not missing and isinstance(missing.error, AudioError)
    assert [(answer.label, answer.channel) for answer in mono] == [("fear", 1)]
    answer, _ = recognizer.predict_iter([sources[0], sources[2]], channel="left")
    assert answer.label == "anger"


def test_a_channel_that_is_not_there_is_told(recognizer, wav):
    with pytest.raises(AudioError, match="no channel 3, it has 2"):
        recognizer.predict(wav(CALL), channel=3)


def test_segments_of_each_channel_are_in_order_of_their_start(recognizer):
    one = np.concatenate([tone("anger", 6), np.zeros(6 * RATE, np.float32)])
    other = np.concatenate([np.zeros(6 * RATE, np.float32), tone("sadness", 6)])
    source = np.stack([other, one], axis=1), RATE
    found = recognizer.segments(source, channel="each", speech_only=False, smoothing=5)
    alone = [recognizer.segments(source, channel=n, speech_only=False, smoothing=5) for n in (2, 1)]
    assert found == [*alone[0], *alone[1]] and {s.channel for s in alone[0]} == {2}
    assert (found[0].label, found[0].channel, found[-1].label, found[-1].channel) == ("anger", 2, "sadness", 1)


def test_a_speaker_is_adapted_to_on_their_channel(tmp_path):
    recognizer = tembr.load(make_adaptable(tmp_path / "bundle"))
    calls = [(np.stack([voice(e, 300), voice("fear", 220)], 1), RATE) for e in recognizer.labels * 2]
    alone = [(samples[:, 0], RATE) for samples, _ in calls]
    assert recognizer.adapt(calls, channel="left").speaker == recognizer.adapt(alone).speaker
    assert recognizer.adapt(calls).speaker != recognizer.adapt(alone).speaker


def test_opposite_phases_are_silence_that_is_explained(recognizer):
    answer = recognizer.predict((OPPOSITE, RATE))
    assert answer.label is None and answer.codes == ("silence", "cancelled")
    assert [a.label for a in recognizer.predict((OPPOSITE, RATE), channel="each")] == ["fear", "fear"]
    assert recognizer.predict((OPPOSITE, RATE), channel="left").codes == ()


def test_nearly_opposite_phases_are_told_beside_the_answer(recognizer):
    answer = recognizer.predict((np.stack([tone("neutral"), -0.7 * tone("neutral")], axis=1), RATE))
    assert answer.label and answer.codes == ("cancelled",)


@pytest.mark.parametrize("right", [tone("fear"), 0 * tone("fear"), -0.3 * tone("fear"), NOISE])
def test_channels_that_do_not_cancel_are_mixed_without_a_word(recognizer, right):
    assert "cancelled" not in recognizer.predict((np.stack([tone("fear"), right], axis=1), RATE)).codes


def test_silence_on_all_channels_cancels_nothing(recognizer):
    assert recognizer.predict((1e-5 * OPPOSITE, RATE)).codes == ("silence",)


def test_a_call_without_segments_because_it_cancels_is_told(recognizer, caplog):
    with caplog.at_level(logging.WARNING, "tembr"):
        assert recognizer.segments((OPPOSITE, RATE)) == []
    assert [record.getMessage().partition(":")[2][:11] for record in caplog.records] == [" cancelled:"]


def test_each_channel_is_a_line_in_every_format(predict, wav):
    path = wav(CALL)
    lines = predict(path, "--channel", "each").out.splitlines()
    assert [line[: line.index(" (")] for line in lines] == [f"{path}  channel 1  anger", f"{path}  channel 2  sadness"]
    answers = [json.loads(line) for line in predict(path, "--channel", "each", "--format", "json").out.splitlines()]
    assert [(a["channel"], a["label"]) for a in answers] == [(1, "anger"), (2, "sadness")]
    rows = list(csv.DictReader(io.StringIO(predict(path, "--channel", "each", "--format", "csv").out)))
    assert [(row["channel"], row["label"]) for row in rows] == [("1", "anger"), ("2", "sadness")]
    assert all(float(row[f"p_{row['label']}"]) == float(row["confidence"]) for row in rows)


def test_without_the_option_there_is_no_word_of_channels(predict, wav):
    path = wav(CALL)
    assert "channel" not in predict(path).out
    assert "channel" not in json.loads(predict(path, "--format", "json").out)
    assert "channel" not in predict(path, "--format", "csv").out.splitlines()[0]


def test_segments_name_their_channel(predict, wav, monkeypatch):
    class Everywhere:
        def __init__(self, rate):
            self.rest = 0

        def hear(self, block, last=False):
            whole, self.rest = divmod(self.rest + len(block), 512)
            return [1.0] * whole

    monkeypatch.setattr(detector, "Voice", Everywhere)
    path = wav(CALL)
    file, *lines = predict(path, "--channel", "each", "--segments").out.splitlines()
    assert file == str(path) and [line.split("  ")[2:4] for line in lines] == [
        ["channel 1", "anger (złość)"],
        ["channel 2", "sadness (smutek)"],
    ]
    (line,) = predict(path, "--channel", "right", "--segments", "--format", "json").out.splitlines()
    assert [s["channel"] for s in json.loads(line)["segments"]] == [2]


@pytest.mark.parametrize("channel", ["0", "middle", "-1", "1.5"])
def test_a_channel_that_cannot_be_is_a_wrong_command(predict, wav, channel):
    done = predict(wav(CALL), "--channel", channel)
    assert done.status == 2 and "--channel" in done.err and done.out == ""


def test_adapting_to_each_channel_is_a_wrong_command(capsys, tmp_path):
    done = tembr_here(capsys, "adapt", str(tmp_path), "--out", str(tmp_path / "s.json"), "--channel", "each")
    assert done.status == 2 and "--channel" in done.err


def test_each_channel_through_stdin(bundle, wav):
    command = [sys.executable, "-m", "tembr.cli", "predict", "-", "--no-check-speech"]
    command += ["--bundle", str(bundle), "--channel", "each"]
    done = subprocess.run(command, input=wav(CALL).read_bytes(), capture_output=True)
    assert [line.split(b"  ")[1] for line in done.stdout.splitlines()] == [b"channel 1", b"channel 2"]


def test_the_number_of_channels_is_read_from_any_source(wav):
    path = wav(CALL)
    assert audio.inspect(path).channels == audio.inspect(path.read_bytes()).channels == 2
