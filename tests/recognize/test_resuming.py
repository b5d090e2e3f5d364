"""`tembr predict --resume`: killed at any moment, the same command ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, make_bundle, tone

from tembr.emotions import EMOTIONS
from tembr.recognize.recognizer import Recognizer

COUNT = 24


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Recordings long enough to be killed in between."""
    folder = tmp_path_factory.mktemp("calls")
    for number in range(COUNT):
        samples = np.tile(tone(EMOTIONS[number % 6], 10.0), 6)
        soundfile.write(folder / f"call {number:02}, ż.wav", samples, RATE)
    return folder


@pytest.fixture
def predict(capsys, bundle, tmp_path):
    """`tembr predict … --resume` into `answers.csv`, or where `out` says."""

    def run(*arguments, out="answers.csv", form="csv", bundle=bundle, resume=True):
        given = [*map(str, arguments), "--out", str(tmp_path / out), "--format", form, "--no-check-speech"]
        return tembr_here(capsys, "predict", *given, *(["--resume"] if resume else []), "--bundle", str(bundle))

    return run


@pytest.fixture
def heard(monkeypatch):
    """Names of the recordings that are heard from now on."""
    names, predict = [], Recognizer.predict

    def listen(self, source, **options):
        names.append(os.path.basename(source))
        return predict(self, source, **options)

    monkeypatch.setattr(Recognizer, "predict", listen)
    return names


@pytest.fixture
def interrupted(predict, tones, tmp_path):
    """Cuts what a whole run leaves beside its answers down to so many bytes; returns the answers undisturbed."""

    def cut(form="csv", keep=lambda content: len(content), **options):
        (tmp_path / "missing").mkdir(exist_ok=True)
        gone = tmp_path / "missing" / "gone.wav"
        predict(tones, gone, form=form, **options)
        partial = tmp_path / "answers.csv.partial"
        content = partial.read_bytes()
        partial.write_bytes(content[: keep(content)])
        answers = (tmp_path / "answers.csv").read_bytes()
        (tmp_path / "answers.csv").unlink()
        return partial, answers

    return cut


@pytest.mark.parametrize(("form", "lines"), [("csv", 1), ("json", 9), ("csv", COUNT - 8)])
def test_a_killed_process_loses_and_doubles_nothing(predict, bundle, calls, tmp_path, form, lines):
    out, partial = tmp_path / "answers", tmp_path / "answers.partial"
    command = [sys.executable, "-m", "tembr.cli", "predict", str(calls), "--format", form, "--out", str(out)]
    command += ["--resume", "--no-check-speech", "--bundle", str(bundle), "--threads", "2"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while process.poll() is None and not (partial.exists() and partial.read_bytes().count(b"\n") >= lines):
        time.sleep(0.001)
    process.kill()
    process.wait()
    assert process.returncode == -9 and not out.exists()
    assert predict(calls, out="answers", form=form).status == 0 and not partial.exists()
    resumed = out.read_bytes()
    assert predict(calls, out="undisturbed", form=form, resume=False).status == 0
    assert resumed == (tmp_path / "undisturbed").read_bytes()


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 0.33, 0.5, 0.77, 0.999])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_wherever_the_partial_file_ends_the_answers_are_the_same(predict, interrupted, tones, tmp_path, form, share):
    partial, answers = interrupted(form, lambda content: int(share * len(content)))
    assert predict(tones, form=form).status == 0
    assert (tmp_path / "answers.csv").read_bytes() == answers and not partial.exists()


def test_only_what_is_left_is_heard(predict, interrupted, tones, heard):
    interrupted(keep=lambda content: content.rindex(b"\n", 0, -9) + 9)  # half of the last line
    heard.clear()
    predict(tones)
    assert heard == ["surprised_2.wav"]


def test_what_failed_is_tried_again(predict, wav, tmp_path, heard):
    path, later = wav("fear", "a.wav"), tmp_path / "b.wav"
    done = predict(path, later)
    assert done.status == 1 and "answers.csv.partial is kept" in done.err
    wav("anger", "b.wav")
    heard.clear()
    assert predict(path, later).status == 0 and heard == ["b.wav"]
    rows = (tmp_path / "answers.csv").read_text().splitlines()
    assert [row.split(",")[3] for row in rows[1:]] == ["fear", "anger"]


def test_a_recording_that_changed_is_heard_again(predict, wav, tmp_path, heard):
    path, gone = wav("fear", "a.wav"), tmp_path / "gone.wav"
    predict(path, gone)
    wav("anger", "a.wav")
    os.utime(path, ns=(1, 1))
    predict(path, gone)
    assert "anger" in (tmp_path / "answers.csv").read_text() and heard.count("a.wav") == 2


def test_a_recording_named_twice_is_answered_twice(predict, wav, tmp_path):
    path = wav("fear", "a.wav")
    assert predict(path, path).status == 0
    assert len((tmp_path / "answers.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (("--min-confidence", "0.5"), "min_confidence"),
        (("--channel", "left"), "channel"),
        (("--segments",), "segments"),
    ],
)
def test_other_options_are_told(predict, interrupted, tones, tmp_path, options, changed):
    partial, _ = interrupted()
    done = predict(tones, *options)
    assert done.status == 1 and done.one_line_error
    assert done.err.startswith(f"tembr: {partial}: begun with another {changed}; remove it")
    assert not (tmp_path / "answers.csv").exists()


def test_another_bundle_is_told(predict, interrupted, tones, tmp_path):
    interrupted()
    other = make_bundle(tmp_path / "other", name="other")
    assert "begun with another bundle; remove it" in predict(tones, bundle=other).err


def test_another_version_is_told(predict, interrupted, tones, monkeypatch):
    interrupted()
    monkeypatch.setattr("tembr.cli.resuming.__version__", "9")
    assert "begun with another version of tembr; remove it" in predict(tones).err


@pytest.mark.parametrize("content", [b"mine\n", b"mine", b'{"kind": "mine"}\n', b"\0\0"])
def test_a_partial_file_of_somebody_else_stays_as_it_is(predict, tones, tmp_path, content):
    (tmp_path / "answers.csv.partial").write_bytes(content)
    done = predict(tones)
    assert done.status == 1 and "move it or choose another --out" in done.err
    assert (tmp_path / "answers.csv.partial").read_bytes() == content


def test_a_damaged_line_is_told(predict, interrupted, tones):
    partial, _ = interrupted()
    first, _, rest = partial.read_bytes().split(b"\n", 2)
    partial.write_bytes(b"\n".join([first, b"{}", rest]))
    assert "damaged; remove it to begin anew" in predict(tones).err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no locks of this kind")
def test_two_at_once_do_not_mix(predict, interrupted, tones):
    import fcntl

    partial, _ = interrupted()
    with open(partial, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "another process is writing it" in predict(tones).err


def test_a_file_that_is_not_tembrs_is_not_replaced(predict, tones, tmp_path):
    (tmp_path / "answers.csv").write_text("mine")
    assert predict(tones).status == 1 and (tmp_path / "answers.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "csv"), "name it with --out"),
        (("--out", "answers.txt"), "is for --format csv and json, not text"),
        (("--out", "x", "--format", "eaf", "--segments"), "is for --format csv and json, not eaf"),
        (("--out", "x.csv", "--format", "csv", "-"), "cannot hear stdin again"),
        (("--out", os.devnull, "--format", "csv"), "needs a file as --out"),
    ],
)
def test_what_cannot_be_resumed_is_a_wrong_command(capsys, wav, bundle, arguments, said):
    done = tembr_here(capsys, "predict", str(wav("fear")), *arguments, "--resume", "--bundle", str(bundle))
    assert (done.status, done.out) == (2, "") and said in " ".join(done.err.split())


def test_the_partial_file_says_what_was_asked(interrupted):
    partial, _ = interrupted()
    asked = json.loads(partial.read_bytes().split(b"\n")[0])
    assert (asked["kind"], asked["form"], asked["segments"]) == ("tembr partial answers", "csv", False)


def test_half_a_line_is_gone_when_the_next_ones_come(predict, interrupted, tones, tmp_path, heard):
    interrupted(keep=lambda content: len(content) - 9)
    predict(tones, tmp_path / "gone.wav")
    heard.clear()
    assert "damaged" not in predict(tones, tmp_path / "gone.wav").err and heard == ["gone.wav"]
