"""The comparison of a study in one picture of four panels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tembr.evaluate.plots import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, ink_on, plain_frame, save_figure, two_line_name
from tembr.evaluate.results import PROTOCOLS, MemberResult, by_protocol, comparison_table

PROTOCOL_COLORS = {"random": BLUE, "kfold": GREEN, "speaker": ORANGE, "sentence": PURPLE}


def comparison_png(results: Sequence[MemberResult], path: str | os.PathLike, title: str) -> Path:
    """Draw accuracy, UAR under every protocol, training time and recall of each emotion; one line a member.

    Raises:
        StoreError: nothing to compare, a member twice under one protocol, or `path` could not be written.
    """
    table, grouped = comparison_table(results), by_protocol(results)
    height = 3.4 + 2 * 0.2 * len(table) * (1 + len(grouped) / 2)
    figure = Figure(figsize=(14, max(7.0, height)), layout="constrained")
    figure.suptitle(title, color=INK, fontsize=15, parse_math=False)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, wspace=0.03, hspace=0.04)
    accuracy, uar, seconds, recall = figure.subplots(2, 2).ravel()
    _draw_accuracy(accuracy, table, next(iter(grouped)))
    _draw_uar(uar, table, list(grouped), chance=1 / len(results[0].summary["labels"]))
    _draw_seconds(seconds, table, list(grouped))
    protocol = list(grouped)[-1]
    _draw_recall(recall, table, protocol, grouped[protocol])
    return save_figure(figure, path)


def _draw_accuracy(axes: Axes, table: pd.DataFrame, protocol: str) -> None:
    values = table[f"{protocol}_accuracy"]
    bars = axes.barh(range(len(table)), values.fillna(0), height=0.62, color=PROTOCOL_COLORS[protocol])
    for bar, kind in zip(bars, table["kind"], strict=True):
        bar.set_alpha(0.45 if kind == "baseline" else 1)
    _whiskers(axes, table, f"{protocol}_accuracy", np.arange(len(table)), INK)
    for row, (value, high) in enumerate(zip(values, table[f"{protocol}_accuracy_high"], strict=True)):
        if not np.isnan(value):
            axes.text(high + 0.012, row, f"{value:.1%}", va="center", fontsize=9, color=INK)
    _share_axis(axes, 1.09)
    _member_axis(axes, table)
    _heading(axes, f"Accuracy, {PROTOCOLS[protocol]}")


def _draw_uar(axes: Axes, table: pd.DataFrame, protocols: list[str], chance: float) -> None:
    for protocol, offset in zip(protocols, _offsets(len(protocols)), strict=True):
        color, rows = PROTOCOL_COLORS[protocol], np.arange(len(table)) + offset
        _whiskers(axes, table, f"{protocol}_uar", rows, color)
        axes.scatter(table[f"{protocol}_uar"], rows, s=34, color=color, label=PROTOCOLS[protocol], zorder=4)
    axes.axvline(chance, color=INK, linewidth=1, linestyle="--", label=f"chance ({chance:.1%})")
    _share_axis(axes, 1.02)
    _member_axis(axes, table)
    _legend(axes, len(protocols) + 1)
    _heading(axes, "UAR")


def _draw_seconds(axes: Axes, table: pd.DataFrame, protocols: list[str]) -> None:
    height = 0.7 / len(protocols)
    for protocol, offset in zip(protocols, _offsets(len(protocols)), strict=True):
        seconds = table[f"{protocol}_train_seconds"]
        rows = np.arange(len(table)) + offset
        color = PROTOCOL_COLORS[protocol]
        axes.barh(rows, seconds.fillna(0), height=height, color=color, label=PROTOCOLS[protocol])
        for row, value in zip(rows, seconds, strict=True):
            if not np.isnan(value):
                axes.annotate(
                    duration(value),
                    (value, row),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                    color=INK,
                )
    axes.margins(x=0.16)
    axes.set_xlim(left=0)
    axes.set_xlabel("seconds, all folds together", color=INK)
    _member_axis(axes, table)
    if len(protocols) > 1:
        _legend(axes, len(protocols))
    _heading(axes, "Training time")


def _draw_recall(axes: Axes, table: pd.DataFrame, protocol: str, members: dict[str, MemberResult]) -> None:
    labels = next(iter(members.values())).summary["labels"]
    recall = recall_grid(table["member"], members, labels)
    axes.imshow(recall, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(recall):
        text, color = ("–", GREY) if np.isnan(share) else (f"{100 * share:.0f}", ink_on(share))
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    axes.set_xticks(range(len(labels)), [two_line_name(label) for label in labels], fontsize=9, parse_math=False)
    axes.set_yticks(range(len(table)), _row_names(table), fontsize=9, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _heading(axes, f"Recall of each emotion in percent, {PROTOCOLS[protocol]}")


def recall_grid(names: Sequence[str], members: dict[str, MemberResult], labels: Sequence[str]) -> np.ndarray:
    """Recall in [0, 1] of every member and emotion, (members, labels); NaN where it was not measured."""
    grid = np.full((len(names), len(labels)), np.nan)
    for row, name in enumerate(names):
        if name in members:
            per_class = members[name].summary["per_class"]
            grid[row] = [per_class[label]["recall"] if label in per_class else np.nan for label in labels]
    return grid


def shown_name(member: str, kind: str) -> str:
    """The member's name for people, baselines marked."""
    return f"{member} (baseline)" if kind == "baseline" else member


def duration(seconds: float) -> str:
    """Seconds for people: ``'0.4 s'``, ``'35 s'``, ``'12 min'``, ``'3.4 h'``."""
    unit, length = ("s", 1) if seconds < 100 else ("min", 60) if seconds < 6000 else ("h", 3600)
    amount = seconds / length
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def _whiskers(axes: Axes, table: pd.DataFrame, column: str, rows: np.ndarray, color: str) -> None:
    axes.hlines(rows, table[f"{column}_low"], table[f"{column}_high"], color=color, linewidth=2, zorder=3)


def _offsets(count: int) -> np.ndarray:
    return (np.arange(count) - (count - 1) / 2) * 0.7 / count


def _row_names(table: pd.DataFrame) -> list[str]:
    return [shown_name(member, kind) for member, kind in zip(table["member"], table["kind"], strict=True)]


def _member_axis(axes: Axes, table: pd.DataFrame) -> None:
    plain_frame(axes)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_yticks(range(len(table)), _row_names(table), fontsize=9, parse_math=False)
    axes.set_ylim(len(table) - 0.5, -0.5)


def _share_axis(axes: Axes, right: float) -> None:
    axes.set_xlim(0, right)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _legend(axes: Axes, columns: int) -> None:
    """Right of the heading."""
    axes.legend(frameon=False, fontsize=9, ncols=columns, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)


def _heading(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", color=INK, fontsize=12, fontweight="bold", pad=10)
