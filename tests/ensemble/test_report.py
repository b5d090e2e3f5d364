"""What an ensemble leaves behind under one protocol: tables by hand, and what is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from optuna.storages import InMemoryStorage

from tembr.ensemble import report
from tembr.ensemble.combiners import CHOICES
from tembr.ensemble.heldout import read_heldout
from tembr.ensemble.measure import Measured, measure
from tembr.ensemble.members import finished_members, read_protocol
from tembr.ensemble.report import ProtocolResult, Reporter, significance_table, weights_table
from tembr.ensemble.search import search
from tembr.ensemble.settings import EnsembleSettings
from tembr.errors import StoreError
from tembr.evaluate.results import MemberResult
from tests.small_study import write_study


def result(name: str, **summary) -> MemberResult:
    return MemberResult(name, "random", "network", {"member": name, "protocol": "random", "kind": "network"} | summary)


def done(*names: str) -> ProtocolResult:
    return ProtocolResult("abc", tuple(map(result, names)), names[0], {"rms": 1.0}, 1.5, {"trials": 3}, {}, {})


def found(**weights: float):
    searched = SimpleNamespace(weights=dict.fromkeys(weights, 0.5))
    return SimpleNamespace(weighting=SimpleNamespace(weights=weights, temperature=2.0), searched=searched, share=0.3)


@pytest.fixture
def reporter(tmp_path, monkeypatch):
    """Of two members under the speaker protocol, without its pictures."""
    monkeypatch.setattr(Reporter, "_pictures", lambda *_: None)
    for picture in ("comparison_png", "write_page"):
        monkeypatch.setattr(report, picture, lambda *_: None)
    study = write_study(tmp_path / "study", "chroma", "rms")
    protocol = read_protocol(study, tmp_path / "study", "speaker")
    members = list(finished_members(protocol).values())
    settings = EnsembleSettings(trials=3, combiner="stacking", adapt=0)
    return Reporter(study, settings, protocol, members, read_heldout(protocol, members), tmp_path / "out")


def measured(reporter: Reporter) -> Measured:
    storage = InMemoryStorage()
    searcher = lambda fold, names, part: search(names, part, reporter.settings, storage, fold)  # noqa: E731
    return measure(reporter.heldout, reporter.settings, searcher, by_speaker=True)


def written(reporter: Reporter) -> ProtocolResult:
    return reporter.write(measured(reporter), [], "abc")


def test_results_come_back_as_written(tmp_path):
    done("ensemble", "rms").write(tmp_path)
    assert ProtocolResult.read(tmp_path) == done("ensemble", "rms")


def test_a_result_is_found_by_its_name():
    assert done("ensemble", "rms").of("rms") == result("rms")


@pytest.mark.parametrize("content", ["[]", "{", '{"results": [{}]}', '{"results": [], "identity": "x"}'])
def test_damaged_results_are_one_line(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(StoreError, match=r"results\.json: missing or damaged .*run `tembr ensemble` again"):
        ProtocolResult.read(tmp_path)


def test_weights_have_a_row_a_fold_and_member():
    table = weights_table(SimpleNamespace(searches={"A": found(rms=0.25, zcr=0.75), "all folds": found(rms=1.0)}))
    assert table.to_numpy().tolist() == [
        ["A", "rms", 0.25, 2.0, 0.5, 0.3],
        ["A", "zcr", 0.75, 2.0, 0.5, 0.3],
        ["all folds", "rms", 1.0, 2.0, 0.5, 0.3],
    ]


def test_the_ensemble_is_tested_against_every_other_by_hand():
    """Right where one of them is wrong in 5 recordings of 6: p = 2 · (1/2)⁵; alike: 1. Holm doubles the smaller."""
    truth = ["a"] * 6
    tables = {
        name: pd.DataFrame({"emotion": truth, "predicted": said})
        for name, said in {"ensemble": truth, "worse": ["b"] * 5 + ["a"], "same": truth}.items()
    }
    table = significance_table(tables).set_index("against")
    assert table.loc["worse", ["n", "n01", "n10", "p", "p_holm"]].tolist() == [6, 0, 5, 1 / 16, 1 / 8]
    assert table.loc["same", ["p", "p_holm"]].tolist() == [1, 1]


def test_the_combiner_asked_for_is_called_the_ensemble_and_the_weighted_one_ships(reporter):
    made = written(reporter)
    names = [one.member for one in made.results]
    assert names == ["ensemble", *(way for way in CHOICES if way != "stacking"), "chroma", "rms"]
    assert made.weighted == "weighted"


def test_a_way_costs_what_the_largest_of_its_folds_needs_and_all_that_was_fitted_for_it(reporter):
    outcome = measured(reporter)
    uses = (frozenset({"rms"}), frozenset({"chroma", "rms"}), frozenset({"chroma"}))
    outcome.ways["weighted"] = replace(outcome.ways["weighted"], uses=uses)
    made = reporter.write(outcome, [], "abc")
    summaries = [made.of(name).summary for name in ("weighted", "rms")]
    assert [(one["parameters"], one["train_seconds"], one["epochs"]) for one in summaries] == [
        (20, 4.0, 2),
        (10, 2.0, 1),
    ]


def test_members_keep_their_kind_beside_the_ways_of_joining(reporter):
    kinds = {one.member: one.kind for one in written(reporter).results}
    assert (kinds["rms"], kinds["ensemble"], kinds["weighted"]) == ("network", "ensemble", "ensemble")


def test_the_summary_has_what_was_found_beside_the_scores(reporter):
    made = written(reporter)
    summary = json.loads((reporter.folder / "summary.json").read_text())
    assert (summary["weights"], summary["temperature"]) == (made.weights, made.temperature)
    assert summary["n"] == 12 and "adapted" not in summary


def test_the_search_of_several_folds_is_said_to_be_pooled(reporter):
    searched = written(reporter).search
    assert (searched["part"], searched["recordings"]) == ("held-out logits of all 3 folds, pooled", 12)
    assert (searched["trials"], searched["protocol"]) == (3, "speaker")


def test_every_trial_of_every_search_is_a_row(reporter):
    written(reporter)
    trials = pd.read_csv(reporter.folder / "trials.csv")
    assert trials.groupby("fold", sort=False).size().to_dict() == {"A": 3, "B": 3, "C": 3, "all folds": 3}
    assert (trials["weight chroma"] + trials["weight rms"]).tolist() == pytest.approx([1] * 12)
