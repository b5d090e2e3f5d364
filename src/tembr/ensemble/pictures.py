"""Pictures of a search: Optuna's history, importances and parallel coordinates, as PNG and as one page."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import optuna
import plotly.graph_objects as go
from markupsafe import Markup
from matplotlib.axes import Axes
from optuna.visualization import matplotlib as pictures

from tembr.evaluate.page import PLOTLY_SETTINGS, render
from tembr.evaluate.plots import INK, legend_above, plain_frame, save_figure
from tembr.files import atomic_write

log = logging.getLogger("tembr")

PLOTS = {
    "history": "plot_optimization_history",
    "importance": "plot_param_importances",
    "parallel": "plot_parallel_coordinate",
}
OBJECTIVE = "objective (nats)"
"""Of which less is better."""
HEADINGS = {
    "history": "Objective by trial",
    "importance": "What the objective depends on",
    "parallel": "Trials in all parameters",
}


def write_search_pictures(study: optuna.Study, folder: Path, title: str) -> None:
    """Write search_history.png, search_importance.png, search_parallel.png and search.html into `folder`.

    What too few trials cannot show is left out.

    Raises:
        StoreError: a file could not be written.
    """
    for name in PLOTS:
        _png(name, study, folder / f"search_{name}.png", title)
    _page(study, folder / "search.html", title)


def _png(name: str, study: optuna.Study, path: Path, title: str) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    with pyplot.style.context("default"):
        axes = _drawn(getattr(pictures, PLOTS[name]), study)
        if axes is not None:
            _finish(axes, name, study)
            axes.figure.suptitle(f"{HEADINGS[name]}\n{title}", fontsize=12, color=INK, parse_math=False)
            save_figure(axes.figure, path)
        for number in set(pyplot.get_fignums()) - set(before):
            pyplot.close(number)
        interactive = pyplot.isinteractive()
    if interactive:  # a notebook turns it on with the first picture, and leaving the style turned it off again
        pyplot.ion()


def _finish(axes: Axes, name: str, study: optuna.Study) -> None:
    """The house's frame and legend instead of Optuna's."""
    axes.figure.set_size_inches(max(9.0, 1.5 * len(study.best_params)), 5.4)
    for side in ("left", "center"):
        axes.set_title("", loc=side)
    if name == "parallel":
        axes.figure.subplots_adjust(left=0.1, right=0.95, bottom=0.24, top=0.86)  # no layout engine takes its axes
        return _name_coordinates(axes, _whole_names(study))
    axes.figure.set_layout_engine("constrained")
    axes.set_facecolor("white")
    plain_frame(axes)
    axes.set_axisbelow(True)
    axes.get_legend().remove()
    if name == "history":
        axes.lines[-1].set_label("best so far")
        legend_above(axes, columns=2)
    axes.set_xlabel({"history": "trial", "importance": "share of the objective's variance"}[name], color=INK)
    axes.set_ylabel({"history": OBJECTIVE, "importance": ""}[name], color=INK)


def _name_coordinates(axes: Axes, whole: dict[str, str]) -> None:
    """Whole names, and numbers that can be read over the lines."""
    shown = [label.get_text() for label in axes.get_xticklabels()]
    axes.set_xticks(axes.get_xticks(), [whole.get(name, name) for name in shown], rotation=20, ha="right", fontsize=9)
    for other in axes.figure.axes:
        other.tick_params(which="both", labelsize=8)
        for label in other.get_yticklabels(which="both"):
            label.set_bbox({"color": "white", "alpha": 0.75, "pad": 0.8})


def _whole_names(study: optuna.Study) -> dict[str, str]:
    """Names as Optuna shortens them → names."""
    return {f"{name[:17]}...": name for name in study.best_params}


def _page(study: optuna.Study, path: Path, title: str) -> None:
    from plotly.offline import get_plotlyjs

    figures = [_drawn(getattr(optuna.visualization, plot), study) for plot in PLOTS.values()]
    options = {"full_html": False, "include_plotlyjs": False, "config": PLOTLY_SETTINGS, "default_width": "100%"}
    charts = [Markup(_named(figure, study).to_html(**options)) for figure in figures if figure is not None]
    with atomic_write(path, flush=False) as temporary:
        page = render("tembr.ensemble", "search.html.jinja", title=title, plotly=Markup(get_plotlyjs()), charts=charts)
        temporary.write_text(page, encoding="utf-8")


def _named(figure: go.Figure, study: optuna.Study) -> go.Figure:
    """With whole names below the coordinates, where `figure` has them as ticks."""
    if figure.layout.xaxis.ticktext:
        whole = _whole_names(study)
        figure.update_xaxes(ticktext=[whole.get(name, name) for name in figure.layout.xaxis.ticktext])
    return figure


def _drawn(plot: Callable, study: optuna.Study):
    """What Optuna draws, or None where it cannot: importances need trials that differ."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of trials that are all alike; they are drawn all the same
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # not the user's to act on
            return plot(study, target_name=OBJECTIVE)
    except (ValueError, RuntimeError) as error:
        log.info("%s: %s", plot.__name__, error)
        return None
