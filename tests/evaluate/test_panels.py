"""The picture of a study: what each of its four panels draws."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.errors import StoreError
from tembr.evaluate import panels
from tembr.evaluate.panels import comparison_png, duration, recall_grid, shown_name


@pytest.fixture
def drawn(two_protocols, monkeypatch):
    """The panels accuracy, UAR, training time and recall."""
    figures = []
    monkeypatch.setattr(panels, "save_figure", lambda figure, path: figures.append(figure))
    comparison_png(two_protocols, "unused", "nEMO")
    return figures[0].axes


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_every_panel_has_its_heading(drawn):
    assert [axes.get_title(loc="left") for axes in drawn] == [
        "Accuracy, random split",
        "UAR",
        "Training time",
        "Recall of each emotion in percent, unseen speakers",
    ]


def test_members_stand_in_the_order_of_the_table_from_the_top(drawn):
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["melspectrogram", "mfcc", "svm (baseline)"]
    assert drawn[0].get_ylim() == (2.5, -0.5)


def test_bars_of_accuracy_are_its_values_and_baselines_are_pale(drawn, two_protocols):
    by_name = {r.member: r.summary["accuracy"]["value"] for r in two_protocols if r.protocol == "random"}
    order = ["melspectrogram", "mfcc", "svm"]
    assert [bar.get_width() for bar in drawn[0].patches] == [by_name[name] for name in order]
    assert [bar.get_alpha() for bar in drawn[0].patches] == [1, 1, 0.45]
    assert texts(drawn[0]) == [f"{by_name[name]:.1%}" for name in order]


def test_uar_has_its_points_under_both_protocols_and_a_line_of_chance(drawn):
    legend = [text.get_text() for text in drawn[1].get_legend().texts]
    assert legend == ["random split", "unseen speakers", "chance (16.7%)"]
    assert list(drawn[1].lines[0].get_xdata()) == [1 / 6, 1 / 6]


def test_what_was_not_trained_has_no_time(drawn):
    assert texts(drawn[2]) == ["62 s"] * 5


def test_recall_is_in_percent_and_a_dash_where_it_was_not_measured(drawn, two_protocols):
    recall = two_protocols[4].summary["per_class"]
    assert texts(drawn[3])[:6] == [f"{100 * figures['recall']:.0f}" for figures in recall.values()]
    assert texts(drawn[3])[12:] == ["–"] * 6


def test_recall_by_member_and_emotion_by_hand(make_member):
    member = make_member("mfcc")
    member.summary["per_class"] = {"anger": {"recall": 0.25}, "fear": {"recall": 1.0}}
    grid = recall_grid(["rms", "mfcc"], {"mfcc": member}, ["fear", "anger", "joy"])
    np.testing.assert_array_equal(grid, [[np.nan] * 3, [1.0, 0.25, np.nan]])


@pytest.mark.parametrize(("kind", "said"), [("baseline", "svm (baseline)"), ("network", "svm"), ("ensemble", "svm")])
def test_baselines_are_marked(kind, said):
    assert shown_name("svm", kind) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (99, "99 s"), (100, "1.7 min"), (5999, "100 min"), (6000, "1.7 h"), (36e3, "10 h")],
)
def test_the_unit_of_a_duration_changes_before_its_number_is_long(seconds, said):
    assert duration(seconds) == said


def test_nothing_to_compare_is_refused(tmp_path):
    with pytest.raises(StoreError, match="no results to compare"):
        comparison_png([], tmp_path / "c.png", "nEMO")
