"""Whether confidence is to be believed: bins by hand, and what the diagrams show of them."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.evaluate import reliability
from tembr.evaluate.metrics import ScoreError
from tembr.evaluate.reliability import coverage_png, reliability_curve, reliability_png

FOUR = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
TRUTH = np.array([0, 1, 1, 0])
"""Right with 0.9 and 0.8, wrong with 0.7 and 0.6."""


@pytest.fixture
def figures(monkeypatch) -> list:
    found: list = []
    monkeypatch.setattr(reliability, "save_figure", lambda figure, path: found.append(figure))
    return found


def test_a_confidence_on_an_edge_is_in_the_bin_below():
    """0.5 of two bins is in the lower one, by itself."""
    curve = reliability_curve(np.array([[0.5, 0.5], [0.75, 0.25]]), np.array([1, 0]), bins=2)
    np.testing.assert_allclose(curve, [[0.5, 0, 1], [0.75, 1, 1]])


def test_full_confidence_is_in_the_last_bin():
    curve = reliability_curve(np.array([[1.0, 0.0], [0.95, 0.05]]), np.array([0, 1]), bins=10)
    np.testing.assert_allclose(curve, [[0.975, 0.5, 2]])


def test_bins_without_recordings_are_left_out():
    curve = reliability_curve(FOUR, TRUTH, bins=10)
    np.testing.assert_allclose(curve, [[0.6, 0, 1], [0.7, 0, 1], [0.8, 1, 1], [0.9, 1, 1]])


def test_every_curve_has_its_colour_and_its_error_in_the_legend(figures):
    """Of one bin each: |0.6 - 0| + |0.7 - 0| + |0.8 - 1| + |0.9 - 1|, over 4."""
    reliability_png({"before": FOUR, "after": FOUR}, TRUTH, "unused", "four")
    (axes,) = figures[0].axes
    labels = [text.get_text() for text in axes.get_legend().texts]
    assert labels == ["confidence = accuracy", "before, ECE 0.400", "after, ECE 0.400"]
    assert [line.get_color() for line in axes.lines[1:]] == [reliability.GREY, reliability.BLUE]


def test_dots_grow_with_the_recordings_they_stand_for(figures):
    three_and_one = np.array([[0.9, 0.1]] * 3 + [[0.6, 0.4]])
    reliability_png({"one": three_and_one}, np.zeros(4, int), "unused", "t")
    np.testing.assert_allclose(figures[0].axes[0].collections[0].get_sizes(), [12 + 240 / 4, 12 + 240 * 3 / 4])


def test_a_diagram_says_what_it_is_of_and_of_how_many(figures):
    reliability_png({"one": FOUR}, TRUTH, "unused", "mfcc")
    coverage_png(TRUTH, FOUR, "unused", "rms")
    assert [figure.get_suptitle() for figure in figures] == ["mfcc\nn = 4", "rms\nn = 4"]


def test_accuracy_over_coverage_of_nothing_is_refused(figures):
    with pytest.raises(ScoreError, match="nothing to score"):
        coverage_png(TRUTH[:0], FOUR[:0], "unused", "none")
