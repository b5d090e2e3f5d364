"""Whether confidence is to be believed: how often answers of a confidence, or above one, are right."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tembr.evaluate.coverage import accuracy_at, coverage_table
from tembr.evaluate.metrics import expected_calibration_error
from tembr.evaluate.plots import BLUE, GREEN, GREY, INK, ORANGE, legend_above, plain_frame, save_figure

BINS = 10


def reliability_curve(probabilities: np.ndarray, truth: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Mean confidence, accuracy and recordings of each bin of confidence that has any: `(filled bins, 3)`.

    Args:
        probabilities: (n, classes) posteriors in [0, 1].
        truth: (n,) index of the true class.
        bins: of equal width on [0, 1], each open below and closed above.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    filled = [bin_of == number for number in range(bins) if (bin_of == number).any()]
    return np.array([(confidence[mine].mean(), right[mine].mean(), mine.sum()) for mine in filled])


def reliability_png(curves: Mapping[str, np.ndarray], truth: np.ndarray, path: str | os.PathLike, title: str) -> Path:
    """Draw the reliability diagrams of several posteriors of the same recordings, with their ECE.

    Args:
        curves: name → (n, classes) posteriors; at most three.
        truth: (n,) index of the true class.

    Raises:
        StoreError: the file could not be written; an older one is then untouched.
    """
    figure = Figure(figsize=(5.6, 6.0), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--", label="confidence = accuracy")
    colors = (GREY, BLUE, ORANGE) if len(curves) > 1 else (BLUE,)
    for (name, probabilities), color in zip(curves.items(), colors):
        _draw(axes, probabilities, truth, name, color)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_box_aspect(1)
    axes.set_xlabel("confidence (larger dots: more recordings)", color=INK)
    axes.set_ylabel("share recognised", color=INK)
    plain_frame(axes)
    legend_above(axes)
    figure.suptitle(f"{title}\nn = {len(truth):,}", color=INK, fontsize=12, parse_math=False)
    return save_figure(figure, path)


def coverage_png(truth: np.ndarray, probabilities: np.ndarray, path: str | os.PathLike, title: str) -> Path:
    """Draw accuracy over coverage (`coverage_table`), with the most confident half and chance marked.

    Args:
        truth: (n,) index of the true class.
        probabilities: (n, classes) posteriors in [0, 1].

    Raises:
        ScoreError: as `coverage_table`.
        StoreError: the file could not be written; an older one is then untouched.
    """
    table, half = coverage_table(truth, probabilities), accuracy_at(truth, probabilities, 0.5)
    chance = 1 / probabilities.shape[1]
    figure = Figure(figsize=(5.6, 6.0), layout="constrained")
    axes = figure.add_subplot()
    accuracies = [kept.accuracy for kept in table]
    axes.plot([kept.coverage for kept in table], accuracies, color=BLUE, linewidth=2, marker=".", markersize=5)
    axes.axhline(chance, color=INK, linewidth=1, linestyle="--", label=f"chance ({chance:.1%})")
    axes.axvline(0.5, color=GREEN, linewidth=1, linestyle=":")
    said = f"most confident half: {half.value:.1%} of {half.n:,}"
    axes.scatter([0.5], [half.value], s=48, color=GREEN, edgecolor="white", zorder=5, label=said)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("coverage: share answered, the most confident first", color=INK)
    axes.set_ylabel("accuracy of the answers", color=INK)
    plain_frame(axes)
    legend_above(axes)
    figure.suptitle(f"{title}\nn = {len(truth):,}", color=INK, fontsize=12, parse_math=False)
    return save_figure(figure, path)


def _draw(axes: Axes, probabilities: np.ndarray, truth: np.ndarray, name: str, color: str) -> None:
    confidence, accuracy, counts = reliability_curve(probabilities, truth).T
    error = expected_calibration_error(probabilities, truth)
    axes.plot(confidence, accuracy, color=color, linewidth=2, label=f"{name}, ECE {error:.3f}")
    axes.scatter(confidence, accuracy, s=12 + 240 * counts / counts.sum(), color=color, alpha=0.6, linewidth=0)
