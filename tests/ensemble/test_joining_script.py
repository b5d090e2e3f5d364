"""scripts/measure_joining.py on ensembles made by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tembr.ensemble import EnsembleFolder
from tembr.ensemble.folder import EnsembleFacts
from tembr.experiment.settings import load_settings
from tests.scripts import loaded

TRUTH = ["anger", "fear"] * 10
WRONG = {"weighted": 2, "uniform weights": 8, "rms": 9}
"""Recordings of the twenty that each gets wrong, the first ones."""


@pytest.fixture(scope="module")
def script():
    with loaded("measure_joining") as module:
        yield module


def leave_ensemble(study: Path, wrong: dict[str, int] = WRONG, protocol: str = "random") -> Path:
    """What `tembr ensemble` leaves of these answers."""
    of = {"weighted": "ensemble"}
    scores = {of.get(way, way): {"accuracy": whole(1 - n / 20), "uar": whole(1 - n / 20)} for way, n in wrong.items()}
    facts = EnsembleFacts(
        {"rms": 1.0}, 1.0, ["anger", "fear"], [], metrics={protocol: {}}, combiners={protocol: scores}
    )
    EnsembleFolder(study / "ensemble", facts, load_settings(members=["rms"])).write()
    answers = {way: [TRUTH[k + 1] if k < n else TRUTH[k] for k in range(20)] for way, n in wrong.items()}
    table = pd.DataFrame({"file": range(20), "fold": "all", "emotion": TRUTH, **answers})
    table.to_csv(study / "ensemble" / "answers.csv", index=False)
    return study


def whole(value: float) -> dict:
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def test_a_way_beside_equal_weights_by_hand(script, tmp_path):
    """Right in six recordings of equal weights' eight wrong ones, and wrong in none of theirs: p = 2 · (1/2)⁶."""
    first, equal = script.study_rows(leave_ensemble(tmp_path / "s42"))
    assert (first["study"], first["protocol"], first["combiner"]) == ("s42", "random", "weighted")
    assert (first["n"], first["accuracy"], first["uar_high"]) == (20, 0.9, 1.0)
    assert first["difference"] == pytest.approx(0.3) and 0 < first["difference_low"] < 0.3 < first["difference_high"]
    assert (first["only_this_wrong"], first["only_equal_wrong"], first["p"]) == (0, 6, 2 / 2**6)
    assert (equal["combiner"], equal["difference"], equal["p"]) == ("uniform weights", 0, 1)


def test_members_alone_are_left_out(script, tmp_path):
    assert "rms" not in [row["combiner"] for row in script.study_rows(leave_ensemble(tmp_path / "s42"))]


def test_the_folder_of_the_ensemble_itself_is_as_good(script, tmp_path):
    study = leave_ensemble(tmp_path / "s42")
    row = script.study_rows(study / "ensemble")[0]
    assert (row["study"], row["accuracy"]) == ("s42", 0.9)


def test_studies_under_one_protocol_have_a_mean_and_others_none(script, tmp_path):
    studies = [
        leave_ensemble(tmp_path / "s42"),
        leave_ensemble(tmp_path / "s43", WRONG | {"weighted": 4}),
        leave_ensemble(tmp_path / "voices", protocol="speaker"),
    ]
    script.main(studies, tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    means = table[table["study"] == "mean"].set_index("combiner")
    assert set(means["protocol"]) == {"random"} and len(table) == 8
    assert means.loc["weighted", ["accuracy", "difference"]].tolist() == pytest.approx([0.85, 0.25])
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    assert "| combiner | s42 | s43 | mean |" in text and "| combiner | voices |" in text
    assert "| 85.0%, 85.0%; +25.0 |" in text and "p = 0.031 |" in text
