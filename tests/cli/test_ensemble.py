"""`tembr ensemble`: what it asks for and what it says, with nothing searched."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
from tests.command import tembr_here

import tembr.ensemble
from tembr.ensemble.settings import EnsembleSettings


@pytest.fixture
def asked(monkeypatch) -> list:
    """Studies, settings and folders that an ensemble was asked for; each is made of a report alone."""
    calls = []

    def run_ensemble(study, settings, out, progress):
        calls.append((study, settings, out))
        out.mkdir(parents=True)
        (out / "comparison.md").write_text("| member | żółw |\n", encoding="utf-8")
        rows = [("mfcc", 0.0421), ("equal", 1.0)]
        table = pd.DataFrame(rows, columns=["against", "p_holm"])
        facts = SimpleNamespace(metrics={"random": {}, "speaker": {}})
        return SimpleNamespace(folder=out, facts=facts, table=lambda name, protocol: {"mcnemar": table}[name])

    monkeypatch.setattr(tembr.ensemble, "run_ensemble", run_ensemble)
    return calls


@pytest.fixture
def ensemble(capsys, tmp_path, asked):
    return lambda *words: tembr_here(capsys, "ensemble", "--study", str(tmp_path / "study"), "-q", *map(str, words))


def test_without_options_settings_are_the_usual_ones_and_the_folder_is_the_studys(ensemble, asked, tmp_path):
    assert ensemble().status == 0
    assert asked == [(tmp_path / "study", EnsembleSettings(), tmp_path / "study" / "ensemble")]


def test_options_become_settings(ensemble, asked, tmp_path):
    words = "--members", "mfcc, rms", "--best", 2, "--protocol", "speaker", "--trials", 9, "--timeout", 5, "--seed", 7
    words += "--l1", 0.5, "--storage", "sqlite:///x.db", "--combiner", "stacking", "--adapt", 0, "--refit"
    assert ensemble(*words, "--ship", "speaker", "--no-track", "--out", tmp_path / "joined").status == 0
    (_, settings, out), wanted = asked[0], EnsembleSettings(
        members=("mfcc", "rms"), best=2, protocols=("speaker",), trials=9, timeout=5, seed=7, l1=0.5,
        storage="sqlite:///x.db", combiner="stacking", adapt=0, refit=True, ship="speaker", track=False,
    )  # fmt: skip
    assert (settings, out) == (wanted, tmp_path / "joined")


@pytest.mark.parametrize(("name", "status"), [("knora", 0), ("uniform weights", 0), ("mean", 2)])
def test_every_combiner_of_the_table_may_be_named_and_no_other(ensemble, name, status):
    done = ensemble("--combiner", name)
    assert done.status == status and (not status or "'knora'" in done.err)


def test_the_report_is_said_with_a_line_of_tests_for_each_protocol(ensemble, tmp_path):
    tests = "ensemble against mfcc p = 0.042, equal p = 1 (McNemar, corrected for 2 tests)"
    assert ensemble().out.splitlines() == [
        "| member | żółw |", "", f"random: {tests}", f"speaker: {tests}", "", str(tmp_path / "study" / "ensemble"),
    ]  # fmt: skip


def test_a_setting_out_of_range_is_one_line_before_any_work(ensemble, asked):
    done = ensemble("--timeout", -1)
    assert done.status == 1 and done.one_line_error and "timeout = -1.0: " in done.err and not asked


def test_a_folder_of_something_else_is_refused_before_any_work(ensemble, asked, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").touch()
    done = ensemble("--out", tmp_path / "thesis")
    assert done.status == 1 and done.one_line_error and "no ensemble.json" in done.err and not asked
