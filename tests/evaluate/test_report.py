"""The rows of a member's tables by hand; how they are written is in `test_report_tables`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tembr.errors import StoreError
from tembr.evaluate.coverage import Kept
from tembr.evaluate.metrics import score
from tembr.evaluate.report import read_probabilities, report_table, write_coverage, write_probabilities, write_report

LABELS = ("anger", "pride")


@pytest.fixture(scope="module")
def three():
    """Anger is recalled once of twice, pride, that has no Polish name, always."""
    return score(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), LABELS)


def table(**changes) -> pd.DataFrame:
    columns = {"file": "a.wav", "speaker": "A", "gender": "", "emotion": "anger", "predicted": "anger", "fold": "1"}
    return pd.DataFrame([columns | {"p_anger": 1.0} | changes])


def test_an_emotion_has_its_figures_and_no_interval(three):
    row = report_table(three).iloc[0]
    assert row[["emotion", "polish", "precision", "recall", "support"]].tolist() == ["anger", "złość", 1, 0.5, 2]
    assert row["f1"] == pytest.approx(2 / 3) and row[["value", "low", "high"]].isna().all()


def test_an_emotion_without_a_polish_name_has_an_empty_cell(three):
    assert report_table(three)["polish"].tolist()[1] == ""


def test_a_measure_has_its_interval_and_counts_all_recordings(three):
    row = report_table(three).set_index("emotion").loc["uar"]
    assert (row["value"], row["support"]) == (0.75, 3) and row["low"] <= 0.75 <= row["high"]
    assert row[["precision", "recall", "f1"]].isna().all()


def test_figures_have_four_decimals_in_the_file(three, tmp_path):
    assert write_report(three, tmp_path).read_text().splitlines()[1] == "anger,złość,1.0000,0.5000,0.6667,2,,,"


def test_where_nothing_is_answered_accuracy_is_an_empty_cell(tmp_path):
    path = write_coverage([Kept(0.5, 1.0, 0.75, 0.5), Kept(0.9, 0.0, None, None)], tmp_path)
    assert path.read_text() == "threshold,coverage,accuracy,uar\n0.5,1,0.75,0.5\n0.9,0,,\n"


def test_a_table_without_posteriors_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"probabilities\.csv: no column p_<label>; a table of posteriors needs them"):
        write_probabilities(table().drop(columns="p_anger"), tmp_path)


def test_all_that_is_missing_is_named_at_once(tmp_path):
    (tmp_path / "probabilities.csv").write_text("file,emotion\na,b\n")
    with pytest.raises(StoreError, match="no column speaker, gender, predicted, fold, p_<label>;"):
        read_probabilities(tmp_path)


def test_what_is_no_column_of_the_table_is_not_written(tmp_path):
    assert "comment" not in write_probabilities(table(comment="x"), tmp_path).read_text()


def test_posteriors_have_nine_digits(tmp_path):
    write_probabilities(table(p_anger=1 / 3), tmp_path)
    assert read_probabilities(tmp_path)["p_anger"][0] == 0.333333333
