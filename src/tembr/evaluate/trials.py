"""Pictures of a search: Optuna's own, as PNG and as one page, in the house's frame."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import plotly.graph_objects as go
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.visualization import matplotlib as pictures

from tembr.evaluate.page import PLOTLY_SETTINGS, render
from tembr.evaluate.plots import INK, legend_above, plain_frame, save_figure
from tembr.files import atomic_write

log = logging.getLogger("tembr")

COUNTED = ("trial", "epoch")
"""Axes of whole numbers."""


@dataclass(frozen=True)
class Plot:
    """One picture of a search.

    Attributes:
        name: of the file, `search_NAME.png`.
        function: of `optuna.visualization` and of its `matplotlib`, that draws it.
        heading: above it.
        options: of the function: what it shows, and what that is called.
        labels: of the axes, where Optuna's are not wanted.
    """

    name: str
    function: str
    heading: str
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str | None, str | None] = (None, None)


@dataclass(frozen=True)
class Table:
    """Rows below the pictures."""

    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def history_plot(measure: str, heading: str = "", name: str = "history", **options: Any) -> Plot:
    """What each trial came to, and the best so far."""
    plot = "plot_optimization_history"
    return Plot(name, plot, heading or f"{measure} by trial", {"target_name": measure} | options, ("trial", measure))


def importance_plot(measure: str, heading: str = "", name: str = "importance", **options: Any) -> Plot:
    """Shares of what is searched in the variance of what is found."""
    labels = f"share of the variance of {measure}", ""
    heading = heading or f"What {measure} depends on"
    return Plot(name, "plot_param_importances", heading, {"target_name": measure} | options, labels)


def write_search_pictures(
    study: optuna.Study, plots: Sequence[Plot], folder: Path, title: str, explained: str, table: Table | None = None
) -> None:
    """Write `search_NAME.png` of each plot, and all of them as `search.html`, into `folder`.

    What too few trials cannot show is left out.

    Args:
        explained: what a point in the pictures is, for the page.

    Raises:
        StoreError: a file could not be written.
    """
    for plot in plots:
        _png(plot, study, folder / f"search_{plot.name}.png", title)
    _page(study, plots, folder / "search.html", title, explained, table or Table())


def _png(plot: Plot, study: optuna.Study, path: Path, title: str) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    with pyplot.style.context("default"):
        drawn = _drawn(getattr(pictures, plot.function), study, plot)
        if drawn is not None:
            figure = _finish(np.atleast_1d(drawn), plot, study)
            figure.suptitle(f"{plot.heading}\n{title}", fontsize=12, color=INK, parse_math=False)
            save_figure(figure, path)
        for number in set(pyplot.get_fignums()) - set(before):
            pyplot.close(number)
        interactive = pyplot.isinteractive()
    if interactive:  # a notebook turns it on with the first picture, and leaving the style turned it off again
        pyplot.ion()


def _finish(drawn: np.ndarray, plot: Plot, study: optuna.Study) -> Figure:
    """The house's frame and legend instead of Optuna's."""
    figure = drawn[0].figure
    figure.set_size_inches(max(9.0, 1.5 * len(_parameters(study)), 2.6 * len(drawn)), 5.4)
    for axes in drawn:
        for side in ("left", "center"):
            axes.set_title("", loc=side)
    if plot.function == "plot_parallel_coordinate":
        figure.subplots_adjust(left=0.1, right=0.95, bottom=0.24, top=0.86)  # no layout engine takes its axes
        _name_coordinates(drawn[0], _whole_names(study))
        return figure
    figure.suptitle("")
    alone = plot.function == "plot_slice" and len(drawn) == 1
    figure.set_layout_engine("tight" if alone else "constrained")  # the colour bar of one slice allows no other
    for axes in drawn:
        _frame(axes, plot)
    return figure


def _frame(axes: Axes, plot: Plot) -> None:
    axes.set_facecolor("white")
    plain_frame(axes)
    axes.tick_params(colors=INK)
    if axes.get_legend():
        axes.get_legend().remove()
    if plot.function == "plot_optimization_history" and axes.lines:  # of several objectives none is the best alone
        axes.lines[-1].set_label("best so far")
        legend_above(axes, columns=2)
    if plot.function == "plot_pareto_front":
        legend_above(axes, columns=2)
    if plot.labels[0] in COUNTED:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.get_xscale() == "log":
        axes.tick_params(axis="x", which="minor", labelrotation=45, labelsize=7, labelcolor=INK)
    along, up = plot.labels
    axes.set_xlabel(axes.get_xlabel() if along is None else along, color=INK)
    axes.set_ylabel(axes.get_ylabel() if up is None else up, color=INK)


def _name_coordinates(axes: Axes, whole: dict[str, str]) -> None:
    """Whole names, and numbers that can be read over the lines."""
    shown = [label.get_text() for label in axes.get_xticklabels()]
    axes.set_xticks(axes.get_xticks(), [whole.get(name, name) for name in shown], rotation=20, ha="right", fontsize=9)
    for other in axes.figure.axes:
        other.tick_params(which="both", labelsize=8)
        for label in other.get_yticklabels(which="both"):
            label.set_bbox({"color": "white", "alpha": 0.75, "pad": 0.8})


def _parameters(study: optuna.Study) -> list[str]:
    return list(dict.fromkeys(name for trial in study.get_trials(deepcopy=False) for name in trial.params))


def _whole_names(study: optuna.Study) -> dict[str, str]:
    """Names as Optuna shortens them → names."""
    return {f"{name[:17]}...": name for name in _parameters(study)}


def _page(study: optuna.Study, plots: Sequence[Plot], path: Path, title: str, explained: str, table: Table) -> None:
    from plotly.offline import get_plotlyjs

    figures = [_drawn(getattr(optuna.visualization, plot.function), study, plot) for plot in plots]
    options = {"full_html": False, "include_plotlyjs": False, "config": PLOTLY_SETTINGS, "default_width": "100%"}
    charts = [Markup(_named(figure, study).to_html(**options)) for figure in figures if figure is not None]
    values = {"title": title, "explained": explained, "charts": charts, "table": table}
    with atomic_write(path, flush=False) as temporary:
        page = render("tembr.evaluate", "trials.html.jinja", plotly=Markup(get_plotlyjs()), **values)
        temporary.write_text(page, encoding="utf-8")


def _named(figure: go.Figure, study: optuna.Study) -> go.Figure:
    """With whole names below the coordinates, where `figure` has them as ticks."""
    if figure.layout.xaxis.ticktext:
        whole = _whole_names(study)
        figure.update_xaxes(ticktext=[whole.get(name, name) for name in figure.layout.xaxis.ticktext])
    return figure


def _drawn(draw: Callable, study: optuna.Study, plot: Plot):
    """What Optuna draws, or None where it cannot: importances need trials that differ."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of trials that are all alike; they are drawn all the same
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # not the user's to act on
            return draw(study, **plot.options)
    except (ValueError, RuntimeError) as error:
        log.info("%s: %s", draw.__name__, error)
        return None
