"""Pictures of a search: whole names, units, legends beside what they explain, a page that fits a phone."""

import optuna
import pytest

from tembr.ensemble import pictures

NAMES = ("weight spectral_contrast", "weight delta_tempogram", "temperature")


@pytest.fixture(scope="module")
def study():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    study.optimize(lambda trial: sum(trial.suggest_float(name, 0.3, 5) for name in NAMES), n_trials=12)
    return study


@pytest.fixture
def drawn(study, tmp_path, monkeypatch):
    """File name → figure, as it was when it was written."""
    figures = {}

    def keep(figure, path):
        figure.draw_without_rendering()
        figures[path.name] = figure

    monkeypatch.setattr("tembr.evaluate.trials.save_figure", keep)
    pictures.write_search_pictures(study, tmp_path, "speaker protocol")
    return figures


def test_each_picture_says_what_it_shows_of_which_protocol(drawn):
    assert {name: figure.get_suptitle() for name, figure in drawn.items()} == {
        "search_history.png": "Objective by trial\nspeaker protocol",
        "search_importance.png": "What the objective depends on\nspeaker protocol",
        "search_parallel.png": "Trials in all parameters\nspeaker protocol",
    }
    for figure in drawn.values():
        assert {figure.axes[0].get_title(loc=side) for side in ("left", "center", "right")} == {""}


def test_the_history_has_units_and_its_legend_hides_no_trial(drawn):
    axes = drawn["search_history.png"].axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("trial", "objective (nats)")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["objective (nats)", "best so far"]
    assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1 - 1


def test_names_of_coordinates_are_whole(drawn):
    axes = drawn["search_parallel.png"].axes[0]
    assert {label.get_text() for label in axes.get_xticklabels()} == {"objective (nats)", *NAMES}


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_that_nobody_can_act_on(study, tmp_path):
    pictures.write_search_pictures(study, tmp_path, "speaker protocol")


def test_the_page_fits_a_phone_and_names_whole_parameters(study, tmp_path):
    pictures.write_search_pictures(study, tmp_path, "a <b> protocol")
    page = (tmp_path / "search.html").read_text(encoding="utf-8")
    assert "<h1>a &lt;b&gt; protocol</h1>" in page and "width=device-width" in page
    assert page.count('<div class="scroll"><div class="chart">') == 3
    ticks = page.rsplit('"ticktext":[', 1)[1].split("]")[0]
    assert all(f'"{name}"' in ticks for name in NAMES)
