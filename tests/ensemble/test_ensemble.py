"""Two members of a small study joined, end to end: files, honesty, memory."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from optuna.storages import InMemoryStorage

import tembr.experiment.recordings as recordings_module
from tembr.corpora import load_corpus
from tembr.ensemble import EnsembleFolder, EnsembleSettings, run_ensemble
from tembr.ensemble import run as run_module
from tembr.ensemble.combiners import COMBINERS
from tembr.ensemble.part import Part
from tembr.ensemble.report import ProtocolResult
from tembr.ensemble.search import search
from tembr.errors import ConfigError, StoreError
from tembr.evaluate.conformal import LEVELS, REPORTED
from tembr.evaluate.report import read_probabilities
from tembr.experiment import Study
from tembr.experiment.member import score_predictions
from tembr.experiment.recordings import load_recordings
from tembr.experiment.settings import load_settings
from tembr.features.store import FeatureStore
from tembr.lock import only_process
from tembr.models import fit_member
from tembr.progress import Progress
from tests.ensemble.conftest import SETTINGS

RANDOM = SETTINGS.model_copy(update={"protocols": ("random",), "trials": 4})
TABLES = {
    "weights.csv",
    "probabilities.csv",
    "report.csv",
    "comparison.csv",
    "mcnemar.csv",
    "trials.csv",
    "coverage.csv",
    "answers.csv",
}
REPORT = {"confusion.png", "reliability.png", "coverage.png", "comparison.png", "comparison.html"}
PICTURES = REPORT | {"search_history.png", "search_parallel.png"}
WAYS = {"ensemble", *COMBINERS, "chroma", "rms"}


def test_each_protocols_folder_holds_its_tables_and_pictures(ensemble):
    for place in (ensemble.folder, ensemble.folder / "speaker"):
        assert {path.name for path in place.iterdir()} >= TABLES | PICTURES | {"search.html", "summary.json"}


def test_answers_adapted_to_unseen_speakers_have_a_table_and_a_picture(ensemble):
    adapted = {"adapted.csv", "confusion_adapted.png"}
    assert {path.name for path in (ensemble.folder / "speaker").iterdir()} >= adapted
    assert not adapted & {path.name for path in ensemble.folder.iterdir()}  # of known speakers there are none


def test_every_way_of_joining_says_how_good_its_most_confident_half_is(ensemble):
    results = json.loads((ensemble.folder / "results.json").read_text())["results"]
    for summary in results:
        assert summary["accuracy_on_confident_half"]["n"] == (summary["n"] + 1) // 2
    assert json.loads((ensemble.folder / "summary.json").read_text())["accuracy_on_confident_half"]["value"] <= 1


def test_search_page_needs_no_network(ensemble):
    page = (ensemble.folder / "search.html").read_text(encoding="utf-8")
    assert page.count("plotly-graph-div") >= 2
    assert 'src="http' not in page


def test_facts_have_what_an_export_needs(ensemble):
    facts = ensemble.facts
    assert sum(facts.weights.values()) == pytest.approx(1)
    assert set(facts.metrics) == {"random", "speaker"}
    assert facts.search["part"] == "held-out logits"
    assert (facts.search["recordings"], facts.search["trials"]) == (29, 8)
    (corpus,) = facts.corpora
    assert (corpus["name"], corpus["recordings"], corpus["speakers"]) == ("demo", 115, 6)
    assert 0 < corpus["hours"] < 1
    assert "115 of 180 recordings of demo" in facts.trained_on


def test_sets_are_calibrated_where_speakers_are_unseen_alone(ensemble):
    known, unseen = (ProtocolResult.read(place) for place in (ensemble.folder, ensemble.folder / "speaker"))
    assert known.set_thresholds == {} == ensemble.facts.set_thresholds
    lengths = {way: len(found) for way, found in unseen.set_thresholds.items()}
    assert lengths == {"speaker_independent": len(LEVELS), "adapted": len(LEVELS)}
    assert "prediction_sets" not in ensemble.facts.metrics["random"]
    for scores in (ensemble.facts.metrics["speaker"], unseen.adapted):
        assert [one["level"] for one in scores["prediction_sets"]] == list(REPORTED)
        assert set(scores["prediction_sets"][0]["per_speaker"]) == set(scores["per_speaker"])


def test_the_loaded_ensemble_answers_as_it_was_measured(ensemble, study):
    """From ensemble.json and the networks alone, on the test recordings."""
    written = read_probabilities(ensemble.folder)
    corpus = [u for u in load_corpus("demo").utterances if u.key in set(written["file"])]
    joined = ensemble.load()
    tables = FeatureStore().prepare(corpus, joined.distinct_inputs)
    values = {one: torch.from_numpy(np.stack([table[i] for i in range(len(corpus))])) for one, table in tables.items()}
    posteriors = joined.posteriors(values).numpy()
    expected = written[[f"p_{label}" for label in ensemble.facts.labels]].to_numpy()
    np.testing.assert_allclose(posteriors, expected, atol=1e-5)


def test_figures_can_be_computed_again_from_the_probabilities(ensemble):
    for protocol, place in (("random", ensemble.folder), ("speaker", ensemble.folder / "speaker")):
        again = score_predictions(read_probabilities(place), tuple(ensemble.facts.labels))
        assert again.uar.value == pytest.approx(ensemble.facts.metrics[protocol]["uar"]["value"])


def test_only_test_recordings_are_scored_each_once(ensemble, study):
    for place in (Path(), Path("speaker")):
        splits = pd.read_csv(study.folder / place / "splits.csv")
        tested = list(read_probabilities(ensemble.folder / place)["file"])
        assert sorted(tested) == sorted(splits[splits["part"] == "test"]["file"])


def test_every_way_stands_beside_the_ensemble(ensemble):
    table = ensemble.comparison
    assert set(table["member"]) == WAYS
    assert table[["random_accuracy", "speaker_uar"]].notna().all(axis=None)
    for protocol in ("random", "speaker"):
        tests = ensemble.table("mcnemar", protocol)
        assert set(tests["against"]) == WAYS - {"ensemble"}
        assert (tests["p_holm"] >= tests["p"]).all()


def test_members_score_as_in_the_study(ensemble, study):
    ours = ensemble.comparison.set_index("member")["random_accuracy"]
    for result in study.results:
        if result.protocol == "random" and result.kind == "network":
            assert ours[result.member] == pytest.approx(result.summary["accuracy"]["value"], abs=1e-6)


def test_weights_of_every_fold_can_be_read_back(ensemble):
    assert set(ensemble.table("weights")["fold"]) == {"all"}
    speaker = ensemble.table("weights", "speaker")
    assert len(speaker["fold"].unique()) == 3 and "all folds" in set(speaker["fold"])
    np.testing.assert_allclose(speaker.groupby("fold")["weight"].sum(), 1, atol=2e-6)  # with six digits each


def test_an_unmeasured_protocol_is_said(ensemble):
    with pytest.raises(StoreError, match="kfold is not measured here; choose from random, speaker"):
        ensemble.table("weights", "kfold")


def test_the_study_shows_its_ensemble(ensemble, study):
    again = Study.read(study.folder)
    assert {(r.protocol, r.kind) for r in again.results if r.member == "ensemble"} == {
        ("random", "ensemble"),
        ("speaker", "ensemble"),
    }
    assert len(again.predictions("ensemble", "speaker")) == 180


def test_a_protocol_with_a_network_a_fold_has_none_to_ship(ensemble):
    speaker = EnsembleFolder.read(ensemble.folder / "speaker")
    assert "none" in speaker.facts.trained_on and "--refit" in speaker.facts.trained_on
    with pytest.raises(StoreError, match="--refit"):
        speaker.load()


def test_mlflow_has_a_run_for_every_trial(ensemble, study):
    from mlflow import MlflowClient

    from tembr.experiment.tracking import local_uri

    client = MlflowClient(tracking_uri=local_uri(study.folder))
    for protocol, searches in (("random", 1), ("speaker", 3)):
        (found,) = [e for e in client.search_experiments() if f"-{protocol}-" in e.name]
        runs = client.search_runs([found.experiment_id], max_results=1_000)
        trials = [run for run in runs if run.info.run_name.startswith("trial ")]
        assert len(trials) == 8 * searches
        assert len(runs) == len(trials) + searches + 1
        assert all(run.info.status == "FINISHED" for run in runs)
        assert {"objective", "nll"} <= set(trials[0].data.metrics)
        assert {"temperature", "weight chroma", "weight rms"} <= set(trials[0].data.params)


def test_a_second_run_computes_nothing(ensemble, study, monkeypatch):
    for name in ("measure", "open_storage", "open_tracking"):
        monkeypatch.setattr(run_module, name, lambda *_, **__: pytest.fail("done again"))
    before = {path: path.read_bytes() for path in ensemble.folder.rglob("*.json")}
    assert run_ensemble(study.folder, SETTINGS).facts == ensemble.facts
    assert {path: path.read_bytes() for path in before} == before


def test_damaged_logits_are_said(untracked):
    damaged = untracked / "rms" / "logits.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(StoreError, match="missing or damaged.*run the study again"):
        run_ensemble(untracked, RANDOM)


def test_changed_recordings_are_refused(untracked, monkeypatch):
    whole = recordings_module.load_corpus("demo")
    fewer = replace(whole, utterances=whole.utterances[:-9])
    monkeypatch.setattr(recordings_module, "load_corpus", lambda *_, **__: fewer)
    with pytest.raises(StoreError, match="180 then, 171 now.*run a new study"):
        run_ensemble(untracked, RANDOM)


def test_logits_of_other_recordings_are_refused(untracked):
    shutil.copy(next((untracked / "speaker" / "rms").glob("fold-*/logits.safetensors")), untracked / "rms")
    with pytest.raises(StoreError, match="answers other recordings"):
        run_ensemble(untracked, RANDOM)


def test_stacking_may_be_called_the_ensemble_but_is_not_shipped(untracked):
    chosen = RANDOM.model_copy(update={"combiner": "stacking"})
    made = run_ensemble(untracked, chosen)
    table = made.comparison.set_index("member")
    assert "weighted" in table.index and "stacking" not in table.index
    written = pytest.approx(table.loc["weighted", "random_accuracy"], rel=1e-5)  # with six digits
    assert made.facts.metrics["random"]["accuracy"]["value"] == written


def test_the_best_one_is_found_among_all(untracked):
    made = run_ensemble(untracked, EnsembleSettings(best=1, trials=3, protocols=("random",)))
    assert list(made.facts.weights.values()) == [1.0]
    assert [path.stem for path in (made.folder / "members").iterdir()] == list(made.facts.weights)


def test_refit_trains_on_everything_once(untracked, ensemble, monkeypatch):
    shutil.copytree(ensemble.folder, untracked / "ensemble")
    chosen = SETTINGS.model_copy(update={"refit": True})
    made = run_ensemble(untracked, chosen)
    assert made.facts.trained_on == "all 180 recordings of demo"
    assert made.facts.corpora[0]["recordings"] == 180
    assert made.facts.search["protocol"] == "speaker" and "all 2 folds" in made.facts.search["part"]
    assert set(made.facts.metrics) == {"random", "speaker"}
    assert list(made.load().inputs) == [name for name, weight in made.facts.weights.items() if weight > 0]
    monkeypatch.setattr("tembr.ensemble.ship.fit_member", lambda *_, **__: pytest.fail("trained again"))
    assert run_ensemble(untracked, chosen).facts == made.facts


def test_another_protocol_can_be_shipped(untracked, ensemble):
    shutil.copytree(ensemble.folder, untracked / "ensemble")
    made = run_ensemble(untracked, SETTINGS.model_copy(update={"ship": "speaker"}))
    assert made.facts.search["protocol"] == "speaker"
    assert not list((made.folder / "members").glob("*"))
    with pytest.raises(ConfigError, match="--ship kfold: not measured here; choose from random, speaker"):
        run_ensemble(untracked, SETTINGS.model_copy(update={"ship": "kfold"}))


def test_it_says_what_it_took(study, ensemble):
    lines = []
    run_ensemble(study.folder, SETTINGS, progress=Progress(lines.append))
    text = "\n".join(lines)
    assert f"random · chroma: {study.folder / 'chroma'}, resnet18_quarter, accuracy" in text
    assert "speaker · weights chroma " in text
    assert "found in 8 trials on 29 recordings (held-out logits)" in text


def test_a_network_that_memorised_its_training_part_gets_no_weight(study, tmp_path):
    """A real one, taught shuffled labels: it knows its training part by heart and nothing else.

    Beside it a made-up member that is often right. Searched on the training part it would take nearly all.
    """
    changes = ["augment.enabled=false", "train.dropout=0", "train.learning_rate=0.002"]
    changed = load_settings(study.folder / "config.toml", [*changes, "train.epochs=15", "train.keep=last"])
    recordings = load_recordings(changed, [changed.members["chroma"]], Progress())
    splits = pd.read_csv(study.folder / "splits.csv")
    train, held = (np.flatnonzero((splits["part"] == "train") == part) for part in (True, False))
    labels = np.random.default_rng(0).integers(0, 6, len(recordings.target))
    data = replace(recordings.data(changed.members["chroma"], train, np.empty(0, int), tmp_path), classes=labels)
    member = fit_member(changed.members["chroma"], changed.features, data, 42, Progress())

    def weight(indices: np.ndarray) -> float:
        network = member.answer(recordings.tables, indices)[0]
        fair = 2 * np.eye(6)[labels[indices]] + np.random.default_rng(1).normal(size=network.shape)
        one = np.full(len(indices), "one")
        part = Part(np.stack([network, fair]).astype(np.float32), labels[indices], one, indices)
        found = search(("network", "fair"), part, EnsembleSettings(trials=40, l1=0.02), InMemoryStorage(), "x")
        return found.weighting.weights["network"]

    assert weight(train) > 0.8
    assert weight(held) == 0.0


def test_a_second_process_in_the_folder_is_refused(study, tmp_path):
    with only_process(tmp_path), pytest.raises(StoreError, match="another process is working there"):
        run_ensemble(study.folder, SETTINGS, tmp_path)
