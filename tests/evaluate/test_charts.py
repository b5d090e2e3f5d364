"""The charts of the comparison page: what is drawn, in which order, and that names are data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tembr.evaluate import charts
from tembr.evaluate.results import by_protocol, comparison_table

PROTOCOLS = ["random", "speaker"]


@pytest.fixture(scope="module")
def table(two_protocols):
    return comparison_table(two_protocols)


def test_accuracy_has_a_trace_a_protocol_and_a_bar_a_member(table):
    figure = charts.accuracy_chart(table, PROTOCOLS)
    assert [trace.name for trace in figure.data] == ["random split", "unseen speakers"]
    np.testing.assert_array_equal(figure.data[0].x, table["random_accuracy"])
    assert list(figure.data[0].y) == ["melspectrogram", "mfcc", "svm (baseline)"]


def test_bars_of_error_end_where_the_interval_ends(table):
    for trace, protocol in zip(charts.accuracy_chart(table, PROTOCOLS).data, PROTOCOLS):
        ends = trace.x + np.array(trace.error_x.array), trace.x - np.array(trace.error_x.arrayminus)
        np.testing.assert_allclose(ends[0], table[f"{protocol}_accuracy_high"])
        np.testing.assert_allclose(ends[1], table[f"{protocol}_accuracy_low"])


def test_an_interval_that_leaves_its_value_out_has_no_bar_backwards(table):
    low = table.assign(random_accuracy_high=0.0)
    assert max(charts.accuracy_chart(low, ["random"]).data[0].error_x.array) == 0


def test_pointing_at_a_bar_says_interval_and_recordings(table):
    trace = charts.uar_chart(table, PROTOCOLS, 1 / 6).data[0]
    assert trace.customdata[1].tolist() == table.loc[1, ["random_uar_low", "random_uar_high", "random_n"]].tolist()
    assert "UAR, random split" in trace.hovertemplate


def test_guessing_ends_at_a_line_that_the_legend_names(table):
    figure = charts.uar_chart(table, ["random"], 1 / 6)
    (line,) = figure.layout.shapes
    assert (line.x0, line.x1, line.name) == (1 / 6, 1 / 6, "chance (16.7%)")
    assert figure.layout.showlegend and figure.layout.margin.t == charts.TOP_WITH_LEGEND


def test_one_protocol_alone_needs_no_legend(table):
    assert not charts.accuracy_chart(table, ["random"]).layout.showlegend
    assert charts.accuracy_chart(table, PROTOCOLS).layout.showlegend


def test_seconds_are_said_for_people_and_nothing_where_nothing_was_trained(table):
    trace = charts.seconds_chart(table, PROTOCOLS).data[1]
    assert list(trace.text) == ["62 s", "62 s", ""]
    assert charts.seconds_chart(table, PROTOCOLS).layout.xaxis.range == (0, pytest.approx(1.3 * 61.5))


def test_recall_shows_the_last_protocol_and_a_gap_where_it_was_not_measured(table, two_protocols):
    figure = charts.recall_chart(table, by_protocol(two_protocols))
    assert [trace.visible for trace in figure.data] == [False, True]
    recall = two_protocols[3].summary["per_class"]["anger"]["recall"]
    grid = np.array(figure.data[1].z)
    assert grid[1, 0] == recall and np.isnan(grid[2]).all()


def test_confusions_are_shares_of_the_spoken_emotion_with_their_counts(make_member):
    made = make_member("mfcc")
    made = replace(made, summary=made.summary | {"labels": ["anger", "x"], "confusion": [[3, 1], [0, 0]]})
    (trace,) = charts.confusion_chart([made]).data
    assert np.array(trace.z).tolist() == [[0.75, 0.25], [0, 0]] and np.array(trace.text).tolist() == [[3, 1], [0, 0]]
    assert list(trace.x) == ["anger<br>złość", "x"]


def test_of_confusions_the_first_is_shown(two_protocols):
    assert [trace.visible for trace in charts.confusion_chart(two_protocols).data] == [True] + [False] * 4


def test_names_of_members_are_no_markup(make_member):
    table = comparison_table([make_member("<b>a&b</b>")])
    assert charts.accuracy_chart(table, ["random"]).data[0].y == ("&lt;b&gt;a&amp;b&lt;/b&gt;",)


def test_a_chart_grows_with_members_and_protocols(table):
    heights = [
        charts.accuracy_chart(t, p).layout.height for t in (table, table[:1]) for p in (PROTOCOLS, PROTOCOLS[:1])
    ]
    assert heights == [90 + 3 * 40, 90 + 3 * 30, 90 + 40, 90 + 30]
