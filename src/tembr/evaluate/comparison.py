"""The members of a study side by side: a table, a picture, a page to send around, Markdown for a README."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tembr.evaluate.frames import write_frame
from tembr.evaluate.page import write_page
from tembr.evaluate.panels import comparison_png, shown_name
from tembr.evaluate.results import PROTOCOLS, MemberResult, comparison_table, read_study
from tembr.files import atomic_write

__all__ = ["MemberResult", "comparison_markdown", "comparison_table", "read_study", "write_comparison"]


def write_comparison(results: Sequence[MemberResult], folder: str | os.PathLike, title: str) -> list[Path]:
    """Write comparison.csv, .png, .html and .md into `folder` and return their paths, in this order.

    Raises:
        StoreError: nothing to compare, a member twice under one protocol, or a file could not be written.
    """
    folder = Path(folder)
    table = comparison_table(results)
    paths = [folder / f"comparison.{suffix}" for suffix in ("csv", "png", "html", "md")]
    write_frame(table, paths[0], "%.6g")
    comparison_png(results, paths[1], title)
    write_page(results, paths[2], title)
    with atomic_write(paths[3]) as temporary:
        temporary.write_text(comparison_markdown(results), encoding="utf-8")
    return paths


def comparison_markdown(results: Sequence[MemberResult]) -> str:
    """A Markdown table: accuracy where speakers are shared, UAR where they are not, and the gap."""
    table = comparison_table(results)
    chosen = [
        (f"{protocol}_{measure}", f"{name}, {PROTOCOLS[protocol]}")
        for protocol, measure, name in (
            ("random", "accuracy", "accuracy"),
            ("kfold", "accuracy", "accuracy"),
            ("speaker", "uar", "UAR"),
            ("sentence", "uar", "UAR"),
        )
        if f"{protocol}_{measure}" in table
    ]
    with_gap = bool(table["gap"].notna().any())
    headings = ["member", *(heading for _, heading in chosen), *(["gap in UAR"] if with_gap else [])]
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)]]
    for _, row in table.iterrows():
        gap = [_points(row["gap"])] if with_gap else []
        lines.append([_name(row), *(_with_interval(row, column) for column, _ in chosen), *gap])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _name(row: pd.Series) -> str:
    name = " ".join(row["member"].split()).replace("|", "\\|").replace("<", "&lt;")
    return shown_name(name, row["kind"])


def _with_interval(row: pd.Series, column: str) -> str:
    if pd.isna(row[column]):
        return ""
    low, high = 100 * row[f"{column}_low"], 100 * row[f"{column}_high"]
    return f"{row[column]:.1%} ({low:.1f}–{high:.1f})"


def _points(gap: float) -> str:
    return "" if pd.isna(gap) else f"{100 * gap:+.1f} points"
