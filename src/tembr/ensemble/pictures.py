"""Pictures of a search: Optuna's history, importances and parallel coordinates, as PNG and as one page."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from html import escape
from pathlib import Path

import optuna
from optuna.visualization import matplotlib as pictures

from tembr.evaluate.plots import DOTS_PER_INCH
from tembr.files import atomic_write
from tembr.outputs import SOFTWARE, SOFTWARE_FIELD

log = logging.getLogger("tembr")

PLOTS = {
    "history": "plot_optimization_history",
    "importance": "plot_param_importances",
    "parallel": "plot_parallel_coordinate",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font-family:system-ui,sans-serif;max-width:1100px;margin:2em auto;color:#1F2937}}</style>
<h1>{title}</h1><p>Every point is a trial: weights of the members and a temperature, judged by the mean negative
log-likelihood (nats, lower is better) of predictions that no member was trained on.</p>
<script>{plotly}</script>{charts}</html>
"""


def write_search_pictures(study: optuna.Study, folder: Path, title: str) -> None:
    """Write search_history.png, search_importance.png, search_parallel.png and search.html into `folder`.

    What too few trials cannot show is left out.

    Raises:
        StoreError: a file could not be written.
    """
    for name, plot in PLOTS.items():
        _png(getattr(pictures, plot), study, folder / f"search_{name}.png", title)
    _page(study, folder / "search.html", title)


def _png(plot: Callable, study: optuna.Study, path: Path, title: str) -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    with pyplot.style.context("default"):
        axes = _drawn(plot, study)
        if axes is not None:
            axes.figure.set_size_inches(9, 5)
            axes.figure.suptitle(title, y=1.02, parse_math=False)
            with atomic_write(path, flush=False) as temporary:
                look = {"dpi": DOTS_PER_INCH, "bbox_inches": "tight", "facecolor": "white"}
                axes.figure.savefig(temporary, format="png", metadata={SOFTWARE_FIELD["png"]: SOFTWARE}, **look)
        for number in set(pyplot.get_fignums()) - set(before):
            pyplot.close(number)
        interactive = pyplot.isinteractive()
    if interactive:  # a notebook turns it on with the first picture, and leaving the style turned it off again
        pyplot.ion()


def _page(study: optuna.Study, path: Path, title: str) -> None:
    from plotly.offline import get_plotlyjs

    figures = [_drawn(getattr(optuna.visualization, plot), study) for plot in PLOTS.values()]
    charts = "".join(f.to_html(full_html=False, include_plotlyjs=False) for f in figures if f is not None)
    with atomic_write(path, flush=False) as temporary:
        page = PAGE.format(title=escape(title), plotly=get_plotlyjs(), charts=charts)
        temporary.write_text(page, encoding="utf-8")


def _drawn(plot: Callable, study: optuna.Study):
    """What Optuna draws, or None where it cannot: importances need trials that differ."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of trials that are all alike; they are drawn all the same
            return plot(study)
    except (ValueError, RuntimeError) as error:
        log.info("%s: %s", plot.__name__, error)
        return None
