"""Data frames as CSV and back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tembr.errors import StoreError
from tembr.evaluate.frames import read_frame, write_frame


def test_a_frame_is_written_without_its_index_and_with_its_format(tmp_path):
    frame = pd.DataFrame({"name": ["a", "b"], "share": [1 / 3, 1.0], "n": [3, 4]}, index=[7, 8])
    write_frame(frame, tmp_path / "x.csv", "%.3g")
    assert (tmp_path / "x.csv").read_text() == "name,share,n\na,0.333,3\nb,1,4\n"


def test_without_a_format_numbers_keep_every_digit(tmp_path):
    write_frame(pd.DataFrame({"x": [1 / 3]}), tmp_path / "x.csv")
    assert read_frame(tmp_path / "x.csv")["x"][0] == 1 / 3


def test_what_is_not_known_is_an_empty_cell(tmp_path):
    write_frame(pd.DataFrame({"x": [0.5, np.nan], "y": ["a", None]}), tmp_path / "x.csv", "%.1f")
    assert (tmp_path / "x.csv").read_text() == "x,y\n0.5,a\n,\n"


def test_a_name_like_a_formula_is_no_formula_in_the_file_and_itself_again(tmp_path):
    frame = pd.DataFrame({"speaker": ["=1+1", "anna"], "x": [-1.5, 2.0]})
    write_frame(frame, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines()[1] == "'=1+1,-1.5"
    pd.testing.assert_frame_equal(read_frame(tmp_path / "x.csv"), frame)


def test_options_are_those_of_pandas(tmp_path):
    (tmp_path / "x.csv").write_text("fold,x\n03,\n")
    assert read_frame(tmp_path / "x.csv", dtype=str, keep_default_na=False).to_dict("records") == [
        {"fold": "03", "x": ""}
    ]


def test_a_cell_that_is_empty_stays_unknown(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n'=1,2\n,3\n")
    assert read_frame(tmp_path / "x.csv")["a"].isna().tolist() == [False, True]


def test_a_frame_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "x.csv").mkdir()
    with pytest.raises(StoreError, match="cannot write"):
        write_frame(pd.DataFrame({"a": [1]}), tmp_path / "x.csv")
