"""Pictures of one member: its confusion matrix, how its training went, what worse recordings cost it.

Figures are made without pyplot, so nothing global is touched and no display is needed. Colours are Okabe and
Ito's, told apart with any colour vision.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tembr.emotions import POLISH
from tembr.errors import ConfigError
from tembr.evaluate.metrics import Interval, Scores
from tembr.files import atomic_write
from tembr.outputs import SOFTWARE, SOFTWARE_FIELD

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#6B7280"
INK = "#1F2937"
DOTS_PER_INCH = 120
FORMATS = ("png", "pdf", "svg")
"""Pictures are written in, by the suffix of their path."""


def confusion_png(scores: Scores, path: str | os.PathLike, title: str) -> Path:
    """Draw the confusion matrix: colour is the share of the true emotion, cells say percent and recordings.

    Raises:
        StoreError: the file could not be written; an older one is then untouched.
    """
    size = max(5.2, 2.6 + 0.95 * len(scores.labels))
    figure = Figure(figsize=(size + 0.4, size), layout="constrained")
    axes = figure.add_subplot()
    draw_confusion(axes, scores.confusion, scores.labels)
    axes.set_title(
        f"{title}\nUAR {scores.uar.value:.1%}, accuracy {scores.accuracy.value:.1%}, n = {scores.n:,}",
        color=INK,
        fontsize=12,
        pad=12,
        parse_math=False,
    )
    return save_figure(figure, path)


def history_png(history: pd.DataFrame, path: str | os.PathLike, title: str) -> Path:
    """Draw losses and validation measures over epochs, and mark the best epoch, that of lowest val_loss.

    Args:
        history: columns epoch, train_loss, lr, seconds; val_loss, train_accuracy, val_accuracy and val_uar where
            known; with a column fold, one thin line a fold, and their mean as far as all of them went.
        path: the picture to write.
        title: the heading, such as the member's name.

    Raises:
        StoreError: the file could not be written; an older one is then untouched.
    """
    folds = _folds(history)
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    several = f"\n{len(folds)} folds: each thin, their mean thick" if len(folds) > 1 else ""
    figure.suptitle(title + several, color=INK, fontsize=12, parse_math=False)
    losses = {"train_loss": (GREY, "training"), "val_loss": (BLUE, "validation")}
    shares = {
        "train_accuracy": (GREY, "training accuracy"),
        "val_accuracy": (BLUE, "validation accuracy"),
        "val_uar": (ORANGE, "validation UAR"),
    }
    losses, shares = ({name: how for name, how in one.items() if name in history} for one in (losses, shares))
    loss, *measures = figure.subplots(1, 1 + bool(shares), squeeze=False)[0]
    _draw_curves(loss, folds, losses)
    _mark_best(loss, folds, "val_loss", f"best epoch{'s' if len(folds) > 1 else ''}")
    _finish(loss, "loss")
    for axes in measures:
        _draw_curves(axes, folds, shares)
        _mark_best(axes, folds, "val_uar", "at the best")
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        _finish(axes, "share recognised")
    return save_figure(figure, path)


def degraded_png(uars: dict[str, Interval], path: str | os.PathLike, title: str) -> Path:
    """Draw UAR with its interval, a line each: clean recordings first, then what was done to them.

    Raises:
        StoreError: the file could not be written; an older one is then untouched.
    """
    figure = Figure(figsize=(7, 1.6 + 0.45 * len(uars)), layout="constrained")
    axes = figure.add_subplot()
    for line, (uar, color) in enumerate(zip(uars.values(), [BLUE] + [ORANGE] * len(uars))):
        axes.plot([uar.low, uar.high], [line, line], color=color, linewidth=2)
        axes.plot(uar.value, line, "o", color=color)
        axes.annotate(
            f"{uar.value:.1%}",
            (uar.high, line),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=9,
            bbox={"color": "white", "pad": 1},
        )
    axes.axvline(next(iter(uars.values())).value, color=GREY, linewidth=1, linestyle=":")
    axes.set_yticks(range(len(uars)), list(uars))
    axes.set_ylim(len(uars) - 0.5, -0.5)
    axes.set_xlim(0, 1.12)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("UAR, 95 % interval", color=INK)
    axes.set_title(title, color=INK, fontsize=12, parse_math=False)
    plain_frame(axes)
    return save_figure(figure, path)


def draw_confusion(axes: Axes, confusion: np.ndarray, labels: tuple[str, ...]) -> None:
    """Draw a confusion matrix (rows truth) into `axes`, every row scaled to its own recordings."""
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [two_line_name(label) for label in labels]
    axes.set_xticks(range(len(labels)), names, fontsize=10, color=INK, parse_math=False)
    axes.set_yticks(range(len(labels)), names, fontsize=10, color=INK, parse_math=False)
    axes.set_xlabel("recognised as", color=INK)
    axes.set_ylabel("spoken emotion", color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{share:.0%}\n{confusion[row, column]}"
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=ink_on(share))


def two_line_name(label: str) -> str:
    """The label over its Polish name: ``'anger\\nzłość'``."""
    return f"{label}\n{POLISH[label]}" if label in POLISH else label


def ink_on(share: float) -> str:
    """Text colour that can be read on `share` (0 to 1) of a light-to-dark colour map."""
    return "white" if share > 0.65 else INK


def picture_format(path: str | os.PathLike) -> str:
    """The format that the suffix of `path` names: 'png', 'pdf' or 'svg'.

    Raises:
        ConfigError: it names none of these.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise ConfigError(f"{path}: a picture is written as .png, .pdf or .svg; name the file so")
    return kind


def save_figure(figure: Figure, path: str | os.PathLike) -> Path:
    """Write `figure` to `path` in the format its suffix names, whole or not at all.

    Raises:
        ConfigError: the suffix names no format of `FORMATS`.
        StoreError: the file could not be written; an older one is then untouched.
    """
    kind = picture_format(path)
    FigureCanvasAgg(figure)
    metadata = {"Title": figure.get_suptitle() or Path(path).stem, SOFTWARE_FIELD[kind]: SOFTWARE}
    with atomic_write(path) as temporary, rc_context({"pdf.fonttype": 42}):  # 42: letters stay letters
        figure.savefig(temporary, format=kind, dpi=DOTS_PER_INCH, facecolor="white", metadata=metadata)
    return Path(path)


def plain_frame(axes: Axes) -> None:
    """Leave only what is read: light grid behind, no box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9CA3AF")
    axes.grid(color="#E5E7EB", linewidth=0.8)
    axes.set_axisbelow(True)


def legend_above(axes: Axes, columns: int = 1) -> None:
    """The legend over the axes, where no curve can be behind it; a title then belongs to the figure."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=9, borderaxespad=0.3)


def _folds(history: pd.DataFrame) -> list[pd.DataFrame]:
    if "fold" not in history:
        return [history]
    return [fold for _, fold in history.groupby("fold", sort=True)]


def _draw_curves(axes: Axes, folds: list[pd.DataFrame], curves: dict[str, tuple[str, str]]) -> None:
    for column, (color, name) in curves.items():
        if len(folds) > 1:
            for fold in folds:
                axes.plot(fold["epoch"], fold[column], color=color, linewidth=0.8, alpha=0.35)
            mean = pd.concat([fold.set_index("epoch")[column] for fold in folds], axis=1, join="inner").mean(axis=1)
            axes.plot(mean.index, mean, color=color, linewidth=2.4, label=name)
        else:
            axes.plot(*folds[0][["epoch", column]].T.to_numpy(), color=color, marker=".", linewidth=2, label=name)


def _mark_best(axes: Axes, folds: list[pd.DataFrame], column: str, label: str) -> None:
    judged = [fold for fold in folds if "val_loss" in fold and fold["val_loss"].notna().any()]
    if not judged:
        return
    best = pd.DataFrame([fold.loc[fold["val_loss"].idxmin()] for fold in judged])
    axes.scatter(best["epoch"], best[column], s=48, color=GREEN, edgecolor="white", zorder=5, label=label)
    if len(judged) == 1:
        axes.axvline(best["epoch"].iloc[0], color=GREEN, linewidth=1, linestyle=":")


def _finish(axes: Axes, ylabel: str) -> None:
    axes.set_xlabel("epoch", color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.xaxis.get_major_locator().set_params(integer=True)
    plain_frame(axes)
    legend_above(axes, columns=2)
