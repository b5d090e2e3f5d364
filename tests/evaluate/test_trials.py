"""Pictures of any search: what is drawn, what is left out, and that drawing leaves nothing behind."""

from __future__ import annotations

import re

import optuna
import pytest
from matplotlib import pyplot
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial

from tembr.errors import StoreError
from tembr.evaluate import trials
from tembr.evaluate.trials import Plot, Table, history_plot, importance_plot, write_search_pictures

HISTORY = history_plot("UAR")
PAIR = ("UAR", "parameters")
FRONT = Plot("front", "plot_pareto_front", "Trials that none beats", {"target_names": PAIR})
SLICE = Plot("slice", "plot_slice", "UAR by setting", {"target_name": "UAR"})
EPOCHS = Plot("epochs", "plot_intermediate_values", "Validation by epoch", {}, ("epoch", "UAR"))
RATE = "train.learning_rate_of_all"


def searched(*values, **reported) -> optuna.Study:
    """A search whose trials came to these values, by a number from 0 to 1 on a logarithmic scale."""
    several = isinstance(values[0], tuple)
    study = optuna.create_study(directions=["maximize"] * (len(values[0]) if several else 1))
    ends = FloatDistribution(1e-4, 1.0, log=True)
    for number, value in enumerate(values):
        params = {"params": {RATE: 10.0**-number}, "distributions": {RATE: ends}}
        study.add_trial(create_trial(values=list(value) if several else [value], **params, **reported))
    return study


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes pictures of a search; returns the figures by their files' names, and the page."""

    def written(study: optuna.Study, *plots: Plot, title="t", explained="e", table=None) -> tuple[dict, str]:
        figures = {}
        monkeypatch.setattr(trials, "save_figure", lambda figure, path: figures.update({path.name: figure}))
        monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "")  # 5 MB
        write_search_pictures(study, plots, tmp_path, title, explained, table)
        return figures, (tmp_path / "search.html").read_text(encoding="utf-8")

    return written


def charts(page: str) -> int:
    return page.count('<div class="chart">')


def test_a_plot_is_named_by_its_measure_where_nothing_else_is_said():
    assert (HISTORY.name, HISTORY.heading, HISTORY.labels) == ("history", "UAR by trial", ("trial", "UAR"))
    importance = importance_plot("UAR")
    assert (importance.name, importance.heading) == ("importance", "What UAR depends on")
    assert importance.labels == ("share of the variance of UAR", "")
    own = importance_plot("UAR", "Mine", "own", n_trees=3)
    assert (own.name, own.heading, own.options) == ("own", "Mine", {"target_name": "UAR", "n_trees": 3})


def test_each_plot_is_a_file_of_its_name_beside_the_page(tmp_path, monkeypatch, blank_pictures):
    monkeypatch.setattr("plotly.offline.get_plotlyjs", lambda: "")
    write_search_pictures(searched(0.2, 0.5), [HISTORY, SLICE], tmp_path, "t", "e")
    assert {path.name for path in tmp_path.iterdir()} == {"search_history.png", "search_slice.png", "search.html"}


def test_the_best_so_far_is_told_from_the_trials(write):
    figures, _ = write(searched(0.2, 0.5, 0.4), HISTORY)
    axes = figures["search_history.png"].axes[0]
    assert axes.lines[-1].get_ydata().tolist() == [0.2, 0.5, 0.5]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["UAR", "best so far"]


def test_trials_and_epochs_are_whole_numbers(write):
    figures, _ = write(searched(0.2, 0.5, intermediate_values={1: 0.1, 2: 0.3}), HISTORY, EPOCHS)
    for figure in figures.values():
        figure.draw_without_rendering()
        assert all(float(tick).is_integer() for tick in figure.axes[0].get_xticks())
        assert figure.axes[0].get_ylabel() == "UAR"


def test_what_cannot_be_drawn_is_left_out_and_the_rest_is_there(write):
    figures, page = write(searched(0.5), FRONT, HISTORY)
    assert list(figures) == ["search_history.png"] and charts(page) == 1


@pytest.mark.filterwarnings("error")
def test_of_two_objectives_there_is_a_front_and_no_best(write):
    each = [history_plot(name, name=name, target=lambda t, n=n: t.values[n]) for n, name in enumerate(PAIR)]
    figures, page = write(searched((0.2, 3.0), (0.5, 1.0)), FRONT, *each)
    labels = [(figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) for figure in figures.values()]
    assert labels == [PAIR, ("trial", "UAR"), ("trial", "parameters")] and charts(page) == 3
    legends = [figure.axes[0].get_legend() for figure in figures.values()]
    assert legends[0] is not None and legends[1:] == [None, None]


@pytest.mark.filterwarnings("error")
def test_a_slice_is_wide_enough_and_its_small_ticks_are_small(write):
    figures, _ = write(searched(0.2, 0.5, 0.3), SLICE)
    axes = figures["search_slice.png"].axes[0]
    assert axes.get_xscale() == "log" and axes.figure.get_size_inches()[0] >= 9
    assert {label.get_fontsize() for label in axes.get_xticklabels(minor=True)} == {7.0}


def test_a_heading_is_no_mathematics(write):
    figures, _ = write(searched(0.2, 0.5), history_plot("UAR", r"$\x$ and $y$"), title="$$")
    figures["search_history.png"].draw_without_rendering()
    assert figures["search_history.png"].get_suptitle() == "$\\x$ and $y$\n$$"


@pytest.mark.parametrize("interactive", [True, False])
def test_no_figure_is_left_open_and_a_notebook_stays_as_it_was(write, interactive):
    before, mode = pyplot.get_fignums(), pyplot.isinteractive()
    try:
        pyplot.ion() if interactive else pyplot.ioff()
        write(searched(0.2, 0.5), HISTORY, FRONT)
        assert pyplot.isinteractive() == interactive and pyplot.get_fignums() == before
    finally:
        pyplot.ion() if mode else pyplot.ioff()


def test_what_turns_interactive_mode_on_while_a_picture_is_drawn_is_heeded(write):
    """As a notebook does with the first picture."""
    mode, asked = pyplot.isinteractive(), []

    def turn_on(trial) -> float:
        if not asked:
            pyplot.ion()
        asked.append(trial.number)
        return trial.value

    try:
        pyplot.ioff()
        write(searched(0.2, 0.5), history_plot("UAR", target=turn_on))
        assert pyplot.isinteractive()
    finally:
        pyplot.ion() if mode else pyplot.ioff()


def test_the_page_says_what_it_shows_and_escapes_it(write):
    table = Table(("trial", "a<b"), (("3", "<i>"), ("1", "&")))
    _, page = write(searched(0.2), title="<x>", explained="1 < 2", table=table)
    assert "<title>&lt;x&gt;</title>" in page and "<p>1 &lt; 2</p>" in page
    assert re.findall(r"<t[hd]>(.*?)</t[hd]>", page) == ["trial", "a&lt;b", "3", "&lt;i&gt;", "1", "&amp;"]


def test_without_rows_there_is_no_table(write):
    for table in (None, Table(), Table(("trial",))):
        assert "<table>" not in write(searched(0.2), table=table)[1]


def test_coordinates_have_their_whole_names(write):
    parallel = Plot("parallel", "plot_parallel_coordinate", "All", {"target_name": "UAR"})
    figures, page = write(searched(0.2, 0.5), parallel)
    names = [label.get_text() for label in figures["search_parallel.png"].axes[0].get_xticklabels()]
    assert names == ["UAR", RATE] and f'"ticktext":["UAR","{RATE}"]' in page.replace(", ", ",")


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(StoreError, match="out"):
        write_search_pictures(searched(0.2), [], tmp_path / "out", "t", "e")
