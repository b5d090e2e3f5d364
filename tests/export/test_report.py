"""The quantisation report of two variants, to the letter."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from tembr.evaluate.metrics import Interval
from tembr.export import report as module
from tembr.export.measure import Measured
from tembr.export.report import markdown, write_report

FULL = Measured(
    "fp32", "as verified", 45_678_901, 12.346, 11.5, 1.0, 0.0, Interval(0.9, 0.8, 0.95), Interval(0.85, 0.7, 0.9), 36
)
SMALL = replace(
    FULL, variant="small", words="in 8 bits", bytes=12_000_000, lowest=3.25, agreement=0.975, difference=0.0123
)


@pytest.fixture
def figures(monkeypatch) -> list:
    found: list = []
    monkeypatch.setattr(module, "save_figure", lambda figure, path: found.append(figure))
    return found


def test_a_row_is_for_people_and_the_default_in_bold():
    rows = markdown([FULL, SMALL], "small", unseen=True).splitlines()
    assert rows[4] == "| fp32 | 45.68 | 12.35 | 100.0% | 0 | 90.0% | 85.0% |"
    assert rows[5] == "| **small** | 12.00 | 12.35 | 97.5% | 0.012 | 90.0% | 85.0% |"


def test_every_variant_is_explained_in_words():
    assert "* **fp32**: as verified\n* **small**: in 8 bits\n" in markdown([FULL, SMALL], "small", unseen=True)


def test_the_table_is_of_markdown():
    head, rule = markdown([FULL], "fp32", unseen=True).splitlines()[2:4]
    assert head.count("|") == rule.count("|") == 8


@pytest.mark.parametrize(
    ("unseen", "said"), [(True, "36 recordings that no network was trained on."), (False, "compare, do not quote.")]
)
def test_what_it_was_measured_on_is_said(unseen, said):
    assert f"{said} The variant in bold" in markdown([FULL], "fp32", unseen)
    assert "within 0.5 points of accuracy" in markdown([FULL], "fp32", unseen)


def test_the_table_for_programs_has_both_times_and_intervals(tmp_path, figures):
    write_report([FULL, SMALL], tmp_path, "small", unseen=True)
    first, second = csv.DictReader((tmp_path / "quantization.csv").open())
    assert (first["bytes"], first["milliseconds"], first["lowest_milliseconds"]) == ("45678901", "12.346", "11.5")
    assert [first[f"uar{bound}"] for bound in ("", "_low", "_high")] == ["0.85", "0.7", "0.9"]
    assert (second["variant"], second["difference"], second["recordings"]) == ("small", "0.0123", "36")


def test_the_picture_marks_the_default_and_says_what_was_seen(tmp_path, figures):
    write_report([FULL, SMALL], tmp_path, "small", unseen=False)
    time, size, share = figures[0].axes
    colors = [[bar.get_facecolor() for bar in axes.patches] for axes in (time, size)]
    assert colors[0] == colors[1] and colors[0][0] != colors[0][1]
    assert [bar.get_width() for bar in size.patches] == pytest.approx([45.678901, 12])
    assert figures[0].get_suptitle() == "Variants, 36 recordings seen in training"
    assert [text.get_text() for text in share.get_legend().texts] == ["accuracy", "UAR"]
