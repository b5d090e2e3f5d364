"""Posteriors of windows become segments; speech is cut out of a stream."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recognize.fake_bundle import RATE, tone

from tembr import audio
from tembr.recognize import voice
from tembr.recognize.segments import Opened, Segment, Segmenter, WindowAnswer, WindowRecognizer, listen, merge

SURE = {"a": [0.9, 0.05, 0.05], "b": [0.05, 0.9, 0.05], "c": [0.05, 0.05, 0.9]}


def heard(rows: str, stretch: float = 0.0, window: float = 3.0) -> list[WindowAnswer]:
    starts = stretch + np.arange(len(rows))
    return [WindowAnswer(stretch, s, s + window, np.array(SURE[row])) for s, row in zip(starts, rows)]


def test_windows_of_one_emotion_become_one_segment_and_change_between_their_centres():
    found = merge(heard("aaabb"))
    assert [(s.start, s.end, s.label) for s in found] == [(0, 4, 0), (4, 7, 1)]
    np.testing.assert_allclose(found[0].posteriors, SURE["a"])


def test_a_segments_posteriors_are_the_mean_over_its_time():
    found = merge([WindowAnswer(0, 0, 2, np.array([0.8, 0.2])), WindowAnswer(0, 1, 3, np.array([0.6, 0.4]))])
    assert [(s.start, s.end, s.label) for s in found] == [(0, 3, 0)]
    np.testing.assert_allclose(found[0].posteriors, [0.7, 0.3])


def test_stretches_of_speech_stay_apart():
    found = merge(heard("aa") + heard("a", stretch=10.0, window=1.5))
    assert [(s.start, s.end, s.label) for s in found] == [(0, 4, 0), (10, 11.5, 0)]


def test_a_segment_opens_when_its_emotion_is_told_and_closes_when_the_next_one_is():
    segmenter, told = Segmenter(), []
    for number, one in enumerate(heard("aaabbb")):
        told += [(number, type(each), each.label) for each in segmenter.add(one)]
    assert told == [(1, Opened, 0), (4, Segment, 0), (4, Opened, 1)]
    assert [(each.start, each.end, each.label) for each in segmenter.settle()] == [(4, 8, 1)]


def test_a_stretch_that_ended_closes_its_segment_though_the_next_one_may_be_near():
    segmenter = Segmenter(smoothing=0.0)
    told = [each for one in heard("aa") for each in (*segmenter.add(one), *segmenter.tell(one.end))]
    assert [type(each) for each in told] == [Opened]
    assert [(s.start, s.end) for s in segmenter.end_stretch()] == [(0, 4)]


def test_nothing_heard_is_no_segment():
    assert merge([]) == []


class FakeVoice:
    """Hears speech wherever a chunk is not silent."""

    def __init__(self, delay: int = 0):
        self._rest = np.empty(0, np.float32)
        self._delay = delay

    def hear(self, block, last=False):
        samples = np.concatenate([self._rest, block])
        keep = 0 if last else self._delay
        whole = max(0, (len(samples) - keep) // voice.CHUNK * voice.CHUNK)
        self._rest = samples[whole:]
        return [float(np.abs(chunk).max() > 0.01) for chunk in samples[:whole].reshape(-1, voice.CHUNK)]


def speech(*spans: tuple[float, float], seconds: float) -> np.ndarray:
    """Noise in `spans` of silence; each sample of noise is recognisable."""
    waveform = np.zeros(round(seconds * RATE), np.float32)
    rng = np.random.default_rng(3)
    for start, end in spans:
        part = slice(round(start * RATE), round(end * RATE))
        waveform[part] = rng.uniform(0.02, 0.5, part.stop - part.start)
    return waveform


def stretches(waveform: np.ndarray, size: int = 10**9, delay: int = 0) -> dict[int, np.ndarray]:
    blocks = [waveform[i : i + size] for i in range(0, len(waveform), size)]
    found: dict[int, list] = {}
    for begin, piece in voice.Cutter(FakeVoice(delay), RATE).stretches(blocks):
        found.setdefault(begin, []).append(piece)
    return {begin: np.concatenate(pieces) for begin, pieces in found.items()}


def test_stretches_of_speech_are_cut_out_with_a_margin():
    waveform = speech((1.0, 2.0), (4.0, 6.0), seconds=8)
    found = [(begin / RATE, (begin + len(part)) / RATE) for begin, part in stretches(waveform).items()]
    np.testing.assert_allclose(found, [(0.9, 2.1), (3.9, 6.1)], atol=0.033)
    for begin, part in stretches(waveform).items():
        np.testing.assert_array_equal(part, waveform[begin : begin + len(part)])


def test_a_short_pause_does_not_end_a_stretch_and_a_click_begins_none():
    waveform = speech((1.0, 2.0), (2.4, 3.0), (5.0, 5.1), seconds=8)
    found = [(begin / RATE, (begin + len(part)) / RATE) for begin, part in stretches(waveform).items()]
    np.testing.assert_allclose(found, [(0.9, 3.1)], atol=0.033)


def test_speech_to_the_very_ends_is_kept_whole():
    waveform = speech((0.0, 3.0), seconds=3)
    (found,) = stretches(waveform).values()
    np.testing.assert_array_equal(found, waveform)


@settings(deadline=None, max_examples=60)
@given(
    spans=st.lists(st.tuples(st.floats(0, 6), st.floats(0.05, 2)), max_size=5),
    size=st.integers(50, 40_000),
    delay=st.integers(0, 3_000),
)
def test_blocks_and_a_slow_detector_change_no_stretch(spans, size, delay):
    waveform = speech(*[(start, start + length) for start, length in spans], seconds=8)
    whole, parts = stretches(waveform), stretches(waveform, size, delay)
    assert list(whole) == list(parts)
    for begin in whole:
        np.testing.assert_array_equal(whole[begin], parts[begin])


def test_windows_begin_with_their_stretch():
    pieces = [(100, np.ones(50, np.float32)), (100, -np.ones(60, np.float32)), (500, np.tile([1, -1], 20))]
    found = list(listen(pieces, WindowRecognizer(lambda samples: np.array([len(samples)]), 10, 80, 30)))
    assert [(h.stretch, h.start, h.end) for h in found] == [(10, 10, 18), (10, 13, 21), (50, 50, 54)]


def test_a_long_recording_is_told_in_segments(recognizer):
    waveform = np.concatenate([tone("anger", 9), np.zeros(3 * RATE, np.float32), tone("sadness", 9)])
    found = recognizer.segments((waveform, RATE), speech_only=False)
    assert (found[0].label, found[-1].label) == ("anger", "sadness")
    assert found[0].start == 0 and found[-1].end == 21
    assert all(s.confidence == s.probabilities[s.label] for s in found)
    held = recognizer.segments((waveform, RATE), speech_only=False, min_confidence=1.0)
    assert held == [s if s.confidence == 1 else replace(s, label="uncertain") for s in found]
    assert "uncertain" in [s.label for s in held]


def test_silence_and_tones_have_no_segments_of_speech(recognizer):
    assert recognizer.segments((np.zeros(5 * RATE), RATE)) == []
    assert recognizer.segments((tone("fear", 5), RATE)) == []


def test_two_utterances_are_two_stretches(recognizer, corpora_dir):
    files = sorted((corpora_dir / "nemo" / "samples").glob("*neutral*"))[:2]
    first, second = (audio.read(file) for file in files)
    waveform = np.concatenate([np.zeros(2 * RATE), first, np.zeros(3 * RATE), second, np.zeros(2 * RATE)])
    found = recognizer.segments((waveform.astype(np.float32), RATE))
    begin = 5 + len(first) / RATE
    one, two = [s for s in found if s.end < begin], [s for s in found if s.start >= begin - 0.3]
    assert len(one) + len(two) == len(found)
    assert one[0].start == pytest.approx(2, abs=0.5) and one[-1].end == pytest.approx(begin - 3, abs=0.5)
    assert two[-1].end == pytest.approx(begin + len(second) / RATE, abs=0.5)


def test_streaming_from_disk_gives_the_segments_of_the_whole(recognizer, corpora_dir, tmp_path):
    files = sorted((corpora_dir / "nemo" / "samples").glob("*"))[::400]
    parts = [part for file in files for part in (audio.read(file, 24_000), np.zeros(24_000, np.float32))]
    soundfile.write(tmp_path / "long.wav", np.concatenate(parts), 24_000, subtype="FLOAT")
    streamed = recognizer.segments(tmp_path / "long.wav")
    loaded = recognizer.segments((audio.read(tmp_path / "long.wav"), RATE))
    assert len(streamed) >= len(files) // 2
    assert [(s.start, s.end, s.label) for s in streamed] == [(s.start, s.end, s.label) for s in loaded]
