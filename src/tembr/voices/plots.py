"""An experiment to look at: is its confidence to be believed, and what is left where unsure answers are withheld."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tembr.evaluate.reliability import coverage_png, reliability_png

TITLES = {"unknown": "nothing known of the speaker", "known": "adapted to the speaker"}


def draw(predictions: pd.DataFrame, folder: Path) -> list[Path]:
    """Reliability diagram and coverage–accuracy curve of every way of asking, all seeds together.

    Args:
        predictions: `predictions.csv` of an experiment.
        folder: gets `MODE_reliability.png` and `MODE_coverage.png`.

    Returns:
        what was written.

    Raises:
        StoreError: a file could not be written.
    """
    columns = [name for name in predictions if name.startswith("p_")]
    labels, written = [name.removeprefix("p_") for name in columns], []
    for mode, some in predictions.groupby("mode", sort=False):
        truth, posteriors = some["emotion"].map(labels.index).to_numpy(), some[columns].to_numpy()
        title = TITLES[mode]
        written += [
            reliability_png({"answers": posteriors}, truth, folder / f"{mode}_reliability.png", title),
            coverage_png(truth, posteriors, folder / f"{mode}_coverage.png", title),
        ]
    return written
