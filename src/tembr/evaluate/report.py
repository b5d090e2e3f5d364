"""The tables a member of a study leaves behind: how it did, and what it answered to every recording."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from tembr.emotions import POLISH
from tembr.errors import StoreError
from tembr.evaluate.coverage import Kept
from tembr.evaluate.frames import read_frame, write_frame
from tembr.evaluate.metrics import Scores

REPORT_COLUMNS = ("emotion", "polish", "precision", "recall", "f1", "support", "value", "low", "high")
RECORDING_COLUMNS = ("file", "speaker", "gender", "emotion", "predicted", "fold")
MEASURES = ("accuracy", "uar", "macro_f1", "ece")


def report_table(scores: Scores) -> pd.DataFrame:
    """One row an emotion, then one a measure: columns `REPORT_COLUMNS`.

    Rows of emotions fill precision, recall, f1 and support; rows of measures (accuracy, uar, macro_f1, ece)
    fill value with its 95 % interval low to high, and support with all recordings.
    """
    classes = [
        {"emotion": label, "polish": POLISH.get(label, ""), **figures} for label, figures in scores.per_class.items()
    ]
    measures = [{"emotion": name, "polish": "", "support": scores.n, **scores.as_dict()[name]} for name in MEASURES]
    return pd.DataFrame(classes + measures, columns=REPORT_COLUMNS)


def write_report(scores: Scores, folder: str | os.PathLike) -> Path:
    """Write `report_table` to ``folder/report.csv``, figures to four decimals.

    Raises:
        StoreError: the file could not be written; an older one is then untouched.
    """
    path = Path(folder) / "report.csv"
    write_frame(report_table(scores), path, "%.4f")
    return path


def write_coverage(table: Sequence[Kept], folder: str | os.PathLike) -> Path:
    """Write what `coverage_table` found to ``folder/coverage.csv``: threshold, coverage, accuracy, uar.

    Raises:
        StoreError: the file could not be written; an older one is then untouched.
    """
    path = Path(folder) / "coverage.csv"
    write_frame(pd.DataFrame([asdict(kept) for kept in table]), path, "%.9g")
    return path


def write_probabilities(
    frame: pd.DataFrame | Mapping[str, Sequence] | Sequence[Mapping], folder: str | os.PathLike
) -> Path:
    """Write the posteriors of every recording to ``folder/probabilities.csv``.

    Args:
        frame: a table, or anything `pandas.DataFrame` makes one of, with columns file, speaker, gender,
            emotion (the truth), predicted, fold, and one ``p_<label>`` a class, in [0, 1].
        folder: where to; made if absent.

    Raises:
        StoreError: a column is missing, or the file could not be written; an older one is then untouched.
    """
    path = Path(folder) / "probabilities.csv"
    frame = pd.DataFrame(frame)
    columns = [*RECORDING_COLUMNS, *_checked_columns(frame, path)]
    write_frame(frame[columns], path, "%.9g")
    return path


def read_probabilities(folder: str | os.PathLike) -> pd.DataFrame:
    """Read what `write_probabilities` wrote; names stay text ("03" is not 3), an unknown one is "".

    Raises:
        StoreError: the file is missing, is no such table, or holds something else than numbers as posteriors.
    """
    path = Path(folder) / "probabilities.csv"
    text = dict.fromkeys(("file", "speaker", "gender", "emotion", "predicted", "fold"), str)
    try:
        frame = read_frame(path, dtype=text, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {error}; run the study of this member again.") from error
    numbers = frame[_checked_columns(frame, path)].dtypes
    for column in numbers.index[[not pd.api.types.is_numeric_dtype(kind) for kind in numbers]]:
        raise StoreError(f"{path}: column {column} holds something else than numbers; run the study again.")
    return frame


def _checked_columns(frame: pd.DataFrame, path: Path) -> list[str]:
    """Names of the posterior columns, once all that a reader relies on are there."""
    missing = [name for name in RECORDING_COLUMNS if name not in frame.columns]
    posteriors = [name for name in frame.columns if str(name).startswith("p_")]
    if missing or not posteriors:
        lacking = ", ".join([*missing, *([] if posteriors else ["p_<label>"])])
        raise StoreError(f"{path}: no column {lacking}; a table of posteriors needs them all.")
    return posteriors
