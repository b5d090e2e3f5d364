"""A whole search on the demo corpus: what it leaves, how it goes on, that its best settings are a study's."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

import tembr.experiment.search as search_module
from tembr.corpora import load_corpus
from tembr.errors import ConfigError, StoreError
from tembr.evaluate.metrics import confusion_matrix, uar
from tembr.experiment.found import FoundSettings
from tembr.experiment.heldout import FoldLogits
from tembr.experiment.run import run_study
from tembr.experiment.search import run_search
from tembr.experiment.settings import load_settings
from tembr.experiment.space import load_space
from tembr.experiment.storage import open_storage
from tembr.experiment.tracking import local_uri
from tembr.outputs import SEARCH, is_own
from tembr.progress import Progress
from tests.experiment.spaces import NETWORK, STORAGES, SVM, space_of, write_own_space

pytestmark = pytest.mark.usefixtures("blank_pictures", "quick_tracking")

TWO = SVM + "features.n_mfcc = { low = 10, high = 40 }\n"
FRONT = TWO.replace('protocol = "random"', 'objective = ["val_uar", "parameters"]\nprotocol = "random"')


def search(folder: Path, trials: int, text: str = SVM, out: str = "out", **options) -> FoundSettings:
    return run_search(space_of(folder, text), folder / out, trials, **options)


def drawn(found: FoundSettings) -> list[dict]:
    return [trial.params for trial in found.trials]


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> FoundSettings:
    return search(tmp_path_factory.mktemp("search"), 6, TWO)


def test_it_leaves_a_table_a_recipe_pictures_and_a_page(found):
    names = {path.name for path in found.folder.iterdir() if not path.name.startswith(".")}
    pictures = {f"search_{name}.png" for name in ("history", "importance", "slice")}
    assert names == {"search.toml", "search.db", "trials.csv", "best.toml", "search.html"} | pictures


def test_what_it_leaves_is_known_as_tembrs_own(found):
    assert all(is_own(found.folder / name, kind) for name, kind in SEARCH.items())


def test_the_table_has_what_was_drawn_and_what_it_came_to(found):
    table = pd.read_csv(found.folder / "trials.csv")
    assert list(table["trial"]) == list(range(6)) and set(table["state"]) == {"complete"}
    assert table["val_uar"].max() == found.values["val_uar"] == found.best.value
    best = table.iloc[found.best.number]
    assert best["members.svm.c"] == pytest.approx(found.best.params["members.svm.c"])
    assert {"val_accuracy", "val_loss", "parameters", "features.n_mfcc", "seconds", "reason"} <= set(table)


def test_the_best_trial_is_a_recipe_that_a_study_runs_as_it_is(found, tmp_path):
    """What the study's member says of held-out recordings is what the trial was judged by."""
    text = (found.folder / "best.toml").read_text()
    assert text.startswith(f"# Trial {found.best.number} of a search (space.toml, random protocol, fold all): val_uar ")
    settings = load_settings(found.folder / "best.toml")
    assert settings.members["svm"].c == found.best.params["members.svm.c"]
    assert settings.features.n_mfcc == found.best.params["features.n_mfcc"]
    study = run_study(settings, tmp_path / "study")
    assert {(r.member, r.protocol) for r in study.results} == {("svm", "random"), ("svm", "speaker")}
    heldout = FoldLogits.read(tmp_path / "study" / "baseline_svm")
    corpus = load_corpus("demo")
    classes = np.array([corpus.labels.index(corpus.utterances[index].emotion) for index in heldout.heldout])
    confusion = confusion_matrix(classes, heldout.heldout_logits.argmax(1), len(corpus.labels))
    assert uar(confusion) == pytest.approx(found.values["val_uar"])


def test_the_page_says_what_was_never_looked_at_and_lists_the_best(found):
    page = (found.folder / "search.html").read_text(encoding="utf-8")
    assert "No test recording was answered." in page and "search for validation UAR" in page
    assert "<th>members.svm.c</th>" in page and page.count("<tr><td>") == 6


def test_the_space_in_the_folder_is_the_same_search(found):
    again = run_search(load_space(found.folder / "search.toml"), found.folder, 6)
    assert len(again.trials) == 6 and again.best.number == found.best.number


def test_another_space_is_refused_in_the_same_folder(found, tmp_path):
    with pytest.raises(ConfigError, match="holds the search of another space; choose another --out"):
        run_search(space_of(tmp_path, SVM), found.folder, 6)


def test_the_same_seed_draws_the_same(tmp_path):
    one, other = (search(tmp_path, 3, out=out) for out in ("one", "other"))
    assert drawn(one) == drawn(other)
    assert drawn(search(tmp_path, 3, SVM.replace("[search]", "[search]\nseed = 7"), "third")) != drawn(one)


def test_more_trials_go_on_with_other_draws(tmp_path):
    begun, ended = (search(tmp_path, trials) for trials in (2, 4))
    assert drawn(ended)[:2] == drawn(begun) and len(drawn(ended)) == 4
    assert len({trial["members.svm.c"] for trial in drawn(ended)}) == 4


@pytest.mark.parametrize("url", ["sqlite:///{}/shared.db", "journal:{}/shared.journal"])
def test_trials_of_all_who_share_a_storage_count(tmp_path, url):
    url = url.format(tmp_path)
    one, other = (search(tmp_path, trials, out=str(trials), storage=url) for trials in (2, 3))
    assert drawn(other)[:2] == drawn(one) and len(drawn(other)) == 3
    assert len(pd.read_csv(other.folder / "trials.csv")) == 3


def test_other_recordings_are_another_search_in_the_same_storage(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/shared.db"
    search(tmp_path, 2, storage=url)
    whole = load_corpus("demo")
    monkeypatch.setattr(
        "tembr.experiment.recordings.load_corpus", lambda *_, **__: replace(whole, utterances=whole.utterances[:-9])
    )
    assert len(drawn(search(tmp_path, 1, out="fewer", storage=url))) == 1


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "nsga2", "random"])
def test_every_sampler_searches(tmp_path, sampler):
    if sampler == "cmaes":
        pytest.importorskip("cmaes")
    found = search(tmp_path, 3, TWO.replace("[search]", f'[search]\nsampler = "{sampler}"'))
    assert len(drawn(found)) == 3
    assert type(search_module._sampler(sampler, 1)).__name__.lower().startswith(sampler[:4])


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_of_two_objectives_all_that_none_beats_in_both_is_left(tmp_path, sampler):
    found = search(tmp_path, 8, FRONT.replace("[search]", f'[search]\nsampler = "{sampler}"'))
    points = [trial.values for trial in found.trials]
    better = lambda one, other: one != other and one[0] >= other[0] and one[1] <= other[1]  # noqa: E731
    undominated = {number for number, one in enumerate(points) if not any(better(other, one) for other in points)}
    assert {trial.number for trial in found.front} == undominated
    assert found.best.values[0] == max(uar for uar, _ in points)
    recipes = {path.name for path in (found.folder / "front").iterdir()}
    assert recipes == {f"trial-{number}.toml" for number in undominated}
    names = {path.name for path in found.folder.glob("*.png")}
    assert names >= {"search_front.png", "search_history_val_uar.png", "search_slice_parameters.png"}


def test_what_a_trial_costs_is_measured_with_the_settings_it_has(tmp_path):
    found = search(tmp_path, 4, FRONT)
    assert len({trial.params["features.n_mfcc"] for trial in found.trials}) == len(
        {trial.values[1] for trial in found.trials}
    )


def test_a_pruned_training_counts_and_says_why(tmp_path, monkeypatch):
    class Second(optuna.pruners.BasePruner):
        def prune(self, study, trial) -> bool:
            return trial.number == 1

    monkeypatch.setattr(search_module, "HyperbandPruner", lambda **_: Second())
    lines = []
    found = search(tmp_path, 2, NETWORK.replace("epochs = 2", "epochs = 1"), progress=Progress(lines.append))
    assert [trial.state for trial in found.trials] == [TrialState.COMPLETE, TrialState.PRUNED]
    table = pd.read_csv(found.folder / "trials.csv")
    assert table.loc[1, "reason"].startswith("hopeless after epoch 1") and table.loc[1, "epochs"] == 1
    assert any(line.startswith("trial 1: pruned, hopeless after epoch 1") for line in lines)
    assert list((found.folder / ".workers" / "1").glob("[!.]*")) == []
    assert (found.folder / "search_epochs.png").exists()


def test_hyperband_is_the_pruner_of_networks_and_knows_their_epochs(tmp_path):
    pruner = search_module._pruner(space_of(tmp_path, NETWORK))
    assert isinstance(pruner, optuna.pruners.HyperbandPruner) and pruner._max_resource == 2
    assert isinstance(search_module._pruner(space_of(tmp_path, SVM)), optuna.pruners.NopPruner)


def test_a_search_without_a_finished_trial_says_where_the_reasons_are(tmp_path, monkeypatch):
    def hopeless(*_):
        raise optuna.TrialPruned("no good")

    monkeypatch.setattr("tembr.experiment.trial.inner_logits", hopeless)
    with pytest.raises(StoreError, match="no trial came to an end.*trials.csv has the reasons"):
        search(tmp_path, 2)
    assert list(pd.read_csv(tmp_path / "out" / "trials.csv")["reason"]) == ["no good", "no good"]


def test_an_unknown_fold_is_told_with_those_there_are(tmp_path):
    text = SVM.replace('protocol = "random"', 'protocol = "speaker"\nfold = "nobody"')
    with pytest.raises(ConfigError, match="search.fold = 'nobody': there are "):
        search(tmp_path, 1, text)


def test_no_trial_is_begun_after_the_time_limit(tmp_path):
    search(tmp_path, 1)
    assert len(drawn(search(tmp_path, 50, seconds=0.0))) == 1


def test_what_a_killed_worker_left_is_swept_and_a_living_ones_place_is_its_own(tmp_path):
    left = tmp_path / ".workers" / "1" / "tmpabc"
    left.mkdir(parents=True)
    (left / "last.ckpt").touch()
    with search_module._workplace(tmp_path) as (one, place), search_module._workplace(tmp_path) as (two, other):
        assert (one, two) == (1, 2) and place != other
        assert not left.exists()


@pytest.mark.parametrize("url", STORAGES)
@pytest.mark.parametrize("noticed", [True, False])
def test_a_process_that_slept_too_long_goes_on_with_another_trial(tmp_path, monkeypatch, url, noticed):
    """Its first trial has been failed by another process, which it finds out in the trial or after it."""
    url, lines, inside = url.format(tmp_path), [], search_module.Objective._values

    def sleep(self, trial):
        if trial.number == 0:
            with open_storage(url) as other:
                other.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            if not noticed:
                return (0.5,)
        return inside(self, trial)

    monkeypatch.setattr(search_module.Objective, "_values", sleep)
    space = load_space(write_own_space(tmp_path))
    found = run_search(space, tmp_path / "out", 2, url, progress=Progress(lines.append))
    assert [trial.state for trial in found.trials] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert "a trial of this process was taken over by another; going on" in lines


def test_an_error_of_a_trials_own_ends_the_search(tmp_path, monkeypatch):
    def break_down(*_):
        raise ValueError("a mistake of ours")

    monkeypatch.setattr("tembr.experiment.trial.inner_logits", break_down)
    with pytest.raises(ValueError, match="a mistake of ours"):
        search(tmp_path, 2)


def test_every_trial_is_a_run_below_that_of_the_search(tmp_path):
    from mlflow import MlflowClient

    folder = search(tmp_path, 2, SVM.replace("enabled = false", "enabled = true")).folder
    search(tmp_path, 3, SVM.replace("enabled = false", "enabled = true"))
    client = MlflowClient(tracking_uri=local_uri(folder))
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=100)
    top = json.loads((folder / ".mlflow-run.json").read_text())["run"]
    below = {run.info.run_name: run for run in runs if run.data.tags.get("mlflow.parentRunId") == top}
    assert sorted(below) == ["trial 0", "trial 1", "trial 2"] and len(runs) == 4
    assert below["trial 1"].data.params["state"] == "complete"
    assert 0 <= below["trial 1"].data.metrics["val_uar"] <= 1 and "members.svm.c" in below["trial 1"].data.params


def test_the_folder_keeps_the_space_with_the_settings_it_was_searched_with(tmp_path):
    folder = search(tmp_path, 1).folder
    kept = tomllib.loads((folder / "search.toml").read_text())
    assert kept["space"] == {"members.svm.c": {"low": 1e-3, "high": 1e2, "log": True}}
    assert kept["members"] == {"svm": {}} and kept["search"] == {"protocol": "random"}
