"""Reading what commands left in docs/results."""

from __future__ import annotations

import csv
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"


def facts_of(recipe: str = "default", name: str = "ensemble") -> dict:
    """An `ensemble.json` that `tembr ensemble` wrote."""
    return json.loads((RESULTS / recipe / f"{name}.json").read_text(encoding="utf-8"))


def rows_of(name: str) -> list[dict[str, str]]:
    """A table of the default recipe that a script wrote."""
    with open(RESULTS / "default" / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
