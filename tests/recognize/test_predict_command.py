"""`tembr predict` as a user meets it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from tests.command import tembr, tembr_here
from tests.recognize.fake_bundle import RATE, make_bundle, tone

from tembr.emotions import EMOTIONS, display_name
from tembr.evaluate.conformal import LEVELS
from tembr.recognize.recognizer import load


@pytest.fixture
def predict(capsys, bundle):
    return lambda *arguments: tembr_here(capsys, "predict", *map(str, arguments), "--bundle", str(bundle))


def test_a_recording_is_a_line_with_the_polish_name(predict, wav):
    path = wav("anger")
    done = predict(path)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"{path}  anger (złość)  {float(done.out.split()[-1]):.2f}\n"


def test_a_file_of_answers_is_what_its_name_ends_in(predict, wav, tmp_path):
    path = wav("anger")
    for name in ("a.csv", "a.JSON", "a.txt"):
        assert predict(path, "--out", tmp_path / name).status == 0
    assert (tmp_path / "a.csv").read_text().startswith("file,start,end,label,")
    assert json.loads((tmp_path / "a.JSON").read_text())["label"] == "anger"
    assert (tmp_path / "a.txt").read_text().endswith("\n") and "anger (złość)" in (tmp_path / "a.txt").read_text()
    assert predict(path, "--out", tmp_path / "b.csv", "--format", "text").status == 0
    assert "anger (złość)" in (tmp_path / "b.csv").read_text()


def test_what_speaks_against_an_answer_stands_in_its_line(predict, wav):
    assert "  -  silence: " in predict(wav(np.zeros(RATE))).out


@pytest.fixture
def doubtful(predict, wav):
    """A recording between two emotions, with its plain answer."""
    path = wav(1.3 * tone("fear"))
    return path, json.loads(predict(path, "--format", "json").out)


def test_an_uncertain_answer_names_what_is_likeliest(predict, doubtful):
    path, plain = doubtful
    said = f"uncertain (niepewne)  {plain['confidence']:.2f}  likeliest {plain['label']} ({plain['polish']})"
    assert predict(path, "--min-confidence", 0.99).out == f"{path}  {said}\n"


def test_an_uncertain_answer_in_json_keeps_its_probabilities(predict, doubtful):
    path, plain = doubtful
    answer = json.loads(predict(path, "--min-confidence", 0.99, "--format", "json").out)
    assert answer == plain | {"label": "uncertain", "polish": "niepewne"}
    assert answer["likeliest"] == plain["label"]


def test_an_uncertain_answer_in_csv_has_a_column_for_the_likeliest(predict, doubtful):
    path, plain = doubtful
    (row,) = csv.DictReader(io.StringIO(predict(path, "--min-confidence", 0.99, "--format", "csv").out))
    assert (row["label"], row["likeliest"]) == ("uncertain", plain["label"])
    assert float(row["confidence"]) == float(row[f"p_{plain['label']}"]) == plain["confidence"]


def test_silence_is_no_uncertain_answer_in_any_format(predict, wav):
    path = wav(np.zeros(RATE))
    assert "  -  silence: " in predict(path, "--min-confidence", 1).out
    answer = json.loads(predict(path, "--min-confidence", 1, "--format", "json").out)
    assert (answer["label"], answer["likeliest"]) == (None, None)
    (row,) = csv.DictReader(io.StringIO(predict(path, "--min-confidence", 1, "--format", "csv").out))
    assert (row["label"], row["likeliest"]) == ("", "")


@pytest.mark.parametrize("value", ["-0.1", "1.5", "nan"])
def test_a_confidence_that_is_no_probability_is_a_wrong_command(predict, wav, tmp_path, value):
    done = predict(wav("fear"), "--min-confidence", value, "--out", tmp_path / "answers.csv")
    assert (done.status, done.out) == (2, "") and "from 0 to 1" in done.err
    assert not (tmp_path / "answers.csv").exists()


def test_a_folder_is_answered_file_by_file_in_order_as_json_lines(predict, tones):
    done = predict(tones, "--format", "json", "--threads", 2)
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [a["file"] for a in answers] == sorted(str(p) for p in tones.iterdir())
    assert all(os.path.basename(a["file"]).startswith(a["label"]) for a in answers)
    assert list(answers[0]["probabilities"]) == list(EMOTIONS)


def test_csv_has_a_column_for_every_probability(predict, tones, tmp_path):
    assert predict(tones, "--format", "csv", "--out", tmp_path / "answers.csv").out == ""
    rows = list(csv.DictReader((tmp_path / "answers.csv").open(encoding="utf-8")))
    assert len(rows) == 12 and all(float(row[f"p_{row['label']}"]) == float(row["confidence"]) for row in rows)
    assert all(os.path.basename(row["file"]).startswith(row["label"]) for row in rows)


def test_folders_of_folders_are_heard_unless_told_otherwise(predict, wav, tmp_path):
    wav("fear", "top.wav"), wav("fear", "deep/er/one.WAV"), wav("fear", ".hidden/two.wav"), wav("fear", ".x.wav")
    (tmp_path / "notes.txt").write_text("no recording")

    def names(done):
        return [line.split("  ")[0][len(str(tmp_path)) + 1 :] for line in done.out.splitlines()]

    assert names(predict(tmp_path)) == ["deep/er/one.WAV", "top.wav"]
    assert names(predict(tmp_path, "--no-recursive")) == ["top.wav"]


def test_the_rest_is_answered_when_some_cannot_be(predict, wav, tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "folder").mkdir()
    bad = ["missing.wav", tmp_path / "empty.wav", tmp_path / "folder"]
    done = predict(*bad, wav("fear"))
    assert done.status == 1 and done.out.count("fear (strach)") == 1
    assert [line[:7] for line in done.err.splitlines()] == ["tembr: "] * 3
    for said in ("no such file", "0 bytes", "no recordings in this folder"):
        assert said in done.err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_told_and_the_rest_done(predict, wav, tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    done = predict(tmp_path / "closed", wav("fear"))
    assert done.status == 1 and "cannot be read" in done.err and "fear" in done.out


def test_segments_are_lines_below_the_file(predict, wav):
    path = wav(np.zeros(3 * RATE))
    assert predict(path, "--segments").out == f"{path}  -  no_speech: no voice found\n"
    said = json.loads(predict(path, "--segments", "--format", "json").out)
    assert (said["segments"], said["warnings"]) == ([], ["no_speech: no voice found"])


def test_segments_of_a_call_have_times(predict, corpora_dir):
    path = next((corpora_dir / "nemo" / "samples").glob("*neutral*"))
    done = predict(path, "--segments")
    file, segment = done.out.splitlines()
    assert file == str(path) and segment.startswith("  00:0") and " – 00:0" in segment
    (line,) = predict(path, "--segments", "--format", "csv").out.splitlines()[1:]
    assert next(csv.reader(io.StringIO(line)))[0] == str(path)


def test_segments_of_a_call_may_be_uncertain(predict, corpora_dir):
    path = next((corpora_dir / "nemo" / "samples").glob("*neutral*"))
    (plain,) = json.loads(predict(path, "--segments", "--format", "json").out)["segments"]
    asked = ("--segments", "--min-confidence", 1)
    (segment,) = json.loads(predict(path, *asked, "--format", "json").out)["segments"]
    assert segment == plain | {"label": "uncertain", "polish": "niepewne"} != plain
    assert (
        f"  uncertain (niepewne)  {plain['confidence']:.2f}  likeliest {plain['label']} (" in predict(path, *asked).out
    )
    (row,) = csv.DictReader(io.StringIO(predict(path, *asked, "--format", "csv").out))
    assert (row["label"], row["likeliest"]) == ("uncertain", plain["label"])


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), 2, "Missing argument"),
        (("x.wav", "--format", "xml"), 2, "'xml' is not one of 'text', 'json', 'csv'"),
        (("x.wav", "--bundle", "nowhere"), 1, "name the folder"),
        (("x.wav", "--threads", "0"), 2, "threads"),
    ],
)
def test_wrong_commands_are_told(capsys, arguments, status, said):
    done = tembr_here(capsys, "predict", *arguments)
    assert done.status == status and said in done.err and done.out == ""


def test_an_output_that_cannot_be_written_is_told(predict, wav, tmp_path):
    (tmp_path / "file").touch()
    done = predict(wav("fear"), "--out", tmp_path / "file" / "answers.csv")
    assert done.status == 1 and done.one_line_error


def test_stdin_is_heard_through_a_pipe(bundle, wav):
    command = [sys.executable, "-m", "tembr.cli", "predict", "-", "--no-check-speech"]
    command += ["--bundle", str(bundle), "--format", "json"]
    done = subprocess.run(command, input=wav("sadness").read_bytes(), capture_output=True)
    assert json.loads(done.stdout)["label"] == "sadness" and done.stderr == b""


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/stdin is not there")
@pytest.mark.parametrize("form", ["wav", "flac"])
def test_a_pipe_by_its_path_is_heard_and_named(bundle, tmp_path, form):
    soundfile.write(tmp_path / f"clip.{form}", tone("sadness"), RATE)
    command = [sys.executable, "-m", "tembr.cli", "predict", "/dev/stdin", "--no-check-speech"]
    command += ["--bundle", str(bundle), "--format", "json"]
    done = subprocess.run(command, input=(tmp_path / f"clip.{form}").read_bytes(), capture_output=True)
    answer = json.loads(done.stdout)
    assert (answer["file"], answer["label"]) == ("/dev/stdin", "sadness") and done.stderr == b""


def test_a_reader_that_leaves_early_is_no_error(bundle, tones):
    many = " ".join([f"'{tones}'"] * 400)
    done = subprocess.run(
        f"'{sys.executable}' -m tembr.cli predict {many} --no-check-speech --bundle '{bundle}' | head -n 2",
        shell=True, capture_output=True, text=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 2 and done.stderr == ""


@pytest.mark.parametrize("closed", [">&-", "> /dev/full"])
def test_a_stdout_that_is_closed_or_full_shows_no_traceback(bundle, tones, closed):
    done = subprocess.run(
        f"'{sys.executable}' -m tembr.cli predict '{tones}' --bundle '{bundle}' {closed}",
        shell=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes only there")
def test_a_name_that_is_no_text_is_printed_somehow(bundle, wav, tmp_path):
    os.rename(wav("fear"), os.fsencode(tmp_path) + b"/caf\xe9\n.wav")
    for form in ("text", "json", "csv"):
        done = tembr("predict", str(tmp_path), "--bundle", str(bundle), "--format", form, "--no-check-speech")
        assert done.status == 0 and done.err == "" and "fear" in done.out


def test_tones_of_known_length_are_told_with_it(predict, wav):
    answer = json.loads(predict(wav(tone("fear", 1.25)), "--format", "json").out)
    assert (answer["start"], answer["end"]) == (0, 1.25)


SETS = {"speaker_independent": [0.2] * len(LEVELS), "adapted": [0.9] * len(LEVELS)}


@pytest.fixture
def with_sets(tmp_path):
    return make_bundle(tmp_path / "sets", set_thresholds=SETS)


@pytest.fixture
def predict_with(capsys, with_sets):
    return lambda *arguments: tembr_here(capsys, "predict", *map(str, arguments), "--bundle", str(with_sets))


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_a_coverage_names_the_emotions_that_cannot_be_excluded(predict_with, wav, with_sets, form):
    path = wav(1.25 * tone("fear"))
    said = predict_with(path, "--coverage", 0.9, "--format", form).out
    probabilities = load(with_sets).predict(path).probabilities
    expected = sorted((e for e, p in probabilities.items() if p >= 0.2), key=probabilities.get, reverse=True)
    assert len(expected) == 2
    if form == "text":
        assert said.endswith(f"possible {', '.join(map(display_name, expected))}\n")
    elif form == "json":
        assert json.loads(said)["possible"] == expected
    else:
        (row,) = csv.DictReader(io.StringIO(said))
        assert row["possible"] == "; ".join(expected)


def test_a_coverage_needs_calibrated_sets_and_whole_recordings(predict, predict_with, wav):
    done = predict(wav("fear"), "--coverage", 0.9)
    assert done.status == 1 and "has no sets calibrated for voices never heard" in done.err and done.out == ""
    assert predict_with(wav("fear"), "--coverage", 0.9, "--segments").status == 2
    for value in ("0.3", "1", "nan"):
        assert predict_with(wav("fear"), "--coverage", value).status == 2
