"""The page of goals: every row from an experiment's file, what is missing said to be missing."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra train)")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script as a module that writes below `tmp_path`."""
    spec = importlib.util.spec_from_file_location("unseen_results", ROOT / "scripts" / "unseen_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("README.md", "README.pl.md", "docs/experiments.md", "docs/experiments.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for path in (ROOT / "docs" / "results").rglob("summary.json"):
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(ROOT))
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "docs" / "results")
    monkeypatch.setattr(module, "KEPT", tmp_path / "docs" / "results" / "unseen")
    return module


def experiment(runs: Path, name: str, unknown: float, known: float | None) -> None:
    """A `results.json` with these figures."""
    lines = [
        {
            "mode": mode, "uar": value, "accuracy": value, "ece": 0.04, "confident": 0.9, "spread": 0.01,
            "speakers": {"A": value}, "scores": {"uar": {"low": 0.1, "high": 0.9}},
        }
        for mode, value in (("unknown", unknown), ("known", known))
        if value is not None
    ]  # fmt: skip
    (runs / name).mkdir(parents=True)
    (runs / name / "results.json").write_text(json.dumps({"recipe": {"seeds": [0, 1]}, "lines": lines}))


def rows(page: str, what: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(f"| {what}")]


def test_rows_are_reached_and_missed_by_their_goals(script, tmp_path):
    runs = tmp_path / "runs"
    for name, unknown, known in (
        ("default", 0.66, 0.7), ("default_clean", 0.66, 0.7), ("sentences", 0.65, 0.6), ("random", 0.6, None),
        ("random_spectra", 0.99, None), ("random_mean_spectrum", 0.971, None), ("speaker_mean_spectrum", 0.311, None),
        ("default_phone", 0.64, 0.5), ("default_microphone", 0.5, 0.4),
    ):  # fmt: skip
        experiment(runs, name, unknown, known)
    script.main(runs, None)
    page = (tmp_path / "docs/results/unseen.md").read_text()
    assert "0.660" in rows(page, "nEMO, nothing")[0] and "reached" in rows(page, "nEMO, nothing")[0]
    assert "0.700" in rows(page, "nEMO, adapted")[0] and "missed" in rows(page, "nEMO, adapted")[0]
    alone, adapted = rows(page, "nEMO, sentence unseen too")
    assert "+0.010" in alone and "reached" in alone and "+0.100" in adapted and "missed" in adapted
    assert "0.990" in rows(page, "nEMO, random split")[0] and "reached" in rows(page, "nEMO, random split")[0]
    alone, adapted = rows(page, "telephone band")
    assert "+0.020 to 0.640" in alone and "reached" in alone and "+0.200" in adapted and "missed" in adapted
    assert len(rows(page, "an equaliser of its own")) == 2
    assert not any("missed" in one or "reached" in one for one in rows(page, "an equaliser of its own"))
    assert "not measured" in rows(page, "MP3")[0] and "not measured" in rows(page, "EMO-DB")[0]
    assert "0.971 | 0.311" in rows(page, "the mean spectrum of a recording")[0]
    assert "97.1% | 31.1%" in (tmp_path / "README.md").read_text()
    assert (tmp_path / "docs/results/unseen/random_and_unseen.png").stat().st_size > 1_000


def test_without_any_experiment_everything_is_missing(script, tmp_path):
    script.main(tmp_path / "nowhere", None)
    page = (tmp_path / "docs/results/unseen.md").read_text()
    assert "reached" not in page and "missed" not in page and page.count("not measured") > 15
