"""Samples pushed as they come: the same events whatever the blocks, the segments of the file, streams of their own."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recognize.fake_adaptable import make_adaptable, voice
from tests.recognize.fake_bundle import RATE, tone

from tembr import audio
from tembr.errors import AudioError, ConfigError
from tembr.recognize import load

LONG = {"lag": 600.0}
EVERYTHING = {"speech_only": False}


def blocks(waveform: np.ndarray, sizes) -> list[np.ndarray]:
    found, at = [], 0
    while at < len(waveform):
        size = sizes[len(found) % len(sizes)]
        found.append(waveform[at : at + size])
        at += size
    return found


def events(recognizer, waveform: np.ndarray, sizes=(10**9,), rate: int = RATE, **options) -> list:
    stream = recognizer.stream(rate, **options)
    told = [event for block in blocks(waveform, sizes) for event in stream.push(block)]
    return told + stream.finish()


def closed(told: list) -> list:
    return [event.prediction for event in told if event.kind == "closed"]


def spans(predictions: list) -> list[tuple]:
    return [(p.label, round(p.start, 6), round(p.end, 6)) for p in predictions]


@pytest.fixture(scope="module")
def call(corpora_dir) -> np.ndarray:
    """Recordings of one speaker, some with hardly a pause between them, some with long ones."""
    files = sorted((corpora_dir / "nemo" / "samples").glob("SM0_*"))[::60][:6]
    pauses = [np.zeros(round(seconds * RATE), np.float32) for seconds in (0.1, 0.7, 2.5)]
    return np.concatenate([part for k, file in enumerate(files) for part in (audio.read(file), pauses[k % 3])])


@pytest.fixture(scope="module")
def hearing():
    return load()


@settings(deadline=None, max_examples=8)
@given(sizes=st.lists(st.integers(1, 9_000), min_size=1, max_size=6), rate=st.sampled_from([8_000, 16_000, 22_050]))
def test_events_do_not_depend_on_the_blocks(recognizer, sizes, rate):
    waveform = np.concatenate([tone("anger", 4, rate), np.zeros(rate, np.float32), tone("fear", 3.3, rate)])
    whole = events(recognizer, waveform, rate=rate, **EVERYTHING)
    assert len(closed(whole)) >= 2
    assert events(recognizer, waveform, sizes, rate, **EVERYTHING) == whole


@pytest.mark.parametrize("sizes", [(1,), (7, 160, 4_001)])
def test_events_of_real_speech_do_not_depend_on_the_blocks(hearing, call, sizes):
    part = call[: 5 * RATE]
    assert events(hearing, part, sizes) == events(hearing, part) != []


@pytest.mark.parametrize("options", [{}, EVERYTHING, {"hop": 1.0, "smoothing": 0.0}, {"window": 2.0}])
def test_closed_segments_are_those_of_the_file_where_nothing_is_told_early(hearing, call, options):
    whole = hearing.segments((call, RATE), **{"hop": 0.5} | options)
    told = closed(events(hearing, call, (1_600,), **LONG | options))
    assert len(whole) >= 3 and spans(told) == spans(whole)
    for ours, theirs in zip(told, whole):
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-6)


def test_another_rate_gives_the_segments_of_the_file_too(hearing, call):
    resampled = audio.resample(call, RATE, 44_100)
    whole = hearing.segments((resampled, 44_100), hop=0.5)
    assert spans(closed(events(hearing, resampled, (4_410,), 44_100, **LONG))) == spans(whole)


def test_no_label_is_taken_back_and_none_waits_longer_than_the_lag(hearing, call):
    told = events(hearing, call, (800,), lag=1.0)
    assert spans(closed(told)) == [
        (event.label, round(event.prediction.start, 6), round(after.end, 6))
        for event, after in zip([e for e in told if e.kind == "opened"], closed(told))
    ]
    kinds = [event.kind for event in told if event.kind != "answer"]
    assert kinds == ["opened", "closed"] * (len(kinds) // 2)
    windows = {event.prediction.end for event in told if event.kind == "answer"}
    for event in told:
        if event.kind == "opened":
            assert event.prediction.end in windows
            assert event.time <= event.prediction.end + 1.0 + 1.1  # lag; the end of a stretch is known after its pause


def test_segments_lie_in_order_and_do_not_overlap(hearing, call):
    found = closed(events(hearing, call, (800,)))
    assert all(one.end <= other.start + 1e-9 for one, other in zip(found, found[1:]))
    assert all(one.start < one.end for one in found)


def test_the_first_answer_comes_after_a_second_of_speech(recognizer):
    told = events(recognizer, tone("anger", 4), (160,), **EVERYTHING)
    first = told[0]
    assert (first.kind, first.label, first.prediction.start) == ("answer", "anger", 0)
    assert first.time == pytest.approx(1.0, abs=0.05)
    gaps = np.diff([event.time for event in told if event.kind == "answer"])
    assert gaps.max() < 0.6


def test_two_streams_of_one_recognizer_never_touch(hearing, call):
    one, other = hearing.stream(RATE), hearing.stream(RATE, hop=1.0)
    told = {one: [], other: []}
    call = call[: 12 * RATE]
    for mine, yours in zip(blocks(call, (4_000,)), blocks(call[::-1], (4_000,))):
        told[one] += one.push(mine)
        told[other] += other.push(yours.copy())
    assert told[one] + one.finish() == events(hearing, call)
    assert told[other] + other.finish() == events(hearing, call[::-1].copy(), hop=1.0)


def test_a_stream_begins_anew(recognizer):
    stream = recognizer.stream(RATE, **EVERYTHING)
    before = stream.push(tone("fear", 4)) + stream.finish()
    assert stream.finish() == []
    with pytest.raises(ConfigError, match="reset"):
        stream.push(tone("fear", 1))
    stream.reset()
    assert stream.seconds == 0
    assert stream.push(tone("fear", 4)) + stream.finish() == before


def test_a_stream_of_an_adapted_recognizer_uses_the_adaptation(tmp_path):
    recognizer = load(make_adaptable(tmp_path / "bundle"))
    enrolment = [(voice(emotion, 880), RATE) for emotion in ("anger", "fear", "neutral", "sadness")] * 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tembr.recognize.speech.is_speech", lambda waveform: True)
        adapted = recognizer.adapt(enrolment)
    waveform = voice("fear", 880, 6.0)
    plain, ours = (closed(events(one, waveform, **EVERYTHING)) for one in (recognizer, adapted))
    (segment,) = adapted.segments((waveform, RATE), hop=0.5, **EVERYTHING)
    assert spans(ours) == spans([segment]) and ours[0].probabilities == pytest.approx(segment.probabilities, abs=1e-6)
    assert ours[0].probabilities != plain[0].probabilities


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.array([0.1, np.nan]), "NaN or infinite"),
        (np.array(["a"]), "give real numbers"),
        (np.full((2, 2, 2), 0.1), "give real numbers"),
        (np.array([3e9]), "scale them"),
    ],
)
def test_a_bad_block_is_refused_and_the_stream_goes_on(recognizer, samples, said):
    stream = recognizer.stream(RATE, **EVERYTHING)
    told = stream.push(tone("anger", 2))
    with pytest.raises(AudioError, match=said):
        stream.push(samples)
    assert told + stream.push(tone("anger", 2)) + stream.finish() == events(
        recognizer, np.tile(tone("anger", 2), 2), **EVERYTHING
    )


def test_integers_and_channels_are_taken_as_from_a_file(recognizer):
    waveform = tone("sadness", 4)
    whole = (waveform * 32768).astype(np.int16)
    expected = [(e.kind, e.label) for e in events(recognizer, waveform, **EVERYTHING)]
    assert [(e.kind, e.label) for e in events(recognizer, whole, (999,), **EVERYTHING)] == expected
    both = np.stack([whole, np.zeros_like(whole)], axis=1)
    told = events(recognizer, both, (999,), channel="left", **EVERYTHING)
    assert [(e.kind, e.label) for e in told] == expected
    assert told == events(recognizer, whole, (999,), **EVERYTHING)


def test_silence_and_nothing_tell_nothing(recognizer):
    stream = recognizer.stream(RATE)
    assert stream.push(np.empty(0)) == [] and stream.push(np.zeros(3 * RATE)) == [] and stream.finish() == []
    assert recognizer.stream(RATE).finish() == []
    assert stream.speaking is False


def test_an_uncertain_segment_is_told_as_such(recognizer):
    told = events(recognizer, tone("anger", 4), min_confidence=1.0, **EVERYTHING)
    assert {event.label for event in told} <= {"uncertain", "anger"} and told[-1].prediction.likeliest == "anger"


@pytest.mark.parametrize(
    ("options", "name"),
    [({"hop": 0}, "hop"), ({"lag": -1}, "lag"), ({"window": 0.1}, "window"), ({"channel": "each"}, "channel")],
)
def test_what_a_stream_cannot_be_is_told(recognizer, options, name):
    with pytest.raises(ConfigError, match=name):
        recognizer.stream(RATE, **options)
    with pytest.raises(ConfigError, match="sample_rate"):
        recognizer.stream(10)


def test_an_event_is_plain_data(recognizer):
    told = events(recognizer, tone("anger", 4), **EVERYTHING)
    content = json.loads(json.dumps([event.as_dict() for event in told]))
    assert {each["event"] for each in content} == {"answer", "opened", "closed"}
    assert content[-1]["label"] == "anger" and content[-1]["polish"] == "złość" and "file" not in content[-1]


PROBE = """
import sys, tracemalloc, numpy as np, tembr
from tembr.recognize import segments
recognizer = tembr.load(sys.argv[1])
tone = (0.08 * np.sin(2 * np.pi * 220 * np.arange(1600 * 100) / 16000)).astype(np.float32)
stream = recognizer.stream(16_000, speech_only=sys.argv[2] == "speech", hop=30.0)
held = []
for part in range(4):
    for _ in range(90):
        stream.push(tone)
    tracemalloc.start() if part == 0 else held.append(tracemalloc.get_traced_memory()[0])
print(*held)
"""


def test_memory_is_flat_over_hours(bundle):
    done = subprocess.run([sys.executable, "-c", PROBE, str(bundle), "all"], capture_output=True, text=True, check=True)
    held = [int(number) for number in done.stdout.split()]
    assert max(held) - min(held) < 300_000  # bytes; a window is 192,000
