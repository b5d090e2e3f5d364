"""The comparison as one HTML file that needs nothing else: charts, table and what the figures mean."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from tembr.evaluate import charts
from tembr.evaluate.panels import duration, shown_name
from tembr.evaluate.results import PROTOCOLS, MemberResult, by_protocol, comparison_table
from tembr.files import atomic_write

PLOTLY_SETTINGS = {"responsive": True, "displaylogo": False, "displayModeBar": False}

MEANING: dict[str, str] = {
    "random": "Under the <b>random split</b>, recordings are dealt to training and test at random. The "
    "voices in the test are then the voices of the training, often recorded at the same sitting, and a model "
    "can do well by recognising the sitting. It is shown because the field reports it.",
    "kfold": "With <b>random folds</b>, recordings are dealt at random to folds and each fold is tested once "
    "by a model trained on the others. Every recording is tested, but its speaker was heard in training.",
    "speaker": "Under <b>unseen speakers</b>, nobody heard in the test was heard in training. This is what "
    "to expect from a new voice.",
    "sentence": "Under <b>unseen speakers and sentences</b>, neither the voice nor the sentence of a tested recording "
    "was heard in training.",
}


@dataclass(frozen=True)
class Fact:
    """What was done under one protocol, as text: how many recordings, folds and members, which corpora and seeds."""

    protocol: str
    corpora: str
    n: str
    folds: str
    seeds: str
    members: int


@dataclass(frozen=True)
class Tile:
    """One figure written large: what it is, and whose."""

    figure: str
    what: str
    member: str


@dataclass(frozen=True)
class Cell:
    """Of the table: what is read, what is below it in small, and the number it is sorted by."""

    text: str = ""
    small: str = ""
    value: str = ""


@dataclass(frozen=True)
class Row:
    """Of the table: a member, as it is sorted and as it is read, and its figures."""

    member: str
    name: str
    cells: tuple[Cell, ...]


def render(package: str, template: str, **values) -> str:
    """The template of `package` with `values`; all that is not `Markup` is escaped, and what is missing is an error."""
    options = {"autoescape": True, "undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return Environment(loader=PackageLoader(package, ""), **options).get_template(template).render(values)


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
    protocols = {protocol: PROTOCOLS[protocol] for protocol in grouped}
    chance = 1 / len(results[0].summary["labels"])
    ranked = [members[name] for members in reversed(grouped.values()) for name in table["member"] if name in members]
    return render(
        "tembr.evaluate",
        "comparison.html.jinja",
        title=title,
        plotly=Markup(get_plotlyjs()),
        meaning=[Markup(sentence) for sentence in _meaning(grouped)],
        facts=[_fact(protocol, list(members.values())) for protocol, members in grouped.items()],
        tiles=list(_tiles(table, chance)),
        protocols=protocols,
        confusions=[f"{result.member}, {PROTOCOLS[result.protocol]}" for result in ranked],
        charts={
            "accuracy": _chart(charts.accuracy_chart(table, protocols), "accuracy"),
            "uar": _chart(charts.uar_chart(table, protocols, chance), "uar"),
            "recall": _chart(charts.recall_chart(table, grouped), "recall"),
            "confusion": _chart(charts.confusion_chart(ranked), "confusion"),
            "seconds": _chart(charts.seconds_chart(table, protocols), "seconds"),
        },
        headings=_headings(protocols),
        rows=[_row(row, protocols) for _, row in table.iterrows()],
    )


def _chart(figure: go.Figure, name: str) -> Markup:
    options = {"full_html": False, "include_plotlyjs": False, "config": PLOTLY_SETTINGS, "default_width": "100%"}
    return Markup(figure.to_html(div_id=f"chart-{name}", **options))


def _meaning(grouped: dict) -> list[str]:
    sentences = [MEANING[protocol] for protocol in grouped]
    if "speaker" in grouped and len(grouped) > 1:
        sentences.append("What is lost between them is what a model owed to knowing the voices.")
    return sentences


def _fact(protocol: str, members: Sequence[MemberResult]) -> Fact:
    corpora, n, folds, seeds = (
        _distinct(result.summary.get(name) for result in members) for name in ("corpus", "n", "folds", "seed")
    )
    return Fact(PROTOCOLS[protocol], corpora, n, folds, seeds, len(members))


def _distinct(values: Iterable) -> str:
    known = sorted({value for value in values if value is not None}, key=lambda value: (str(type(value)), value))
    return " or ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in known) or "not known"


def _tiles(table: pd.DataFrame, chance: float) -> Iterator[Tile]:
    wanted = [
        ("speaker_uar", "best UAR on unseen speakers"),
        ("kfold_accuracy", "best accuracy, random folds"),
        ("random_accuracy", "best accuracy, random split"),
    ]
    for column, what in wanted:
        if column in table:
            best = table.loc[table[column].idxmax()]
            yield Tile(f"{best[column]:.1%}", what, shown_name(best["member"], best["kind"]))
    yield Tile(f"{chance:.1%}", "chance", "guessing")


def _headings(protocols: dict[str, str]) -> list[Cell]:
    measures = ("Accuracy", "UAR", "Macro-F1", "ECE")
    headings = [Cell(measure, name) for name in protocols.values() for measure in measures]
    if _both(protocols):
        headings.append(Cell("Gap", "UAR, points"))
    return [Cell("Member"), *headings, Cell("Parameters"), *(Cell("Training", name) for name in protocols.values())]


def _row(row: pd.Series, protocols: dict[str, str]) -> Row:
    cells = []
    for protocol in protocols:
        cells += [_interval_cell(row, f"{protocol}_{measure}") for measure in ("accuracy", "uar", "macro_f1")]
        cells.append(_cell(row[f"{protocol}_ece"], "{:.3f}".format))
    if _both(protocols):
        cells.append(_cell(row["gap"], lambda gap: f"{100 * gap:+.1f}"))
    cells.append(_cell(row["parameters"], "{:,.0f}".format))
    cells += [_cell(row[f"{protocol}_train_seconds"], duration) for protocol in protocols]
    return Row(row["member"], shown_name(row["member"], row["kind"]), tuple(cells))


def _both(protocols: dict[str, str]) -> bool:
    return {"random", "speaker"} <= set(protocols)


def _interval_cell(row: pd.Series, column: str) -> Cell:
    bounds = f"{100 * row[f'{column}_low']:.1f}–{100 * row[f'{column}_high']:.1f}"
    return _cell(row[column], "{:.1%}".format, bounds)


def _cell(value: float, said: Callable[[float], str], small: str = "") -> Cell:
    return Cell() if pd.isna(value) else Cell(said(value), small, f"{value:.9g}")
