"""The journal of experiments: one row a way of asking, in a table that grows."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from tembr import __version__
from tembr.errors import StoreError
from tembr.evaluate.frames import read_frame, write_frame
from tembr.voices.experiment import Line
from tembr.voices.recipe import Recipe

COLUMNS = (
    "experiment", "title", "mode", "corpus", "more", "protocol", "seeds", "networks", "recordings", "uar", "low",
    "high", "spread", "inner_uar", "accuracy", "ece", "confident_half", "speakers", "seconds", "commit", "recipe",
)  # fmt: skip


def enter(journal: Path, name: str, recipe: Recipe, lines: Sequence[Line], seconds: float) -> None:
    """Put the figures of an experiment into the table; rows of an earlier run of the same name give way.

    Raises:
        StoreError: the table is there but is none, or cannot be written.
    """
    rows = pd.DataFrame([_row(name, recipe, line, seconds) for line in lines], columns=COLUMNS)
    table = pd.concat([part for part in (read(journal, besides=name), rows) if len(part)])
    write_frame(table, journal)


def read(journal: Path, besides: str | None = None) -> pd.DataFrame:
    """The table, without the rows of the experiment `besides`; empty where there is none."""
    if not journal.exists():
        return pd.DataFrame(columns=COLUMNS)
    try:
        table = read_frame(journal, keep_default_na=False)
        return table[table["experiment"] != besides]
    except (ValueError, KeyError) as error:
        raise StoreError(f"{journal}: no table of experiments ({error}); move it away") from error


def _row(name: str, recipe: Recipe, line: Line, seconds: float) -> dict:
    figures = {k: round(v, 4) for k, v in asdict(line).items() if isinstance(v, float)}
    return {
        "experiment": name,
        "title": recipe.title,
        "mode": line.mode,
        "corpus": recipe.corpus,
        "more": "+".join(recipe.more),
        "protocol": recipe.protocol,
        "seeds": " ".join(map(str, recipe.seeds)),
        "networks": sum(m.networks for m in recipe.members if m.hears in (line.mode, "both")),
        "recordings": line.recordings,
        "uar": figures["uar"],
        "low": figures["low"],
        "high": figures["high"],
        "spread": figures["spread"],
        "inner_uar": figures["inner"],
        "accuracy": figures["accuracy"],
        "ece": figures["ece"],
        "confident_half": figures["confident"],
        "speakers": " ".join(f"{speaker}={value:.3f}" for speaker, value in line.speakers.items()),
        "seconds": round(seconds),
        "commit": commit(),
        "recipe": json.dumps(recipe.model_dump(mode="json", exclude_defaults=True), sort_keys=True),
    }


def commit() -> str:
    """Of the code that runs, with '+' where it was changed since; its version where it lies in no repository."""
    here = Path(__file__).parent
    ask = lambda *words: subprocess.run(["git", *words], cwd=here, capture_output=True, text=True)  # noqa: E731
    try:
        name = ask("rev-parse", "--short", "HEAD")
        changed = ask("status", "--porcelain", "--", str(here.parent))
    except OSError:
        return __version__
    return name.stdout.strip() + ("+" if changed.stdout.strip() else "") if name.returncode == 0 else __version__
