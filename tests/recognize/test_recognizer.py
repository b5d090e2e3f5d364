"""Recordings of known loudness get the answer the fake bundle has for it."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.recognize.fake_bundle import RATE, tone

import tembr
from tembr.audio import read
from tembr.emotions import EMOTIONS
from tembr.errors import AudioError, ConfigError
from tembr.recognize.batch import AHEAD
from tembr.recognize.prediction import check_confidence
from tembr.silence import trimmed

CLIP = Path(__file__).resolve().parents[2] / "examples" / "calm.flac"


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_a_recording_gets_its_emotion(recognizer, wav, emotion):
    answer = recognizer.predict(wav(emotion))
    assert answer.label == emotion
    assert list(answer.probabilities) == list(EMOTIONS)
    assert answer.confidence == answer.probabilities[emotion] > 0.9
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert (answer.start, answer.end, answer.warnings) == (0.0, 2.0, ())


def sources(path: Path):
    samples, rate = soundfile.read(path, dtype="float32")
    yield str(path)
    yield path.read_bytes()
    yield io.BytesIO(path.read_bytes())
    yield samples, rate
    yield np.stack([samples, samples], axis=1), rate
    yield (samples * 32768).astype(np.int16), rate
    yield (np.round(samples * 127) + 128).astype(np.uint8), rate
    yield samples.astype(np.float64), np.int64(rate)


@pytest.mark.parametrize("kind", range(8))
def test_every_kind_of_source_gets_the_same_answer(recognizer, wav, kind):
    path = wav("sadness")
    answer = recognizer.predict(list(sources(path))[kind])
    assert answer.label == "sadness"
    assert answer.file == (str(path) if kind == 0 else "")


def test_a_pipe_is_heard(recognizer, wav):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    assert recognizer.predict(Pipe(wav("fear").read_bytes())).label == "fear"


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_every_rate_is_heard_at_the_bundles_own(recognizer, wav, rate):
    assert recognizer.predict(wav("surprised", rate=rate)).label == "surprised"


@pytest.mark.parametrize("form", ["flac", "ogg", "mp3"])
def test_compressed_files_are_heard(recognizer, tmp_path, form):
    soundfile.write(tmp_path / f"clip.{form}", tone("happiness"), RATE)
    assert recognizer.predict(tmp_path / f"clip.{form}").label == "happiness"


def test_a_part_of_a_recording_is_heard_by_itself(recognizer, wav):
    path = wav(np.concatenate([tone("anger"), tone("neutral")]))
    answer = recognizer.predict(path, start=2.0, end=3.5)
    assert (answer.label, answer.start, answer.end) == ("neutral", 2.0, 3.5)


def test_a_long_recording_is_the_mean_of_windows_overlapping_by_half(recognizer):
    waveform = np.concatenate([tone("anger", 4.5), tone("fear", 3.0)])  # windows from 0, 1.5, 3, 4.5 s
    expected = [recognizer.network.posteriors(waveform[s : s + 48_000]) for s in (0, 24_000, 48_000, 72_000)]
    answer = recognizer.predict((waveform, RATE))
    assert list(answer.probabilities.values()) == pytest.approx(np.mean(expected, axis=0).tolist())


def test_faint_and_silent_windows_have_no_say(recognizer):
    faint = 0.02 * tone("anger", 9.0)
    waveform = np.concatenate([np.zeros(9 * RATE, np.float32), tone("neutral", 9.0), faint])
    quiet_parts_only = recognizer.predict((faint, RATE))
    answer = recognizer.predict((waveform, RATE))
    assert answer.label == "neutral" != quiet_parts_only.label
    assert answer.warnings == ()


def test_answers_are_ready_for_json(recognizer, wav):
    content = json.loads(json.dumps(recognizer.predict(wav("fear")).as_dict()))
    facts = ["file", "start", "end", "label", "polish", "confidence", "likeliest", "probabilities", "warnings"]
    assert list(content) == facts
    assert (content["label"], content["polish"], content["likeliest"]) == ("fear", "strach", "fear")


def doubtful(recognizer) -> tuple:
    """A recording between two emotions, and the answer to it."""
    recording = (1.3 * tone("fear"), RATE)
    answer = recognizer.predict(recording)
    assert 0.5 < answer.confidence < 0.99
    return recording, answer


def test_below_the_confidence_asked_for_the_answer_is_uncertain(recognizer):
    recording, plain = doubtful(recognizer)
    answer = recognizer.predict(recording, min_confidence=plain.confidence + 1e-6)
    assert (answer.label, answer.polish) == ("uncertain", "niepewne")
    assert answer == replace(plain, label="uncertain")
    assert answer.likeliest == plain.label == max(answer.probabilities, key=answer.probabilities.get)


def test_at_the_confidence_asked_for_the_answer_stands(recognizer):
    recording, plain = doubtful(recognizer)
    assert recognizer.predict(recording, min_confidence=plain.confidence) == plain


def test_silence_is_no_answer_and_never_an_uncertain_one(recognizer):
    answer = recognizer.predict((np.zeros(RATE), RATE), min_confidence=1.0)
    assert (answer.label, answer.polish, answer.likeliest, answer.codes) == (None, None, None, ("silence",))


def test_a_batch_is_held_to_a_confidence(recognizer):
    recording, plain = doubtful(recognizer)
    answers = recognizer.predict_batch([recording, (tone("fear"), RATE)], min_confidence=plain.confidence + 1e-6)
    assert [answer.label for answer in answers] == ["uncertain", "fear"]


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("ask", ["predict", "predict_batch", "segments"])
def test_a_confidence_that_is_no_probability_is_refused(recognizer, wav, ask, confidence):
    source = [wav("fear")] if ask == "predict_batch" else wav("fear")
    with pytest.raises(ConfigError, match="from 0 to 1"):
        getattr(recognizer, ask)(source, min_confidence=confidence)


def test_an_emotion_called_uncertain_is_not_mixed_up_with_doubt():
    check_confidence(0.0, ("fear", "uncertain"))
    with pytest.raises(ConfigError, match="leave the option out"):
        check_confidence(0.5, ("fear", "uncertain"))


def test_a_batch_is_in_order_and_a_bad_file_is_reported(recognizer, wav, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"no audio at all")
    good = [wav(emotion, f"{emotion}.wav") for emotion in EMOTIONS]
    done = []
    sources = [*good[:3], tmp_path / "bad.wav", *good[3:]]
    answers = recognizer.predict_batch(sources, threads=3, progress=done.append)
    assert [a.label for a in answers if a] == list(EMOTIONS)
    assert [bool(a) for a in answers] == [True, True, True, False, True, True, True]
    assert answers[3].file.endswith("bad.wav") and isinstance(answers[3].error, AudioError)
    assert done == list(range(1, 8))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_bad_file_stops_a_batch_that_asks_for_it(recognizer, wav, threads):
    with pytest.raises(AudioError, match="no such file"):
        recognizer.predict_batch([wav("fear"), "missing.wav"], threads=threads, on_error="raise")


@pytest.mark.parametrize("threads", [1, 4])
def test_an_endless_row_of_recordings_is_taken_only_as_needed(recognizer, threads):
    taken = itertools.count()
    endless = ((tone("fear", 0.5), RATE) for _ in taken)
    answers = recognizer.predict_iter(endless, threads=threads)
    assert [next(answers).label for _ in range(10)] == ["fear"] * 10
    answers.close()
    assert next(taken) <= 10 + AHEAD * threads + 1


def test_eight_threads_get_the_answers_of_one(recognizer):
    rng = np.random.default_rng(0)
    recordings = [(amplitude * tone("neutral", 4.0), RATE) for amplitude in rng.uniform(0.1, 1, 40)]
    alone = [recognizer.predict(r) for r in recordings]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(recognizer.predict, recordings * 3))
    assert together == alone * 3


def test_the_public_face_is_there_and_takes_no_time():
    assert tembr.EMOTIONS == EMOTIONS
    assert {tembr.load, tembr.Recognizer, tembr.Prediction, tembr.Failure}
    probe = "import sys, tembr; print('numpy' in sys.modules, tembr.__version__)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", tembr.__version__]
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = tembr.lode


ERRORS = [name for name in tembr.__all__ if name.endswith("Error")]


def test_every_error_is_at_the_top_of_the_package():
    import tembr.bundle
    import tembr.errors
    import tembr.recognize.speaker

    def below(kind: type) -> set[type]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    rooms = ("tembr.evaluate.", "tembr.serve.")  # whose errors come up in their commands alone
    others = {kind for kind in below(tembr.TembrError) if kind.__module__.startswith(rooms)}
    assert {getattr(tembr, name) for name in ERRORS} == below(tembr.TembrError) - others


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: tembr.load("nowhere"), "BundleError"),
        (lambda: tembr.load().predict("nowhere.wav"), "AudioError"),
        (lambda: tembr.load().predict("nowhere.wav", start=-1), "ConfigError"),
        (lambda: tembr.load().for_speaker("nowhere.json"), "SpeakerError"),
    ],
)
def test_an_error_is_caught_by_its_name_and_by_that_of_all(call, kind):
    for name in (kind, "TembrError"):
        with pytest.raises(getattr(tembr, name)):
            call()


def test_the_recognizer_brings_nothing_of_the_laboratory(bundle, wav):
    heavy = ("torch", "pandas", "librosa", "sklearn", "matplotlib", "datasets", "rich", "pydantic", "onnx")
    probe = (
        f"import sys, tembr; tembr.load({str(bundle)!r}).predict({str(wav('fear'))!r}); "
        f"print(*[m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", [None, "small"])
def test_neither_level_nor_silence_around_moves_an_answer_of_a_packaged_bundle(name):
    recognizer = tembr.load(name)
    speech = trimmed(read(CLIP), RATE)
    expected = recognizer.predict((speech, RATE))
    silence = np.zeros(RATE, np.float32)
    for changed in (0.03 * speech, np.concatenate([silence, speech[1_600:-1_600], silence])):
        answer = recognizer.predict((changed, RATE))
        assert answer.label == expected.label
        for label, probability in expected.probabilities.items():
            assert answer.probabilities[label] == pytest.approx(probability, abs=0.1)
