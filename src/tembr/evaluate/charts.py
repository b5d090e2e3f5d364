"""The interactive charts of the comparison page, as plotly figures.

Names of members are data: they are HTML-escaped here, because plotly reads its own markup in every label.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from tembr.emotions import POLISH
from tembr.evaluate.panels import PROTOCOL_COLORS, duration, recall_grid, shown_name
from tembr.evaluate.plots import GREY, INK
from tembr.evaluate.results import PROTOCOLS, MemberResult

GRID = "#E5E7EB"
LIGHT_BLUES = [[0, "#F7FBFF"], [1, "#5AA5D6"]]
"""Dark enough to compare, light enough to read dark text on."""
TOP_WITH_LEGEND = 44
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
SHARE_AXIS = {
    "range": [0, 1.04],
    "tickformat": ".0%",
    "gridcolor": GRID,
    "zeroline": False,
    "fixedrange": True,
}

Grouped = dict[str, dict[str, MemberResult]]


def accuracy_chart(table: pd.DataFrame, protocols: Sequence[str]) -> go.Figure:
    """Bars of accuracy with their 95 % intervals, one colour a protocol."""
    bars = [
        go.Bar(
            x=table[f"{protocol}_accuracy"],
            error_x=_error_bars(table, f"{protocol}_accuracy", GREY),
            marker={"color": PROTOCOL_COLORS[protocol], "line": {"width": 0}},
            **_trace_of(table, protocol, "accuracy"),
        )
        for protocol in protocols
    ]
    return _member_figure(bars, table, SHARE_AXIS, len(protocols))


def uar_chart(table: pd.DataFrame, protocols: Sequence[str], chance: float) -> go.Figure:
    """Points of UAR with their 95 % intervals, one colour a protocol, over a line where guessing ends."""
    points = [
        go.Scatter(
            x=table[f"{protocol}_uar"],
            mode="markers",
            marker={"color": PROTOCOL_COLORS[protocol], "size": 10},
            error_x=_error_bars(table, f"{protocol}_uar", PROTOCOL_COLORS[protocol]),
            **_trace_of(table, protocol, "uar"),
        )
        for protocol in protocols
    ]
    figure = _member_figure(points, table, SHARE_AXIS, len(protocols))
    figure.update_yaxes(showgrid=True, gridcolor=GRID)
    dashes = {"color": GREY, "width": 1.5, "dash": "dash"}
    figure.add_vline(x=chance, line=dashes, name=f"chance ({chance:.1%})", showlegend=True)
    figure.update_layout(showlegend=True, margin_t=TOP_WITH_LEGEND)
    return figure


def seconds_chart(table: pd.DataFrame, protocols: Sequence[str]) -> go.Figure:
    """Bars of training time, all folds together."""
    bars = [
        go.Bar(
            y=_names(table),
            x=table[f"{protocol}_train_seconds"],
            orientation="h",
            name=PROTOCOLS[protocol],
            text=["" if np.isnan(value) else duration(value) for value in table[f"{protocol}_train_seconds"]],
            textposition="outside",
            cliponaxis=False,
            marker={"color": PROTOCOL_COLORS[protocol], "line": {"width": 0}},
            hovertemplate=f"<b>%{{y}}</b><br>{PROTOCOLS[protocol]}: %{{x:,.1f}} s<extra></extra>",
        )
        for protocol in protocols
    ]
    longest = table[[f"{protocol}_train_seconds" for protocol in protocols]].max(axis=None)
    axis = {"title": {"text": "seconds"}, "gridcolor": GRID, "zeroline": False, "fixedrange": True}
    return _member_figure(bars, table, axis | {"range": [0, 1.3 * (longest or 1)]}, len(protocols))


def recall_chart(table: pd.DataFrame, grouped: Grouped) -> go.Figure:
    """Heat maps of recall by member and emotion, one a protocol as in `grouped`; the last is shown."""
    figure = go.Figure()
    for protocol, members in grouped.items():
        labels = next(iter(members.values())).summary["labels"]
        grid = recall_grid(table["member"], members, labels)
        heat = _heat_map(grid, _two_line_names(labels), _names(table))
        heat.update(
            texttemplate="%{z:.0%}",
            hovertemplate="<b>%{y}</b><br>%{x}<br>recall %{z:.1%}<extra></extra>",
            visible=protocol == list(grouped)[-1],
        )
        figure.add_trace(heat)
    _finish(figure, height=_height(table, len(grouped)))
    figure.update_yaxes(categoryorder="array", categoryarray=_names(table))
    return figure


def confusion_chart(confusions: Sequence[MemberResult]) -> go.Figure:
    """Confusion matrices, rows scaled to the recordings of the spoken emotion; the first is shown."""
    figure = go.Figure()
    for position, result in enumerate(confusions):
        counts = np.asarray(result.summary["confusion"])
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        names = _two_line_names(result.summary["labels"])
        heat = _heat_map(shares, names, names)
        heat.update(
            text=counts,
            texttemplate="%{z:.0%}<br>%{text}",
            hovertemplate="spoken: %{y}<br>recognised as: %{x}<br>%{z:.1%}, %{text} recordings<extra></extra>",
            visible=position == 0,
        )
        figure.add_trace(heat)
    _finish(figure, height=560)
    figure.update_xaxes(title_text="recognised as")
    figure.update_yaxes(title_text="spoken emotion")
    return figure


def _trace_of(table: pd.DataFrame, protocol: str, measure: str) -> dict:
    """What a bar and a point have in common: rows, name, and an interval to read when pointed at."""
    bounds = table[[f"{protocol}_{measure}_low", f"{protocol}_{measure}_high", f"{protocol}_n"]]
    title = {"accuracy": "accuracy", "uar": "UAR"}[measure]
    return {
        "y": _names(table),
        "orientation": "h",
        "name": PROTOCOLS[protocol],
        "customdata": bounds.to_numpy(),
        "hovertemplate": f"<b>%{{y}}</b><br>{title}, {PROTOCOLS[protocol]}: <b>%{{x:.1%}}</b><br>"
        "95% interval %{customdata[0]:.1%} to %{customdata[1]:.1%}<br>"
        "%{customdata[2]:.0f} recordings<extra></extra>",
    }


def _error_bars(table: pd.DataFrame, column: str, color: str) -> dict:
    value = table[column]
    return {
        "type": "data",
        "symmetric": False,
        "array": (table[f"{column}_high"] - value).clip(lower=0),
        "arrayminus": (value - table[f"{column}_low"]).clip(lower=0),
        "color": color,
        "thickness": 1.6,
        "width": 3,
    }


def _heat_map(grid: np.ndarray, columns: list[str], rows: list[str]) -> go.Heatmap:
    return go.Heatmap(
        z=grid,
        x=columns,
        y=rows,
        textfont={"color": INK},
        zmin=0,
        zmax=1,
        colorscale=LIGHT_BLUES,
        showscale=False,
        xgap=2,
        ygap=2,
        hoverongaps=False,
    )


def _member_figure(traces: list, table: pd.DataFrame, axis: dict, bars: int) -> go.Figure:
    figure = go.Figure(traces)
    _finish(figure, height=_height(table, bars))
    figure.update_layout(bargap=0.28, xaxis=axis)
    figure.update_yaxes(categoryorder="array", categoryarray=_names(table))
    return figure


def _height(table: pd.DataFrame, bars: int) -> int:
    return 90 + len(table) * max(30, 20 * bars)


def _finish(figure: go.Figure, height: int) -> None:
    with_legend = len(figure.data) > 1 and figure.data[0].type != "heatmap"
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 14, "t": TOP_WITH_LEGEND if with_legend else 10, "b": 8},
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"bgcolor": "white", "font": {"size": 13, "color": INK}},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        showlegend=with_legend,
    )
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True, ticks="", ticklabelstandoff=6)
    figure.update_xaxes(automargin=True, fixedrange=True)


def _names(table: pd.DataFrame) -> list[str]:
    return [escape(shown_name(member, kind)) for member, kind in zip(table["member"], table["kind"], strict=True)]


def _two_line_names(labels: Sequence[str]) -> list[str]:
    return [f"{escape(label)}<br>{POLISH[label]}" if label in POLISH else escape(label) for label in labels]
