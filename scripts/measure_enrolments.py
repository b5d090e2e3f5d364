"""What adapting is worth by the number of recordings, and how much that hangs on which ones are drawn.

uv run --all-extras python scripts/measure_enrolments.py STUDY

STUDY is a finished study of the default recipe. The ensemble is searched and adapted anew for every number of
recordings and seed: of the search, and of the draw of what is adapted to. Writes docs/results/default/enrolments.csv.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd

from tembr.ensemble import EnsembleSettings, run_ensemble
from tembr.evaluate.frames import write_frame

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "enrolments.csv"
DRAWN = ((30, 42), (10, 42), (100, 42), (30, 43), (30, 44))
"""Recordings that are adapted to, and seed."""

MEASURES = ("uar", "macro_f1", "ece")


def main(study: Path) -> None:
    rows = []
    for recordings, seed in DRAWN:
        settings = EnsembleSettings(protocols=("speaker",), trials=50, adapt=recordings, seed=seed, track=False)
        with tempfile.TemporaryDirectory() as out:
            facts = run_ensemble(study, settings, out).facts
        alone, adapted = facts.metrics["speaker"], facts.adaptation.metrics["speaker"]
        row = {"recordings": recordings, "seed": seed}
        for scores, suffix in ((alone, ""), (adapted, "_adapted")):
            row |= {f"{name}{suffix}": scores[name]["value"] for name in MEASURES}
            row[f"confident_half{suffix}"] = scores["accuracy_on_confident_half"]["value"]
        rows.append(row)
        print(row, flush=True)
        write_frame(pd.DataFrame(rows), OUT, "%.4f")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
