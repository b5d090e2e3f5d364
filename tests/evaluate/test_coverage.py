"""Coverage and accuracy by confidence, against numbers worked out by hand."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from tembr.emotions import EMOTIONS
from tembr.evaluate import reliability
from tembr.evaluate.comparison import comparison_markdown, comparison_table, read_study
from tembr.evaluate.coverage import HALF, accuracy_at, coverage_table, kept_at
from tembr.evaluate.metrics import ScoreError, score
from tembr.evaluate.page import comparison_page
from tembr.evaluate.report import write_coverage

FOUR = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
TRUTH = np.array([0, 1, 1, 0])
"""Right with 0.9 (class 0) and 0.8 (class 1), wrong with 0.7 (said 0) and 0.6 (said 1)."""


def rows(table) -> list[tuple]:
    return [tuple(asdict(kept).values()) for kept in table]


def test_the_table_by_hand():
    expected = [(0.6, 1.0, 0.5, 0.5), (0.7, 0.75, 2 / 3, 0.75), (0.8, 0.5, 1.0, 1.0), (0.9, 0.25, 1.0, 1.0)]
    np.testing.assert_allclose(rows(coverage_table(TRUTH, FOUR)), expected)


def test_its_first_row_is_the_score_of_all(posteriors):
    truth, probabilities = posteriors(seed=3)
    whole = score(truth, probabilities, EMOTIONS)
    first = coverage_table(truth, probabilities)[0]
    assert (first.coverage, first.accuracy, first.uar) == (1.0, whole.accuracy.value, whole.uar.value)


def test_a_long_table_is_thinned_evenly_to_both_ends(posteriors):
    truth, probabilities = posteriors(seed=4, n=1_000)
    table = coverage_table(truth, probabilities)
    assert len(table) == 100
    assert (table[0].coverage, table[-1].coverage) == (1.0, 0.001)
    assert np.abs(np.diff([kept.coverage for kept in table])).max() <= 0.0111
    assert (np.diff([kept.threshold for kept in table]) > 0).all()


def test_recordings_of_one_confidence_are_one_row():
    tied = np.array([[0.7, 0.3], [0.7, 0.3], [0.2, 0.8]])
    np.testing.assert_allclose(
        rows(coverage_table(np.array([0, 1, 1]), tied)), [(0.7, 1, 2 / 3, 3 / 4), (0.8, 1 / 3, 1, 1)]
    )


@pytest.mark.parametrize(
    ("threshold", "coverage", "accuracy"), [(0, 1, 0.5), (0.8, 0.5, 1), (0.85, 0.25, 1), (0.95, 0, None)]
)
def test_at_a_threshold_answers_from_it_on_are_kept(threshold, coverage, accuracy):
    kept = kept_at(TRUTH, FOUR, threshold)
    assert (kept.threshold, kept.coverage, kept.accuracy) == (threshold, coverage, accuracy)


@pytest.mark.parametrize(
    ("coverage", "value", "n"), [(0.5, 1, 2), (0.75, 2 / 3, 3), (1, 0.5, 4), (0.51, 2 / 3, 3), (0.1, 1, 1)]
)
def test_accuracy_on_the_most_confident_by_hand(coverage, value, n):
    found = accuracy_at(TRUTH, FOUR, coverage)
    assert (found.value, found.n) == (pytest.approx(value), n)


def test_a_share_of_whole_recordings_is_not_rounded_up():
    """0.07 · 100 is 7.000000000000001 in binary."""
    assert accuracy_at(np.zeros(100, int), np.tile([0.6, 0.4], (100, 1)), 0.07).n == 7


def test_ties_at_the_boundary_do_not_depend_on_the_order():
    """Half of four is two: the one of 0.9, right, and one of three of 0.6, of which one is right."""
    truth = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]):
        found = accuracy_at(truth[order], probabilities[order], 0.5)
        assert (found.value, found.n) == (pytest.approx((1 + 1 / 3) / 2), 2)


@pytest.mark.parametrize("coverage", [0, -0.1, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(coverage):
    with pytest.raises(ScoreError, match="above 0 and up to 1"):
        accuracy_at(TRUTH, FOUR, coverage)


@pytest.mark.parametrize("measure", [coverage_table, accuracy_at])
@pytest.mark.parametrize(
    ("truth", "probabilities", "said"),
    [
        (TRUTH[:0], FOUR[:0], "nothing to score"),
        (TRUTH[:3], FOUR, "do not match"),
        (TRUTH, FOUR * np.nan, "NaN"),
        (TRUTH + 1, FOUR, "from 0 to 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(measure, truth, probabilities, said):
    with pytest.raises(ScoreError, match=said):
        measure(truth, probabilities)


def test_the_table_is_written_with_its_columns(tmp_path):
    written = pd.read_csv(write_coverage(coverage_table(TRUTH, FOUR), tmp_path))
    assert list(written.columns) == ["threshold", "coverage", "accuracy", "uar"]
    np.testing.assert_allclose(written["coverage"], [1, 0.75, 0.5, 0.25])


def test_the_picture_marks_half_and_chance(monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(reliability, "save_figure", lambda figure, path: figures.append(figure))
    reliability.coverage_png(TRUTH, FOUR, "unused", "four")
    (axes,) = figures[0].axes
    curve, chance, half = axes.lines
    np.testing.assert_allclose(curve.get_xydata(), [(1, 0.5), (0.75, 2 / 3), (0.5, 1), (0.25, 1)])
    assert list(chance.get_ydata()) == [0.5, 0.5] and list(half.get_xdata()) == [0.5, 0.5]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[0.5, 1.0]])
    assert [text.get_text() for text in axes.get_legend().texts] == [
        "chance (50.0%)",
        "most confident half: 100.0% of 2",
    ]


def test_the_picture_is_written_for_one_who_is_never_unsure(tmp_path):
    path = reliability.coverage_png(TRUTH, np.tile([1.0, 0.0], (4, 1)), tmp_path / "coverage.png", "$\\always$")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_one_reliability_diagram_alone_is_blue(monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(reliability, "save_figure", lambda figure, path: figures.append(figure))
    reliability.reliability_png({"mfcc": FOUR}, TRUTH, "unused", "mfcc")
    assert figures[0].axes[0].lines[1].get_color() == reliability.BLUE


def test_summaries_with_and_without_the_confident_half_are_compared(make_member, tmp_path):
    for name, more in (("mfcc", {HALF: {"value": 0.75, "n": 150}}), ("rms", {})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text(json.dumps(make_member(name).summary | more))
    results = read_study(tmp_path)
    column = comparison_table(results).set_index("member")[f"random_{HALF}"]
    assert column["mfcc"] == 0.75 and np.isnan(column["rms"])
    assert comparison_markdown(results) and comparison_page(results, "old and new")
