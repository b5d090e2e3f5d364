"""What an ensemble takes for what, speaker by speaker: where its answers to unseen speakers are wrong.

uv run --all-extras python scripts/measure_confusions.py ENSEMBLE

ENSEMBLE is the folder that `tembr ensemble` left in a study by unseen speakers. Writes
docs/results/default/confusions.csv: of each speaker and emotion, how often each other one was answered,
speaker-independent and adapted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from tembr.evaluate.frames import read_frame, write_frame

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "confusions.csv"

WAYS = {"speaker-independent": ("answers.csv", "weighted"), "adapted": ("adapted.csv", "predicted")}
"""Way of asking → table of the ensemble's folder and its column of answers."""


def confusions(answers: pd.DataFrame) -> pd.DataFrame:
    """Wrong answers counted.

    Args:
        answers: `speaker`, `emotion` and `answer` of each recording.

    Returns:
        `speaker`, `emotion`, `answer`, `recordings` that got it, `share` of that speaker's of that emotion; most
        frequent first within a speaker.
    """
    every = answers.groupby(["speaker", "emotion"]).size()
    wrong = answers[answers["answer"] != answers["emotion"]]
    found = wrong.groupby(["speaker", "emotion", "answer"]).size().rename("recordings").reset_index()
    found["share"] = [row.recordings / every[row.speaker, row.emotion] for row in found.itertuples()]
    order = ["speaker", "recordings", "emotion", "answer"]
    return found.sort_values(order, ascending=[True, False, True, True]).reset_index(drop=True)


def main(ensemble: Path) -> None:
    parts = []
    for way, (table, column) in WAYS.items():
        answers = read_frame(ensemble / table).rename(columns={column: "answer"})
        if "speaker" not in answers:  # a fold is of one speaker, by whose name it goes
            answers["speaker"] = answers["fold"]
        parts.append(confusions(answers).assign(way=way))
    write_frame(pd.concat(parts), OUT, "%.4f")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
