"""One study on the demo corpus, end to end: its files, its honesty, its memory."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tembr.experiment.recordings as recordings_module
import tembr.experiment.run as run_module
from tembr.errors import ConfigError, StoreError
from tembr.experiment import Study
from tembr.experiment.member import score_predictions
from tembr.experiment.run import run_study
from tembr.experiment.settings import load_settings
from tests.processes import TEMBR, Process

SMALL = ["features.window=1.0", "train.network=resnet18_quarter", "train.device=cpu"]
SETTINGS = load_settings(
    overrides=[*SMALL, "train.epochs=2", "split.folds=2"], members=["majority", "svm", "chroma", "rms"]
)
FILES = {"model.safetensors", "history.csv", "history.png", "report.csv", "confusion.png", "probabilities.csv"}
CONFIDENCE = {"coverage.csv", "coverage.png", "reliability.png"}


@pytest.fixture(scope="module")
def study(tmp_path_factory, quick_tracking) -> Study:
    return run_study(SETTINGS, tmp_path_factory.mktemp("study"))


def test_every_member_is_measured_under_both_protocols(study):
    expected = {(m, p) for m in ("majority", "svm", "chroma", "rms") for p in ("random", "speaker")}
    assert {(r.member, r.protocol) for r in study.results} == expected


def test_the_folder_holds_what_the_design_lists(study):
    names = {p.name for p in study.folder.iterdir()}
    assert names >= {"config.toml", "splits.csv", "dataset_info.csv", "chroma", "rms", "baseline_svm", "speaker"}
    assert names >= {"comparison.csv", "comparison.png", "comparison.html", "comparison.md", "mlflow.db"}
    assert {p.name for p in (study.folder / "chroma").iterdir()} >= FILES | {"summary.json"}


@pytest.mark.parametrize("protocol", ["random", "speaker"])
def test_each_two_members_are_set_apart_under_each_protocol(study, protocol):
    table = pd.read_csv(study.folder / ("" if protocol == "random" else protocol) / "differences.csv")
    worth = {r.member: r.summary["uar"]["value"] for r in study.results if r.protocol == protocol}
    assert len(table) == 6 and (table["low"] <= table["uar_difference"]).all()
    apart = [worth[better] - worth[other] for better, other in zip(table["better"], table["other"])]
    assert table["uar_difference"].tolist() == pytest.approx(apart, abs=1e-3)


@pytest.mark.parametrize("place", ["chroma", "speaker/chroma", "baseline_svm", "speaker/baseline_majority"])
def test_every_member_says_how_far_its_confidence_goes(study, place):
    assert {p.name for p in (study.folder / place).iterdir()} >= CONFIDENCE
    summary = json.loads((study.folder / place / "summary.json").read_text())
    half, table = summary["accuracy_on_confident_half"], pd.read_csv(study.folder / place / "coverage.csv")
    assert half["n"] == (summary["n"] + 1) // 2 and 0 <= half["value"] <= 1
    assert (table.loc[0, "coverage"], table.loc[0, "accuracy"]) == (1, pytest.approx(summary["accuracy"]["value"]))


def test_each_fold_keeps_its_own_network(study):
    folds = sorted((study.folder / "speaker" / "chroma").glob("fold-*/model.safetensors"))
    assert len(folds) == 2


def test_splits_name_every_recording_once_a_fold(study):
    splits = pd.read_csv(study.folder / "speaker" / "splits.csv")
    assert list(splits.columns) == ["file", "part", "fold"]
    assert not splits.duplicated(["file", "fold"]).any()
    assert set(splits["part"]) == {"train", "validation", "test"}


def test_figures_can_be_computed_again_from_the_probabilities(study):
    summary = json.loads((study.folder / "speaker" / "chroma" / "summary.json").read_text())
    again = score_predictions(study.predictions("chroma", "speaker"), tuple(summary["labels"]))
    assert again.uar.value == pytest.approx(summary["uar"]["value"])
    assert summary["uar"]["low"] <= summary["uar"]["value"] <= summary["uar"]["high"]


def test_only_test_recordings_are_scored(study):
    splits = pd.read_csv(study.folder / "splits.csv")
    tested = set(splits[splits["part"] == "test"]["file"])
    assert set(study.predictions("chroma")["file"]) == tested


def test_a_study_reads_back_in_one_call(study):
    again = Study.read(study.folder)
    assert again.settings == SETTINGS
    pd.testing.assert_frame_equal(again.table, study.table)
    assert list(again.history("chroma", "speaker")["epoch"]) == [1, 2, 1, 2]


def test_an_absent_member_is_said(study):
    with pytest.raises(StoreError, match="no mfcc under random; there are"):
        study.predictions("mfcc")


@pytest.mark.parametrize("name", ["../up", "a/b", "x\0y", "..", "ł ó"])
def test_fold_folders_stay_inside_the_study_whatever_a_speaker_is_called(name, tmp_path):
    from tembr.experiment.member import _file_name

    place = tmp_path / f"fold-{_file_name(name)}"
    place.mkdir()
    assert place.resolve().parent == tmp_path.resolve()


def test_a_second_run_trains_nothing(study, monkeypatch):
    monkeypatch.setattr("tembr.experiment.member.fit_member", lambda *_: pytest.fail("fitted again"))
    assert run_study(SETTINGS, study.folder).results == study.results


def test_other_settings_are_refused_in_the_same_folder(study):
    other = load_settings(study.folder / "config.toml", ["train.epochs=3"])
    with pytest.raises(ConfigError, match=r"train.epochs \(2 → 3\); choose another --out"):
        run_study(other, study.folder)


def copied(study, tmp_path) -> Path:
    return Path(shutil.copytree(study.folder, tmp_path / "copy"))


def test_a_study_is_not_continued_with_other_labels(study, tmp_path):
    folder, whole = copied(study, tmp_path), recordings_module.load_corpus("demo")
    first, *others = whole.utterances
    changed = replace(whole, utterances=(replace(first, emotion="fear"), *others))
    before = (folder / "dataset_info.csv").read_bytes()
    with pytest.raises(ConfigError, match="emotions or speakers are others than this study began with"):
        run_module._claim(SETTINGS, folder, changed, {})  # splits by speaker would be the same
    assert first.emotion != "fear" and (folder / "dataset_info.csv").read_bytes() == before
    run_module._claim(SETTINGS, folder, whole, {})


def test_changed_recordings_are_refused_in_the_same_folder(study, tmp_path, monkeypatch):
    """Otherwise a resumed network would meet test recordings it was trained on."""
    folder = copied(study, tmp_path)
    whole = recordings_module.load_corpus("demo")
    fewer = replace(whole, utterances=whole.utterances[:-9])
    monkeypatch.setattr(recordings_module, "load_corpus", lambda *_, **__: fewer)
    with pytest.raises(ConfigError, match="no longer those this study began with"):
        run_study(SETTINGS, folder)


def test_tracking_and_members_may_change_in_the_same_folder(study, tmp_path):
    folder = copied(study, tmp_path)
    fewer = load_settings(folder / "config.toml", ["track.enabled=false"], members=["chroma"])
    assert len(run_study(fewer, folder).results) == len(study.results)
    assert list(load_settings(folder / "config.toml").members) == ["majority", "svm", "chroma", "rms"]


def test_a_tracked_study_goes_on_with_another_member(study, tmp_path, blank_pictures):
    folder = copied(study, tmp_path)
    more = load_settings(folder / "config.toml", ["track.enabled=true"], members=["zcr"])
    members = {r.member for r in run_study(more, folder).results}
    assert members == {"majority", "svm", "chroma", "rms", "zcr"}


def test_a_failed_first_try_does_not_claim_the_folder(tmp_path):
    with pytest.raises(ConfigError, match="did you mean resnet18"):
        run_study(load_settings(overrides=["train.network=resnet81"]), tmp_path / "out")
    assert not (tmp_path / "out" / "config.toml").exists()


@pytest.mark.parametrize("name", ["summary.json", "fold.json"])
def test_a_damaged_result_is_said(study, tmp_path, name):
    folder = copied(study, tmp_path)
    (folder / "chroma" / name).write_text("[]")
    if name == "fold.json":
        (folder / "chroma" / "summary.json").unlink()
    with pytest.raises(StoreError, match=name):
        run_study(SETTINGS, folder)


def test_mlflow_holds_runs_nested_under_the_study(study):
    from mlflow import MlflowClient

    from tembr.experiment.tracking import local_uri

    client = MlflowClient(tracking_uri=local_uri(study.folder))
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=100)
    parents = {run.info.run_id: run.data.tags.get("mlflow.parentRunId") for run in runs}
    top = [run for run, parent in parents.items() if parent is None]
    members = [run for run, parent in parents.items() if parent == top[0]]
    folds = [run for run, parent in parents.items() if parent in members]
    assert (len(top), len(members), len(folds)) == (1, 8, 8)
    assert all(run.info.status == "FINISHED" for run in runs)


def test_mlflow_holds_metrics_of_every_epoch_and_artefacts(study):
    from mlflow import MlflowClient

    from tembr.experiment.tracking import local_uri

    client = MlflowClient(tracking_uri=local_uri(study.folder))
    run_id = json.loads((study.folder / "chroma" / ".mlflow-run.json").read_text())["run"]
    losses = [point.value for point in client.get_metric_history(run_id, "val_loss")]
    assert len(losses) == 2
    assert {"report.csv", "confusion.png", "summary.json"} <= {a.path for a in client.list_artifacts(run_id)}
    assert client.get_run(run_id).data.params["train.epochs"] == "2"


def test_killed_at_any_moment_it_ends_as_if_undisturbed(study, tmp_path):
    arguments = ["--corpus", "demo", "--member", "chroma", "--protocol", "speaker", "--out", str(tmp_path)]
    for setting in (*SMALL, "train.epochs=2", "split.folds=2", "track.enabled=false"):
        arguments += ["--set", setting]
    process = Process(TEMBR, "study", *arguments)
    while not list(tmp_path.glob("chroma/fold-*/last.ckpt")) and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None, "finished before it could be killed"
    process.kill()
    process.wait()
    assert Process(TEMBR, "study", *arguments).finished()[0] == 0
    ours, theirs = (Study.read(p).predictions("chroma", "speaker") for p in (tmp_path, study.folder))
    columns = [c for c in ours.columns if c.startswith("p_")]
    np.testing.assert_array_equal(ours[columns], theirs[columns])


@pytest.mark.parametrize(("corpus", "emotions"), [("ravdess", 8), ("emodb", 7), ("ased", 5)])
def test_a_short_study_of_every_real_corpus(corpus, emotions, corpora_dir, tmp_path, blank_pictures):
    """Every fifth recording: enough to run through, not to measure."""
    source = few(corpora_dir / corpus, tmp_path / "few")
    settings = load_settings(
        None,
        [*SMALL, "train.epochs=1", "track.enabled=false"],
        corpus__name=corpus,
        corpus__folder=str(source),
        corpus__unmapped="keep",
        members=["chroma"],
        protocols=["random"],
    )
    (result,) = run_study(settings, tmp_path / "out").results
    assert len(result.summary["labels"]) == emotions
    assert 0 <= result.summary["uar"]["value"] <= 1


def few(source: Path, folder: Path) -> Path:
    """Links to every fifth recording, in the publisher's layout."""
    for path in sorted(source.rglob("*.wav"))[::5]:
        link = folder / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    return folder
