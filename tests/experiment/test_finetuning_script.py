"""scripts/measure_finetuning.py on studies made by hand."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from tembr.errors import StoreError
from tests.scripts import loaded
from tests.small_study import write_study


@pytest.fixture(scope="module")
def script():
    with loaded("measure_finetuning") as module:
        module.ENROLMENT = 2
        yield module


def logits(truth: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of two classes: 2 for the true one where it is `right`, for the other elsewhere."""
    return 2.0 * np.eye(2)[np.where(right, truth, 1 - truth)]


def test_every_way_by_hand(script):
    """Of the frozen members the surer one errs once, the trained one elsewhere: two of three are right each time."""
    truth = np.array([0, 0, 1, 1])
    frozen = [logits(truth, np.array([1, 1, 1, 1])), 2 * logits(truth, np.array([0, 1, 1, 1]))]
    tuned = [3 * logits(truth, np.array([1, 1, 1, 0]))]
    row = script.row_of({"frozen": frozen, "tuned": tuned, "both": frozen + tuned}, truth)
    assert (row["recordings"], row["frozen"], row["tuned"], row["both"]) == (4, 0.75, 0.75, 1.0)


def test_adapted_to_some_the_others_are_scored_without_their_mean(script):
    """Everything is answered 1 by a bias of the speaker, which the mean of two recordings, one of each, takes away."""
    truth = np.array([0, 1] * 10)
    biased = logits(truth, truth == truth) + np.array([0.0, 5.0])
    drawn = np.random.default_rng(script.SEED).permutation(20)[:2]
    row = script.row_of({"frozen": [biased]}, truth)
    assert row["frozen"] == 0.5
    expected = 1.0 if truth[drawn[0]] != truth[drawn[1]] else 0.5
    assert row["frozen_adapted"] == expected


def test_finished_folds_alone_count_and_the_mean_is_last(script, tmp_path, capsys):
    write_study(tmp_path / "frozen", "chroma", "rms")
    write_study(tmp_path / "tuned", "mfcc")
    (tmp_path / "tuned" / "mfcc" / "fold-B" / "fold.json").unlink()
    script.main(tmp_path / "frozen", tmp_path / "tuned", tmp_path / "found.csv")
    table = pd.read_csv(tmp_path / "found.csv")
    assert list(table["speaker"]) == ["A", "C", "mean"]
    assert table["tuned"][2] == pytest.approx(table["tuned"][:2].mean(), abs=1e-4)
    assert "mean" in capsys.readouterr().out


def test_a_study_of_which_nothing_is_finished_is_said(script, tmp_path):
    write_study(tmp_path, "mfcc")
    for fold in tmp_path.glob("mfcc/fold-*"):
        shutil.rmtree(fold)
    with pytest.raises(StoreError, match="no fold of mfcc is finished"):
        script.finished_folds(tmp_path)
