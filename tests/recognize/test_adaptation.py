"""A recognizer adapted to one speaker: what it learns is known beforehand, what it refuses is told in a line."""

from __future__ import annotations

import io
import json
import logging
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.command import tembr_here
from tests.recognize.fake_adaptable import (
    BIAS,
    OFFSET,
    PITCH,
    PRIORS,
    RELATIVELY,
    SPEAKER,
    TEMPERATURE,
    TYPICAL,
    embedding,
    logits,
    make_adaptable,
    make_model,
    softmax,
    units,
    voice,
)
from tests.recognize.fake_bundle import RATE, make_bundle

from tembr.adaptation.offset import Offsets, fit_offset
from tembr.audio import Stream
from tembr.bundle import BundleError
from tembr.emotions import EMOTIONS
from tembr.errors import AudioError
from tembr.evaluate.conformal import LEVELS
from tembr.recognize import Recognizer, load
from tembr.recognize.adaptation import ONE_EMOTION, learn
from tembr.recognize.speaker import LARGEST_FILE, Speaker, SpeakerError
from tembr.recognize.verify import verify

FOREIGN = 2 * PITCH
KNOWN = Offsets(TYPICAL, 4.0, 10.0)


@pytest.fixture(scope="module")
def adaptable(tmp_path_factory) -> Path:
    return make_adaptable(tmp_path_factory.mktemp("adaptable") / "bundle")


@pytest.fixture(scope="module")
def listener(adaptable) -> Recognizer:
    return load(adaptable)


def clips(pitch: float, times: int = 2) -> list[tuple[np.ndarray, int]]:
    """Recordings of every emotion in one voice."""
    return [(voice(emotion, pitch), RATE) for emotion in EMOTIONS * times]


def folder_of(path: Path, pitch: float = FOREIGN, times: int = 2) -> Path:
    path.mkdir(parents=True)
    for number, (samples, rate) in enumerate(clips(pitch, times)):
        soundfile.write(path / f"{number:02}.wav", samples, rate, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Path:
    """A folder of a voice an octave above what the bundle knows, two recordings of each emotion."""
    return folder_of(tmp_path_factory.mktemp("voices") / "anna")


@pytest.fixture(scope="module")
def anna(listener, foreign) -> Recognizer:
    return listener.adapt(foreign)


def probabilities(answer) -> np.ndarray:
    return np.array(list(answer.probabilities.values()))


def test_without_a_speaker_the_bundle_answers_as_any(listener):
    for emotion in EMOTIONS:
        answer = listener.predict((voice(emotion, FOREIGN), RATE))
        assert probabilities(answer) == pytest.approx(softmax(logits(emotion, FOREIGN)), abs=0.01)
    assert listener.speaker is None


def test_a_constant_bias_of_a_speaker_is_corrected(listener, anna):
    def right(recognizer):
        answers = recognizer.predict_batch(clips(FOREIGN, 1))
        return [answer.label == emotion for answer, emotion in zip(answers, EMOTIONS)]

    assert not all(right(listener)) and all(right(anna))


def test_what_is_learnt_is_the_offset(anna):
    speaker = anna.speaker
    assert (speaker.name, speaker.recordings, speaker.means) == ("anna", 12, ())
    assert speaker.offset == pytest.approx(-BIAS * (units(FOREIGN) - 1) * 12 / 16, abs=0.05)


def test_the_answer_is_the_one_with_the_offset_at_the_adapted_temperature(listener):
    recognizer = listener.adapt(clips(PITCH, 1) + clips(FOREIGN, 1))
    answers = {(e, p): logits(e, p) for e in EMOTIONS for p in (PITCH, FOREIGN)}
    offset = fit_offset(KNOWN, np.stack(list(answers.values())))
    for (emotion, pitch), values in answers.items():
        answer = recognizer.predict((voice(emotion, pitch), RATE))
        assert probabilities(answer) == pytest.approx(softmax(values + offset, TEMPERATURE), abs=0.01)


TWO_COVARIANCE = {
    "means": [[0.0, k - 2.5] for k in range(6)], "spread": [0.5, 0.5], "share": 0.4, "prior": 1.0,
    "within_prior": 3.0,
}  # fmt: skip


RELATIVE = {"typical": (RELATIVELY * TYPICAL).tolist(), "share": 0.5, "mixture": 10.0, "prior": 6.0}


def test_a_speaker_model_is_learnt_and_used_as_the_formula_says(tmp_path):
    from tembr.adaptation.fitting import EnsembleOutputs, Knowledge, fit_to_speaker
    from tembr.adaptation.relative import Relative
    from tembr.adaptation.two_covariance import TwoCovariance

    facts = PRIORS | {"two_covariance": TWO_COVARIANCE, "relative": RELATIVE}
    recognizer = load(make_adaptable(tmp_path / "bundle", adaptation=facts)).adapt(clips(FOREIGN))
    known = TwoCovariance(*(np.array(TWO_COVARIANCE[name]) for name in TwoCovariance._fields))
    own = np.stack([logits(emotion, FOREIGN) for emotion in EMOTIONS * 2])
    places = np.stack([embedding(emotion, FOREIGN) for emotion in EMOTIONS * 2])
    beside = Relative(*(np.array(RELATIVE[name]) for name in Relative._fields))
    fitted = fit_to_speaker(Knowledge(KNOWN, known, relative=beside), EnsembleOutputs(own, places, RELATIVELY * own))
    assert recognizer.speaker.share == pytest.approx(fitted.share) and fitted.share > 0
    np.testing.assert_allclose(recognizer.speaker.means, fitted.means, atol=0.02)
    for emotion in EMOTIONS:
        plain = logits(emotion, FOREIGN)[None]
        values = (plain + fitted.added(EnsembleOutputs(plain, embedding(emotion, FOREIGN)[None], RELATIVELY * plain)))[
            0
        ]
        answer = recognizer.predict((voice(emotion, FOREIGN), RATE))
        assert probabilities(answer) == pytest.approx(softmax(values, TEMPERATURE), abs=0.02)


def test_relative_logits_of_a_bundle_that_says_nothing_of_few_recordings_count_the_same_for_any(tmp_path):
    older = {name: value for name, value in RELATIVE.items() if name != "prior"}
    recognizer = load(make_adaptable(tmp_path / "bundle", adaptation=PRIORS | {"relative": older}))
    assert recognizer.adapt(clips(FOREIGN)).speaker.share == pytest.approx(0.5)


@pytest.mark.parametrize(
    "changes", [{"typical": [[0.0]]}, {"typical": "x"}, {"share": 1.5}, {"share": None}, {"mixture": 0}, {"prior": -1}]
)
def test_relative_logits_that_are_none_are_told(tmp_path, changes):
    recognizer = load(make_adaptable(tmp_path / "b", adaptation=PRIORS | {"relative": RELATIVE | changes}))
    with pytest.raises(BundleError, match=r"adaptation\.relative in bundle.json is none"):
        recognizer.adapt(clips(PITCH))


@pytest.mark.parametrize(
    "changes",
    [
        {"spread": [0.5]},
        {"spread": [0.5, -1]},
        {"spread": [0.5, 1e-310]},
        {"within_prior": -1},
        {"means": [[0.0]]},
        {"share": "x"},
        {"prior": -1},
    ],
)
def test_a_two_covariance_model_that_is_none_is_told(tmp_path, changes):
    recognizer = load(make_adaptable(tmp_path / "b", adaptation=PRIORS | {"two_covariance": TWO_COVARIANCE | changes}))
    with pytest.raises(BundleError, match="two_covariance in bundle.json is none"):
        recognizer.adapt(clips(PITCH))


def test_every_recording_counts_once_however_long_it_is(listener):
    long, short = (voice("anger", FOREIGN, 9.0), RATE), (voice("sadness", PITCH, 1.0), RATE)
    speaker = listener.adapt([long, short]).speaker
    own = np.stack([logits("anger", FOREIGN), logits("sadness", PITCH)])
    assert speaker.offset == pytest.approx(fit_offset(KNOWN, own), abs=0.03)


def test_a_folder_may_be_anything_that_names_a_path(listener, tmp_path):
    folder = tmp_path / "anna"
    folder.mkdir()
    for number, (samples, rate) in enumerate(clips(FOREIGN)):
        soundfile.write(folder / f"{number}.wav", samples, rate)
    entry = next(os.scandir(tmp_path))
    assert listener.adapt(entry).speaker == listener.adapt(folder).speaker
    assert listener.predict(next(os.scandir(folder))).label


@pytest.mark.parametrize(
    ("given", "name"), [(["anna"], "anna"), (["anna/00.wav", "anna/01.wav"], "anna"), (["anna/00.wav", "b/00.wav"], "")]
)
def test_folders_and_files_may_be_mixed_and_several_files_have_the_name_of_their_folder(
    listener, tmp_path, given, name
):
    for folder in ("anna", "b"):
        folder_of(tmp_path / folder)
    assert listener.adapt([tmp_path / one for one in given]).speaker.name == name
    whole = listener.adapt(tmp_path / "anna").speaker
    both = listener.adapt([tmp_path / "anna", tmp_path / "b/00.wav", clips(PITCH)[0]]).speaker
    assert both.recordings == whole.recordings + 2


def test_samples_without_a_rate_are_no_recordings(listener):
    with pytest.raises(AudioError, match="give .*rate"):
        listener.adapt(np.zeros(RATE, np.float32))


def test_faint_windows_teach_nothing(listener):
    spoken, faint = voice("anger", FOREIGN, 3.0), 0.01 * voice("anger", PITCH, 9.0)
    speaker = listener.adapt([(np.concatenate([spoken, faint]), RATE)]).speaker
    assert speaker.offset == pytest.approx(listener.adapt([(spoken, RATE)]).speaker.offset, abs=0.5)


def test_what_one_speaker_taught_changes_nothing_for_another(listener, foreign):
    others = clips(PITCH / 2)
    before = listener.predict_batch(others)
    adapted = listener.adapt(foreign)
    assert adapted.predict_batch(others) != before
    assert listener.predict_batch(others) == before
    assert adapted.network.session is listener.network.session


def test_adapting_again_starts_from_nobody(listener, anna):
    others = clips(PITCH / 2)
    assert anna.adapt(others).speaker == listener.adapt(others).speaker


def test_everything_that_hears_is_adapted(anna):
    recording = (np.concatenate([voice("fear", FOREIGN, 4.0)]), RATE)
    answer = anna.predict(recording)
    assert anna.predict_batch([recording]) == [answer]
    (segment,) = anna.segments(recording, speech_only=False)
    assert probabilities(segment) == pytest.approx(probabilities(answer), abs=0.01)
    assert answer.label == segment.label == "fear"


def test_threads_change_nothing(listener):
    sources = [partial(Stream, clip, RATE) for clip in clips(FOREIGN)]
    assert learn(listener.network, sources, threads=1) == learn(listener.network, sources, threads=4)


def kinds(foreign: Path):
    paths = sorted(foreign.iterdir())
    yield str(foreign)
    yield paths
    yield [path.read_bytes() for path in paths]
    yield [io.BytesIO(path.read_bytes()) for path in paths]
    yield [Pipe(path.read_bytes()) for path in paths]
    yield ((samples, rate) for samples, rate in clips(FOREIGN))


class Pipe(io.BytesIO):
    def seekable(self):
        return False


@pytest.mark.parametrize("kind", range(6))
def test_recordings_are_what_predict_takes_or_a_folder(listener, anna, foreign, kind):
    speaker = listener.adapt(list(kinds(foreign))[kind]).speaker
    assert speaker.offset == anna.speaker.offset
    assert speaker.name == ("anna" if kind in (0, 1) else "")


def test_one_recording_by_itself_is_taken_with_a_warning(listener, foreign, caplog):
    path = foreign / "00.wav"
    samples, rate = clips(FOREIGN)[0]
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), (samples, rate)):
        caplog.clear()
        assert listener.adapt(source).speaker.recordings == 1
        assert [r.getMessage() for r in caplog.records] == [
            "adapted to 1: little can be learnt from fewer than 8 recordings; give more"
        ]


def test_an_enrolment_of_one_emotion_alone_is_told(tmp_path, caplog):
    facts = PRIORS | {"two_covariance": TWO_COVARIANCE, "relative": RELATIVE}
    recognizer = load(make_adaptable(tmp_path / "bundle", adaptation=facts))
    recognizer.adapt([(voice(EMOTIONS[0], FOREIGN), RATE)] * 8)
    assert [r.getMessage() for r in caplog.records] == [ONE_EMOTION]
    caplog.clear()
    recognizer.adapt(clips(FOREIGN))
    assert not caplog.records
    still = load(make_adaptable(tmp_path / "still", adaptation=facts | {"strength": 0.0}))
    still.adapt([(voice(EMOTIONS[0], FOREIGN), RATE)] * 8)
    assert not caplog.records  # nothing is learnt of anybody there


def test_folders_within_are_heard_too(listener, tmp_path):
    folder_of(tmp_path / "anna" / "monday", times=1), folder_of(tmp_path / "anna" / "tuesday", times=1)
    assert listener.adapt(tmp_path / "anna").speaker.recordings == 12


def test_what_cannot_be_heard_is_told_and_left_out(listener, anna, tmp_path, caplog):
    folder = folder_of(tmp_path / "anna")
    (folder / "broken.wav").write_bytes(b"no audio")
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "short.wav", voice("fear", PITCH, 0.2), RATE)
    with caplog.at_level(logging.WARNING, "tembr"):
        speaker = listener.adapt(folder).speaker
    assert speaker == anna.speaker
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3 and all(line.startswith(f"left out: {folder}") for line in told)
    for said in ("not readable as audio", "silence: ", "too_short: "):
        assert any(said in line for line in told)


@pytest.mark.parametrize("given", ["nowhere", "empty", []])
def test_nothing_to_hear_is_one_error(listener, tmp_path, given, caplog):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AudioError, match="no recording to adapt to can be heard, "):
        listener.adapt(tmp_path / given if given else given)
    assert not caplog.records


@pytest.mark.parametrize("given", ["path", "speaker", "load"])
def test_a_speaker_kept_in_a_file_gets_the_same_answers_to_the_bit(listener, adaptable, anna, tmp_path, given):
    anna.speaker.save(tmp_path / "anna.json")
    loaded = Speaker.load(tmp_path / "anna.json")
    assert loaded == anna.speaker
    again = (
        load(adaptable, speaker=tmp_path / "anna.json")
        if given == "load"
        else listener.for_speaker(tmp_path / "anna.json" if given == "path" else loaded)
    )
    recordings = clips(FOREIGN) + clips(PITCH)
    assert again.predict_batch(recordings) == anna.predict_batch(recordings)
    assert again.speaker == anna.speaker


@pytest.mark.parametrize("changes", [{"name": "other"}, {"version": "2"}])
def test_the_speaker_of_another_bundle_is_refused(anna, tmp_path, changes):
    other = load(make_adaptable(tmp_path / "other", **changes))
    with pytest.raises(SpeakerError, match=r"adapted with the bundle adaptable 1 .*, not with (other 1|adaptable 2) "):
        other.for_speaker(anna.speaker)


def test_the_speaker_of_another_model_of_the_bundle_is_refused(anna, tmp_path):
    model = make_model()
    model.doc_string = "another"
    facts = {"name": "adaptable", "adaptation": PRIORS}
    with pytest.raises(SpeakerError, match="adapted with the bundle adaptable 1"):
        load(make_bundle(tmp_path / "other", model, **facts), speaker=anna.speaker)


@pytest.mark.parametrize(
    "changes", [{"offset": (0.0, 1.0, 2.0)}, {"means": ((0.0,),) * 6, "precisions": ((0.0,),) * 6}]
)
def test_a_speaker_of_another_size_is_refused(listener, anna, changes):
    other = Speaker(**vars(anna.speaker) | changes)
    with pytest.raises(SpeakerError, match="is not the bundle's"):
        listener.for_speaker(other)


BAD = {
    "no json": b"not json",
    "no text": b"\xff\xfe{",
    "no object": b"[]",
    "deep": b"[" * 100_000,
    "of another format": {"format": 1},
    "of another kind": {"kind": "tembr bundle"},
    "without offset": {"offset": None},
    "offset no list": {"offset": "11"},
    "offset of text": {"offset": ["1", "2"]},
    "offset of truth": {"offset": [True, False]},
    "offset empty": {"offset": []},
    "offset infinite": {"offset": [1e999, 0.0]},
    "offset huge": {"offset": [1e30, 0.0]},
    "offset beyond floats": {"offset": [10**400, 0]},
    "offset not a number": {"offset": [float("nan")] * 6},
    "offset nested": {"offset": [[0.0]] * 6},
    "share beyond one": {"share": 1.5},
    "share no number": {"share": "all"},
    "means without precisions": {"means": [[0.0]] * 6},
    "precisions below zero": {"means": [[0.0]] * 6, "precisions": [[-1.0]] * 6},
    "means of several lengths": {"means": [[0.0], [0.0, 1.0]], "precisions": [[0.0], [0.0, 1.0]]},
    "no recordings": {"recordings": 0},
    "recordings of text": {"recordings": "12"},
    "recordings in parts": {"recordings": 1.5},
    "name no text": {"name": ["anna"]},
    "name a trick": {"name": "\x1b[2J"},
    "name long": {"name": "a" * 1_000},
    "origin no object": {"origin": "adaptable"},
    "origin with more": {"origin": {"name": "adaptable", "version": "1", "model": "", "path": "/"}},
    "origin no text": {"origin": {"name": {}, "version": "1", "model": ""}},
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_line(anna, tmp_path, case):
    path = tmp_path / "speaker.json"
    anna.speaker.save(path)
    bad = BAD[case]
    path.write_bytes(bad if isinstance(bad, bytes) else json.dumps(json.loads(path.read_text()) | bad).encode())
    with pytest.raises(SpeakerError) as caught:
        Speaker.load(path)
    assert str(caught.value).startswith(f"{path}: ") and len(str(caught.value)) < 600


@pytest.mark.parametrize("missing", ["name", "origin", "recordings", "offset"])
def test_a_file_that_lacks_something_is_told(anna, tmp_path, missing):
    path = tmp_path / "speaker.json"
    anna.speaker.save(path)
    content = json.loads(path.read_text())
    del content[missing]
    path.write_text(json.dumps(content))
    with pytest.raises(SpeakerError, match=f"{missing} is missing"):
        Speaker.load(path)


def test_a_file_too_large_is_not_read(anna, tmp_path):
    path = tmp_path / "speaker.json"
    anna.speaker.save(path)
    content = path.read_bytes()
    path.write_bytes(content.ljust(LARGEST_FILE))
    assert Speaker.load(path) == anna.speaker
    path.write_bytes(content.ljust(LARGEST_FILE + 1))
    with pytest.raises(SpeakerError, match="larger than any speaker's file"):
        Speaker.load(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(SpeakerError, match="cannot be read"):
            Speaker.load(path)


def test_a_name_that_cannot_be_printed_is_kept_as_question_marks(listener, tmp_path):
    speaker = listener.adapt(folder_of(tmp_path / "a\x1bb")).speaker
    assert speaker.name == "a?b"
    speaker.save(tmp_path / "speaker.json")
    assert Speaker.load(tmp_path / "speaker.json") == speaker


def test_a_bundle_that_cannot_adapt_says_so(recognizer, anna):
    with pytest.raises(BundleError, match="fake 1 cannot adapt to a speaker"):
        recognizer.adapt([(voice("fear"), RATE)])
    with pytest.raises(BundleError, match="fake 1 cannot adapt to a speaker"):
        recognizer.for_speaker(anna.speaker)


def test_facts_that_say_nothing_of_adaptation_are_read(bundle):
    content = json.loads((bundle / "bundle.json").read_text())
    assert content.pop("adaptation") == {}
    assert load(bundle).facts.adaptation == {}


@pytest.mark.parametrize(
    "changes", [{"prior": -1.0}, {"prior": "x"}, {"prior": float("nan")}, {"mixture": 0.0}, {"typical": [[0.0]]}]
)
def test_an_offset_that_is_none_is_told(tmp_path, changes):
    recognizer = load(make_adaptable(tmp_path / "bundle", adaptation=PRIORS | {"offset": OFFSET | changes}))
    with pytest.raises(BundleError, match="adaptation.offset in bundle.json is none; export the bundle again"):
        recognizer.adapt(clips(PITCH))


def test_what_is_learnt_counts_for_the_bundles_strength(tmp_path):
    def learnt(name: str, **strength) -> np.ndarray:
        bundle = make_adaptable(tmp_path / name, adaptation=PRIORS | strength)
        return np.array(load(bundle).adapt(clips(2 * PITCH)).speaker.offset)

    whole = learnt("whole")
    assert np.abs(whole).max() > 0.1
    np.testing.assert_array_equal(learnt("said", strength=1.0), whole)
    np.testing.assert_allclose(learnt("half", strength=0.5), whole / 2, rtol=1e-5)


def test_sets_of_a_speaker_are_those_calibrated_for_adapted_answers(tmp_path):
    sets = {"speaker_independent": [0.0] * len(LEVELS), "adapted": [1.0] * len(LEVELS)}
    anybody = load(make_adaptable(tmp_path / "bundle", set_thresholds=sets))
    somebody, clip = anybody.adapt(clips(PITCH)), (voice("fear"), RATE)
    assert len(anybody.predict(clip, coverage=0.9, check_speech=False).possible) == len(EMOTIONS)
    assert somebody.predict(clip, coverage=0.9, check_speech=False).possible == ("fear",)
    (answer,) = somebody.predict_batch([clip], coverage=0.9, check_speech=False)
    assert answer.possible == ("fear",)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan"), "1", True, None])
def test_a_strength_that_is_none_is_told(tmp_path, strength):
    recognizer = load(make_adaptable(tmp_path / "bundle", adaptation=PRIORS | {"strength": strength}))
    with pytest.raises(BundleError, match="adaptation.strength in bundle.json is none; export the bundle again"):
        recognizer.adapt(clips(PITCH))


def test_facts_of_adaptation_that_are_no_object_are_told(tmp_path):
    with pytest.raises(BundleError, match="is not an object"):
        load(make_adaptable(tmp_path / "bundle", adaptation=[1]))


@pytest.mark.parametrize("lacking", SPEAKER)
def test_a_model_that_is_not_what_the_facts_say_is_told(tmp_path, lacking):
    names = [name for name in SPEAKER if name != lacking]
    facts = PRIORS | {"two_covariance": TWO_COVARIANCE, "relative": RELATIVE}
    folder = make_bundle(tmp_path / "bundle", make_model(tuple(names)), adaptation=facts)
    with pytest.raises(BundleError, match=f"without {lacking}"):
        load(folder).adapt(clips(PITCH))
    (check,) = [check for check in verify(folder) if check.subject == "model.onnx adaptation"]
    assert not check.passed and lacking in check.said


def test_verify_has_nothing_against_a_bundle_that_adapts(adaptable):
    checks = list(verify(adaptable))
    assert all(check.passed for check in checks), checks
    assert "model.onnx adaptation" in [check.subject for check in checks]


@pytest.fixture
def command(capsys, adaptable):
    return lambda *words: tembr_here(capsys, *map(str, words), "--bundle", str(adaptable))


def test_a_folder_is_adapted_to_before_the_answers(command, listener, anna, foreign):
    answers = json.loads, command("predict", foreign, "--adapt", foreign, "--format", "json")
    assert (answers[1].status, answers[1].err) == (0, "")
    heard = [answers[0](line) for line in answers[1].out.splitlines()]
    assert heard == [answer.as_dict() for answer in anna.predict_batch(sorted(map(str, foreign.iterdir())))]


def test_a_speaker_is_kept_and_used(command, anna, foreign, tmp_path):
    made = command("adapt", foreign, "--out", tmp_path / "anna.json")
    assert (made.status, made.err) == (0, "")
    assert made.out == f"{tmp_path / 'anna.json'}: anna, 12 recordings\n"
    assert Speaker.load(tmp_path / "anna.json") == anna.speaker
    once = command("predict", foreign, "--adapt", foreign)
    kept = command("predict", foreign, "--adapt", tmp_path / "anna.json")
    assert kept == once != command("predict", foreign)


def test_adapting_on_the_command_line_tells_what_was_left_out(command, tmp_path):
    folder = folder_of(tmp_path / "anna", times=1)
    (folder / "broken.wav").write_bytes(b"no audio")
    done = command("adapt", folder, "--out", tmp_path / "anna.json")
    assert done.status == 0 and "6 recordings" in done.out
    left_out, few = done.err.splitlines()
    assert left_out.startswith(f"tembr: left out: {folder}/broken.wav: ") and "fewer than 8" in few
    assert command("predict", folder / "00.wav", "--adapt", folder).err == done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("predict", "x.wav", "--adapt", "nowhere"), "no such file"),
        (("predict", "x.wav", "--adapt", "nowhere.json"), "cannot be read"),
        (("adapt", "nowhere", "--out", "speaker.json"), "no such file"),
    ],
)
def test_nobody_to_adapt_to_is_one_line(command, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = command(*words)
    assert done.status == 1 and done.one_line_error and said in done.err and done.out == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [("predict", "x.wav", "--adapt", "."), ("adapt", ".", "--out", "speaker.json")])
def test_a_bundle_that_cannot_adapt_is_one_line(capsys, bundle, words):
    done = tembr_here(capsys, *words, "--bundle", str(bundle))
    assert done.status == 1 and done.one_line_error and "cannot adapt to a speaker" in done.err


def test_help_says_what_recordings_it_takes(capsys):
    said = " ".join(tembr_here(capsys, "adapt", "--help").out.split())
    assert "The more emotions the recordings hold, the more is learnt; from one emotion alone, little" in said
