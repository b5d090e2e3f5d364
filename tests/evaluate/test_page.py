"""What the comparison page says in words and figures; how it looks and loads is in `test_comparison`."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tembr.errors import StoreError
from tembr.evaluate import page as module
from tembr.evaluate.page import MEANING, comparison_page, render, write_page

LOST = "What is lost between them is what a model owed to knowing the voices."


@pytest.fixture(autouse=True)
def _without_plotly(monkeypatch):
    """Charts have tests of their own, and plotly's script is 5 MB."""
    monkeypatch.setattr(module, "get_plotlyjs", lambda: "")
    monkeypatch.setattr(module, "_chart", lambda figure, name: "")
    for name in ("accuracy", "uar", "recall", "confusion", "seconds"):
        monkeypatch.setattr(module.charts, f"{name}_chart", lambda *_: None)


def tiles(page: str) -> list[tuple[str, ...]]:
    return re.findall(r'<div class="tile"><strong>(.*?)</strong><span>(.*?)</span><em>(.*?)</em>', page)


def row_of(page: str, name: str) -> list[str]:
    """Cells of a member's row, the small print in brackets."""
    row = re.search(rf'<tr><th scope="row" data-value="{name}">(.*?)</tr>', page).group(1)
    return [cell.replace("<small>", " (").replace("</small>", ")") for cell in re.findall(r"<td [^>]*>(.*?)</td>", row)]


def changed(result, **summary):
    return replace(result, summary=result.summary | summary)


def test_the_best_of_each_kind_and_chance_are_written_large(two_protocols):
    shown = tiles(comparison_page(two_protocols, "t"))
    svm, melspectrogram = two_protocols[2], two_protocols[4]
    figures = [melspectrogram.summary["uar"]["value"], svm.summary["accuracy"]["value"], 1 / 6]
    assert [figure for figure, _, _ in shown] == [f"{figure:.1%}" for figure in figures]
    assert [member for _, _, member in shown] == ["melspectrogram", "svm (baseline)", "guessing"]


def test_what_is_lost_on_unseen_speakers_is_said_only_beside_another_protocol(two_protocols):
    assert LOST in comparison_page(two_protocols, "t")
    assert LOST not in comparison_page(two_protocols[3:], "t") and LOST not in comparison_page(two_protocols[:3], "t")


@pytest.mark.parametrize("protocol", list(MEANING))
def test_every_protocol_is_explained_where_it_was_measured(protocol, make_member):
    page = comparison_page([make_member("mfcc", protocol)], "t")
    assert [name for name, words in MEANING.items() if words in page] == [protocol]


def test_a_row_has_shares_with_their_intervals_and_figures_for_people(two_protocols):
    cells = row_of(comparison_page(two_protocols, "t"), "mfcc")
    accuracy, ece = (two_protocols[0].summary[name] for name in ("accuracy", "ece"))
    low, high = 100 * accuracy["low"], 100 * accuracy["high"]
    assert cells[0] == f"{accuracy['value']:.1%} ({low:.1f}–{high:.1f})" and cells[3] == f"{ece['value']:.3f}"
    assert cells[-3:] == ["11,173,318", "62 s", "62 s"]


def test_the_gap_is_in_points_with_its_sign(two_protocols):
    lost = two_protocols[0].summary["uar"]["value"] - two_protocols[3].summary["uar"]["value"]
    assert row_of(comparison_page(two_protocols, "t"), "mfcc")[8] == f"{100 * lost:+.1f}"


def test_what_was_not_measured_is_an_empty_cell(two_protocols):
    cells = row_of(comparison_page(two_protocols, "t"), "svm")
    assert cells[4:9] == [""] * 5 and cells[-1] == "" and all(cells[:4])


def test_several_seeds_are_all_named_and_none_is_said(make_member):
    results = [changed(make_member(name), seed=seed) for name, seed in (("mfcc", 7), ("rms", 42), ("zcr", None))]
    assert "seed 7 or 42, 3 members" in comparison_page(results, "t")
    assert "seed not known, 1 member" in comparison_page(results[2:], "t")


def test_the_confusions_of_unseen_speakers_come_first_the_best_member_at_their_head(two_protocols):
    page = comparison_page(two_protocols, "t")
    menu = re.search(r'data-chart="chart-confusion">(.*?)</select>', page, re.DOTALL).group(1)
    options = re.findall(r"<option[^>]*>(.*?)</option>", menu)
    assert options[:3] == ["melspectrogram, unseen speakers", "mfcc, unseen speakers", "melspectrogram, random split"]


def test_the_page_is_written_where_it_is_wanted(two_protocols, tmp_path):
    path = write_page(two_protocols, tmp_path / "new" / "page.html", "t")
    assert path.read_text(encoding="utf-8") == comparison_page(two_protocols, "t")


def test_nothing_to_compare_leaves_no_page(tmp_path):
    with pytest.raises(StoreError, match="no results to compare"):
        write_page([], tmp_path / "page.html", "t")
    assert not (tmp_path / "page.html").exists()


def test_a_value_of_a_template_is_escaped():
    names = ("plotly", "meaning", "facts", "tiles", "protocols", "confusions", "headings", "rows")
    values = {name: {} for name in names}
    charts = dict.fromkeys(("accuracy", "uar", "recall", "confusion", "seconds"), "")
    page = render("tembr.evaluate", "comparison.html.jinja", title="<i>x</i>", charts=charts, **values)
    assert "<h1>&lt;i&gt;x&lt;/i&gt;</h1>" in page
