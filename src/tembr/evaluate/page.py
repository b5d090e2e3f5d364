"""The comparison as one HTML file that needs nothing else: charts, table and what the figures mean."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from tembr.evaluate import charts
from tembr.evaluate.panels import duration
from tembr.evaluate.results import PROTOCOLS, MemberResult, by_protocol, comparison_table
from tembr.files import atomic_write

PLOTLY_SETTINGS = {"responsive": True, "displaylogo": False, "displayModeBar": False}

MEANING = {
    "random": "Under the <b>random split</b>, recordings are dealt to training and test at random. The "
    "voices in the test are then the voices of the training, often recorded at the same sitting, and a model "
    "can do well by recognising the sitting. It is shown because the field reports it.",
    "kfold": "With <b>random folds</b>, recordings are dealt at random to folds and each fold is tested once "
    "by a model trained on the others. Every recording is tested, but its speaker was heard in training.",
    "speaker": "Under <b>unseen speakers</b>, nobody heard in the test was heard in training. This is what "
    "to expect from a new voice.",
}


def write_page(results: Sequence[MemberResult], path: str | os.PathLike, title: str) -> Path:
    """Write the interactive comparison to `path`: one file of about 5 MB that makes no network request.

    Raises:
        StoreError: nothing to compare, a member twice under one protocol, or the file could not be written.
    """
    page = comparison_page(results, title)
    with atomic_write(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


def comparison_page(results: Sequence[MemberResult], title: str) -> str:
    """The page as text; see `write_page`."""
    table, grouped = comparison_table(results), by_protocol(results)
    protocols = list(grouped)
    chance = 1 / len(results[0].summary["labels"])
    ranked = [members[name] for members in reversed(grouped.values()) for name in table["member"] if name in members]
    template = Template(files("tembr.evaluate").joinpath("comparison.html.template").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(title),
        plotly=get_plotlyjs(),
        meaning=_meaning(grouped),
        facts=_facts(grouped),
        tiles=_tiles(table, chance),
        accuracy=_chart(charts.accuracy_chart(table, protocols), "accuracy"),
        uar=_chart(charts.uar_chart(table, protocols, chance), "uar"),
        recall=_chart(charts.recall_chart(table, grouped), "recall"),
        recall_choice=_choice("recall", [PROTOCOLS[protocol] for protocol in protocols], len(protocols) - 1),
        confusion=_chart(charts.confusion_chart(ranked), "confusion"),
        confusion_choice=_choice("confusion", [f"{r.member}, {PROTOCOLS[r.protocol]}" for r in ranked], 0),
        seconds=_chart(charts.seconds_chart(table, protocols), "seconds"),
        table=_table(table, protocols),
    )


def _chart(figure: go.Figure, name: str) -> str:
    return figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=f"chart-{name}",
        config=PLOTLY_SETTINGS,
        default_width="100%",
    )


def _choice(chart: str, names: Sequence[str], chosen: int) -> str:
    """A menu that shows one trace of a chart; nothing where there is nothing to choose."""
    if len(names) < 2:
        return ""
    options = "".join(
        f"<option{' selected' if position == chosen else ''}>{escape(name)}</option>"
        for position, name in enumerate(names)
    )
    return f'<label>Show <select data-chart="chart-{chart}">{options}</select></label>'


def _meaning(grouped: dict) -> str:
    sentences = [MEANING[protocol] for protocol in grouped]
    if "speaker" in grouped and len(grouped) > 1:
        sentences.append("What is lost between them is what a model owed to knowing the voices.")
    return " ".join(sentences)


def _facts(grouped: dict) -> str:
    """One line a protocol: how many recordings, folds and members, which corpus and seed."""
    lines = []
    for protocol, members in grouped.items():
        summaries = [result.summary for result in members.values()]
        n, folds, corpora, seeds = (
            _distinct(summary.get(name) for summary in summaries) for name in ("n", "folds", "corpus", "seed")
        )
        lines.append(
            f"<li><b>{PROTOCOLS[protocol]}</b>: corpus {corpora}, {n} recordings tested, "
            f"{folds} fold{'' if folds == '1' else 's'}, seed {seeds}, {len(members)} members</li>"
        )
    return "".join(lines)


def _distinct(values: Iterable) -> str:
    known = sorted({value for value in values if value is not None}, key=lambda value: (str(type(value)), value))
    return escape(" or ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in known) or "not known")


def _tiles(table: pd.DataFrame, chance: float) -> str:
    wanted = [
        ("speaker_uar", "best UAR on unseen speakers"),
        ("kfold_accuracy", "best accuracy, random folds"),
        ("random_accuracy", "best accuracy, random split"),
    ]
    tiles = [_tile(table, column, what) for column, what in wanted if column in table]
    tiles.append(f'<div class="tile"><strong>{chance:.1%}</strong><span>chance</span><em>guessing</em></div>')
    return "".join(tiles)


def _tile(table: pd.DataFrame, column: str, what: str) -> str:
    best = table.loc[table[column].idxmax()]
    name = charts.shown_name(best["member"], best["kind"])
    return f'<div class="tile"><strong>{best[column]:.1%}</strong><span>{what}</span><em>{name}</em></div>'


def _table(table: pd.DataFrame, protocols: Sequence[str]) -> str:
    headings = ["Member"]
    for protocol in protocols:
        headings += [f"{name}<small>{PROTOCOLS[protocol]}</small>" for name in ("Accuracy", "UAR", "Macro-F1", "ECE")]
    headings += [*(["Gap<small>UAR, points</small>"] if table["gap"].notna().any() else []), "Parameters"]
    headings += [f"Training<small>{PROTOCOLS[protocol]}</small>" for protocol in protocols]
    head = "".join(f'<th scope="col"><button type="button">{heading}</button></th>' for heading in headings)
    rows = "".join(f"<tr>{_row(row, protocols)}</tr>" for _, row in table.iterrows())
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(row: pd.Series, protocols: Sequence[str]) -> str:
    name = charts.shown_name(row["member"], row["kind"])
    cells = [f'<th scope="row" data-value="{escape(row["member"])}">{name}</th>']
    for protocol in protocols:
        for measure in ("accuracy", "uar", "macro_f1"):
            column = f"{protocol}_{measure}"
            low, high = 100 * row[f"{column}_low"], 100 * row[f"{column}_high"]
            cells.append(_cell(row[column], f"{row[column]:.1%}<small>{low:.1f}–{high:.1f}</small>"))
        cells.append(_cell(row[f"{protocol}_ece"], f"{row[f'{protocol}_ece']:.3f}"))
    if "random" in protocols and "speaker" in protocols:
        cells.append(_cell(row["gap"], f"{100 * row['gap']:+.1f}"))
    cells.append(_cell(row["parameters"], f"{row['parameters']:,.0f}"))
    times = [row[f"{protocol}_train_seconds"] for protocol in protocols]
    return "".join(cells + [_cell(seconds, duration(seconds)) for seconds in times])


def _cell(value: float, text: str) -> str:
    return '<td data-value=""></td>' if pd.isna(value) else f'<td data-value="{value:.9g}">{text}</td>'
