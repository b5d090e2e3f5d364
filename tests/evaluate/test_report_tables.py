"""The tables of a member, and that a file is written whole or not at all."""

import errno

import numpy as np
import pandas as pd
import pytest

from tembr.emotions import EMOTIONS
from tembr.errors import StoreError
from tembr.evaluate import report
from tembr.files import atomic_write


@pytest.fixture
def answers():
    return {
        "file": ["a.wav", "b.wav"],
        "speaker": ["03", None],
        "gender": ["female", "male"],
        "emotion": ["anger", "fear"],
        "predicted": ["anger", "anger"],
        "fold": [0, 1],
        "p_anger": [0.9, 2 / 3],
        "p_fear": [0.1, 1 / 3],
    }


@pytest.fixture
def full_disk(monkeypatch):
    """The header of a table still fits."""

    def refuse(cells):
        cells = list(cells)
        if "emotion" not in cells:
            raise OSError(errno.ENOSPC, "No space left on device")
        return ",".join(cells) + "\n"

    monkeypatch.setattr("tembr.tables.line", refuse)


def test_report_has_a_row_an_emotion_then_a_row_a_measure(scores, tmp_path):
    rows = pd.read_csv(report.write_report(scores, tmp_path))["emotion"]
    assert tuple(rows) == (*EMOTIONS, "accuracy", "uar", "macro_f1", "ece")


def test_report_names_emotions_in_polish(scores, tmp_path):
    table = pd.read_csv(report.write_report(scores, tmp_path), index_col="emotion")
    assert table.loc["anger", "polish"] == "złość"


def test_report_holds_the_interval_of_uar(scores, tmp_path):
    row = pd.read_csv(report.write_report(scores, tmp_path), index_col="emotion").loc["uar"]
    expected = [scores.uar.value, scores.uar.low, scores.uar.high]
    np.testing.assert_allclose(row[["value", "low", "high"]].astype(float), expected, atol=5e-5)


def test_probabilities_come_back_as_written(answers, tmp_path):
    report.write_probabilities(answers, tmp_path)
    back = report.read_probabilities(tmp_path)
    np.testing.assert_allclose(back["p_anger"], answers["p_anger"], atol=1e-8)
    assert list(back.columns) == list(answers)


def test_speaker_03_stays_text(answers, tmp_path):
    report.write_probabilities(answers, tmp_path)
    assert list(report.read_probabilities(tmp_path)["speaker"]) == ["03", ""]


def test_columns_are_written_in_the_agreed_order(answers, tmp_path):
    shuffled = dict(reversed(answers.items()))
    path = report.write_probabilities(shuffled, tmp_path)
    assert path.read_text().startswith("file,speaker,gender,emotion,predicted,fold,p_")


def test_a_missing_column_is_named(answers, tmp_path):
    del answers["fold"]
    with pytest.raises(StoreError, match="no column fold"):
        report.write_probabilities(answers, tmp_path)


def test_reading_what_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(StoreError, match="run the study of this member again"):
        report.read_probabilities(tmp_path)


def test_posteriors_that_are_no_numbers_are_refused(answers, tmp_path):
    report.write_probabilities(answers | {"p_fear": ["0.1", "much"]}, tmp_path)
    with pytest.raises(StoreError, match="p_fear"):
        report.read_probabilities(tmp_path)


def test_a_full_disk_is_told_in_one_line(scores, tmp_path, full_disk):
    with pytest.raises(StoreError, match=r"report\.csv: No space left on device; free some disk space"):
        report.write_report(scores, tmp_path)


def test_a_failing_write_leaves_the_old_file(scores, tmp_path, full_disk):
    (tmp_path / "report.csv").write_text("old")
    with pytest.raises(StoreError):
        report.write_report(scores, tmp_path)
    assert (tmp_path / "report.csv").read_text() == "old"


def test_a_failing_write_leaves_no_temporary_file(scores, tmp_path, full_disk):
    with pytest.raises(StoreError):
        report.write_report(scores, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_any_error_in_the_block_removes_the_temporary_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "x.csv") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_file_keeps_folder_and_suffix(tmp_path):
    with atomic_write(tmp_path / "x.png") as temporary:
        temporary.write_text("picture")
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".png")


def test_the_folder_is_made(tmp_path):
    with atomic_write(tmp_path / "new" / "x.csv") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "new" / "x.csv").read_text() == "whole"


def test_a_file_in_the_place_of_the_folder_is_an_error_for_people(tmp_path):
    (tmp_path / "study").write_text("a file")
    with (
        pytest.raises(StoreError, match="cannot write"),
        atomic_write(tmp_path / "study" / "x.csv") as temporary,
    ):
        temporary.write_text("whole")
