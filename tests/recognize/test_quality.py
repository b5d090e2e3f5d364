"""What is said instead of a confident guess."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from tests.recognize.fake_bundle import RATE, tone


def unanswered(answer) -> bool:
    even = set(answer.probabilities.values())
    return (answer.label, answer.polish, answer.confidence, len(even)) == (None, None, 0.0, 1)


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.full(RATE, 0.3), 1e-4 * tone("fear")], ids=str)
def test_silence_gets_no_label(recognizer, samples):
    answer = recognizer.predict((samples, RATE))
    assert unanswered(answer) and answer.codes == ("silence",)


@pytest.mark.parametrize("seconds", [0.02, 0.1, 0.28])
def test_too_little_sound_gets_no_label(recognizer, seconds):
    answer = recognizer.predict((np.pad(tone("fear", seconds), (RATE, RATE)), RATE))
    assert unanswered(answer) and answer.codes == ("too_short",)


def test_a_third_of_a_second_is_enough(recognizer):
    assert recognizer.predict((tone("fear", 0.32), RATE)).label == "fear"


def test_one_sample_is_no_sound(recognizer):
    assert recognizer.predict((np.array([0.5]), RATE)).codes == ("silence",)


def test_clipping_is_told_beside_the_answer(recognizer):
    answer = recognizer.predict((np.clip(5 * tone("neutral"), -1, 1), RATE))
    assert answer.label and answer.codes == ("clipped",) and "%" in answer.warnings[0]


def test_telephone_quality_is_told_beside_the_answer(recognizer):
    answer = recognizer.predict((tone("fear", rate=8_000), 8_000))
    assert answer.label == "fear" and answer.codes == ("low_rate",)


def test_a_truncated_file_is_told_beside_the_answer(recognizer, tmp_path):
    path = tmp_path / "clip.mp3"
    noise = np.random.default_rng(0).normal(0, 0.1, 10 * RATE)
    soundfile.write(path, noise, RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    answer = recognizer.predict(path)
    assert answer.label and answer.codes == ("truncated",) and 3 < answer.end < 6
