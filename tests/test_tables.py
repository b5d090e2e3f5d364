"""Tables that a spreadsheet shows and does not run, and that come back as they were."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tembr
from tembr.corpora import load_corpus, write_table
from tembr.corpora.corpus import Corpus, Utterance
from tembr.evaluate.frames import read_frame, write_frame
from tembr.evaluate.report import read_probabilities, write_probabilities
from tembr.experiment.recordings import read_listed
from tembr.experiment.run import _write_splits
from tembr.splits import Fold
from tembr.tables import cell, line, original, write
from tests.command import tembr_here

SOURCE = Path(tembr.__file__).parent
CALM = Path(__file__).parents[1] / "examples" / "calm.flac"
FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''@x", '=HYPERLINK("x","y")']
RUN = re.compile(r"[=+\-@\t\r]")


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_written_as_text_and_read_as_it_was(text):
    (written,) = next(csv.reader([line([text])]))
    assert written.startswith("'") and original(written) == text


@pytest.mark.parametrize("text", ["anna", "-3.5", "+1e-05", "", "'tis", "a=b", "5", "złość"])
def test_everything_else_is_written_as_it_is(text):
    assert cell(text) == text == original(text)


def test_numbers_stay_numbers(tmp_path):
    write(tmp_path / "t.csv", ("a", "b", "c"), [{"a": -1, "b": -0.5, "c": None}])
    assert (tmp_path / "t.csv").read_bytes() == b"a,b,c\n-1,-0.5,\n"


@given(st.text(st.characters(codec="utf-8"), max_size=8))
def test_any_text_comes_back(text):
    assert original(cell(text)) == text


@given(
    st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6), st.floats(-9, 9)))
)
def test_any_frame_comes_back(tmp_path_factory, rows):
    frame = pd.DataFrame(rows, columns=["name", "value"]).astype({"name": object, "value": float})
    path = tmp_path_factory.mktemp("frame") / "f.csv"
    write_frame(frame, path)
    again = read_frame(path, dtype={"name": str}, keep_default_na=False)
    assert again["name"].tolist() == frame["name"].tolist()
    assert again["value"].astype(float).tolist() == frame["value"].tolist()


def test_every_table_of_the_package_is_written_in_one_place():
    writers = re.compile(r"csv\.writer|DictWriter|to_csv\(")
    places = [p.name for p in SOURCE.rglob("*.py") if writers.search(p.read_text(encoding="utf-8"))]
    assert places == ["tables.py"]


@pytest.fixture
def corpus(tmp_path) -> Corpus:
    names = ["=1+1.wav", "+a.wav", "-b.wav", "@c.wav", "'=d.wav", "plain.wav"]
    for name in names:
        shutil.copy(CALM, tmp_path / name)
    speakers = ["=A", "+B", "-C", "@D", "'=E", "F"]
    return Corpus(
        "odd", tuple(Utterance(n, tmp_path / n, "anger", s, text="=2*3") for n, s in zip(names, speakers))
    )  # fmt: skip


def test_a_table_of_a_corpus_is_read_back_as_a_manifest(corpus, tmp_path):
    write_table(corpus, tmp_path / "dataset_info.csv")
    assert not any(map(RUN.match, cells_of(tmp_path / "dataset_info.csv")))
    again = load_corpus("manifest", tmp_path / "dataset_info.csv")
    assert [(u.file, u.speaker, u.text) for u in again.utterances] == [
        (u.file, u.speaker, u.text) for u in corpus.utterances
    ]


def test_an_apostrophe_in_a_table_of_ones_own_stays_one(tmp_path):
    (tmp_path / "mine.csv").write_text("file,emotion,text\na.wav,anger,'-no!\n")
    assert load_corpus("manifest", tmp_path / "mine.csv").utterances[0].text == "'-no!"


def test_a_study_finds_its_recordings_again(corpus, tmp_path):
    fold = Fold("=fold", np.array([0, 1]), np.array([2, 3]), np.array([4, 5]), np.arange(4), ())
    _write_splits(corpus, [fold], tmp_path)
    _write_splits(corpus, [fold], tmp_path)  # the same as before
    write_table(corpus, tmp_path / "dataset_info.csv")
    assert not any(map(RUN.match, cells_of(tmp_path / "splits.csv")))
    utterances = read_listed(tmp_path / "dataset_info.csv")
    assert [(u.file, u.speaker) for u in utterances] == [(u.file, u.speaker) for u in corpus.utterances]


def test_posteriors_of_a_study_are_read_back(corpus, tmp_path):
    rows = [
        {"file": u.key, "speaker": u.speaker, "gender": "", "emotion": "-x", "predicted": "-x", "fold": "", "p_-x": 1.0}
        for u in corpus.utterances
    ]
    path = write_probabilities(rows, tmp_path)
    assert not any(map(RUN.match, cells_of(path)))
    again = read_probabilities(tmp_path)
    assert again[["file", "speaker", "emotion"]].to_dict("records") == [
        {key: row[key] for key in ("file", "speaker", "emotion")} for row in rows
    ]


def test_answers_and_evaluations_hold_no_formula(corpus, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(corpus, tmp_path / "dataset_info.csv")
    done = tembr_here(capsys, "predict", "=1+1.wav", "@c.wav", "--format", "csv")
    assert [row[0] for row in csv.reader(done.out.splitlines())] == ["file", "'=1+1.wav", "'@c.wav"]
    evaluation = ("evaluate", "--corpus", "manifest", "--corpus-dir", "dataset_info.csv", "--out", "out", "-q")
    assert tembr_here(capsys, *evaluation).status == 0
    assert not any(map(RUN.match, cells_of(tmp_path / "out" / "probabilities.csv")))
    assert read_probabilities(tmp_path / "out")["file"].tolist() == [u.file for u in corpus.utterances]


def cells_of(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return [text for row in csv.reader(file) for text in row]
