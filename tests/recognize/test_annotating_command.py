"""`tembr predict --segments --format textgrid` and the like: which files, and what they may not replace."""

from __future__ import annotations

import os

import pytest
from tests.command import tembr_here

from tembr.cli.annotating import names
from tembr.recognize.annotations import ANNOTATIONS
from tembr.recognize.prediction import Prediction
from tembr.recognize.recognizer import Recognizer


@pytest.fixture
def annotate(capsys, bundle, monkeypatch):
    """`tembr predict --segments --format FORM …` with a segment of anger in every channel."""

    def segments(self, source, *, min_confidence, channel):
        channels = {"mix": (None,), "each": (1, 2), "right": (2,)}.get(channel, (channel,))
        return [Prediction("anger", 0.75, {"anger": 0.75}, 0.5, 1.0, channel=number) for number in channels]

    monkeypatch.setattr(Recognizer, "segments", segments)
    return lambda form, *arguments: tembr_here(
        capsys, "predict", *map(str, arguments), "--segments", "--format", form, "--bundle", str(bundle)
    )


@pytest.mark.parametrize("form", ANNOTATIONS)
def test_one_recording_is_annotated_on_stdout(annotate, wav, form):
    done = annotate(form, wav("fear"))
    assert (done.status, done.err) == (0, "") and "anger" in done.out


@pytest.mark.parametrize("form", ANNOTATIONS)
def test_several_have_a_file_each_in_the_folder(annotate, wav, tmp_path, form):
    wav("fear", "calls/a.wav"), wav("fear", "calls/b.wav")
    done = annotate(form, tmp_path / "calls", "--out", tmp_path / "out")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert sorted(os.listdir(tmp_path / "out")) == [f"{name}{ANNOTATIONS[form]}" for name in "ab"]
    assert "anger" in (tmp_path / "out" / f"a{ANNOTATIONS[form]}").read_text(encoding="utf-8")


def test_recordings_of_one_name_keep_their_folders(annotate, wav, tmp_path):
    paths = wav("fear", "a/x.wav"), wav("fear", "b/x.wav")
    assert annotate("srt", *paths, "--out", tmp_path / "out").status == 0
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.srt")) == [
        "a/x.srt", "b/x.srt",
    ]  # fmt: skip


def test_a_textgrid_is_as_long_as_the_recording(annotate, wav):
    said = annotate("textgrid", wav("fear")).out
    assert said.splitlines()[4] == "xmax = 2.000"


@pytest.mark.parametrize(("channel", "tiers"), [("each", ["1", "2"]), ("right", ["2"])])
def test_channels_have_tiers_of_their_own(annotate, wav, channel, tiers):
    import numpy as np

    said = annotate("textgrid", wav(np.full((32_000, 2), 0.1)), "--channel", channel).out
    assert [line.split('"')[1] for line in said.splitlines() if "name =" in line] == [
        f"{name} {number}" for number in tiers for name in ("emotion", "emocja")
    ]


def test_one_recording_may_have_a_file_named_for_it(annotate, wav, tmp_path):
    assert annotate("vtt", wav("fear"), "--out", tmp_path / "film.vtt").status == 0
    assert (tmp_path / "film.vtt").read_text(encoding="utf-8").startswith("WEBVTT\n")


def test_a_broken_recording_has_no_file_and_the_rest_have(annotate, wav, tmp_path):
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "broken.wav").write_bytes(b"RIFF")
    wav("fear", "calls/a.wav")
    done = annotate("srt", tmp_path / "calls", "--out", tmp_path / "out")
    assert done.status == 1 and done.one_line_error and os.listdir(tmp_path / "out") == ["a.srt"]


def test_an_annotation_that_is_there_is_not_lost(annotate, wav, tmp_path):
    path, out = wav("fear", "a.wav"), tmp_path / "out"
    out.mkdir()
    (out / "a.TextGrid").write_text("corrected by hand")
    done = annotate("textgrid", path, "--out", out)
    assert done.status == 1 and "is there already; choose another --out" in done.err
    assert (out / "a.TextGrid").read_text() == "corrected by hand"
    assert annotate("textgrid", path, "--out", out, "--force").status == 0
    assert "ooTextFile" in (out / "a.TextGrid").read_text()


def test_several_recordings_on_stdout_are_a_wrong_command(annotate, wav):
    done = annotate("eaf", wav("fear", "a.wav"), wav("fear", "b.wav"))
    assert (done.status, done.out) == (2, "") and "name a folder with --out" in done.err


def test_annotations_without_segments_are_a_wrong_command(capsys, wav):
    done = tembr_here(capsys, "predict", str(wav("fear")), "--format", "rttm")
    assert (done.status, done.out) == (2, "") and "add --segments" in done.err


def test_an_out_that_is_a_file_is_told(annotate, wav, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = annotate("eaf", wav("fear", "a.wav"), wav("fear", "b.wav"), "--out", tmp_path / "file")
    assert done.status == 1 and "choose another --out, a folder" in done.err


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["c/x.wav"], ["x.srt"]),
        (["c/x.wav", "c/d/x.wav"], ["x.srt", "d/x.srt"]),
        (["x.wav", "x.mp3", "y.wav"], ["x.wav.srt", "x.mp3.srt", "y.srt"]),
        (["x.wav", "X.wav"], ["x.wav.srt", "X.wav-2.srt"]),
        (["x.wav", "x.mp3", "x.wav.flac"], ["x.wav.srt", "x.mp3.srt", "x.wav.flac.srt"]),
        (["-"], ["stdin.srt"]),
        ([], []),
    ],
)
def test_names_of_files_never_meet(files, expected):
    assert names(files, ".srt") == expected
