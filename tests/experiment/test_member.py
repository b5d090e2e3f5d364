"""A member under one protocol: a fold's files, the table of its answers, and a run with one that is fitted at once."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tembr.errors import StoreError
from tembr.experiment import member as module
from tembr.experiment.heldout import FoldLogits
from tembr.experiment.member import (
    MemberRun,
    Outcome,
    confident_half,
    fold_folder,
    prediction_table,
    score_predictions,
    truth_and_posteriors,
)
from tembr.experiment.recordings import Recordings
from tembr.experiment.settings import load_settings
from tembr.experiment.tracking import Silent
from tembr.features.settings import FeatureSettings
from tembr.progress import Progress
from tembr.splits import SplitSettings, make_folds
from tests.small_study import CORPUS, LABELS

POSTERIORS = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
"""Of two recordings of anger and one of fear: the second is taken for fear."""


def predictions():
    return prediction_table(CORPUS.utterances[:3], LABELS, POSTERIORS, "A")


@pytest.fixture
def run(tmp_path, monkeypatch) -> MemberRun:
    """The commonest emotion, of 12 recordings by three speakers, one of fear made anger; without pictures."""
    for name in ("confusion_png", "coverage_png", "reliability_png", "history_png"):
        monkeypatch.setattr(module, name, lambda *_: None)
    first = replace(CORPUS.utterances[2], emotion="anger")
    corpus = replace(CORPUS, utterances=(*CORPUS.utterances[:2], first, *CORPUS.utterances[3:]))
    settings = load_settings(members=["majority"], protocols=["speaker"], track__enabled=False)
    (taken,) = settings.members["majority"].inputs(settings.features)
    index, tables = np.arange(12), {taken: np.zeros((12, taken.bins, 1), np.float32)}
    recordings = Recordings(corpus, (), corpus.utterances, index, 0 * index, FeatureSettings(), tables)
    folds = make_folds(corpus, "speaker", SplitSettings())
    return MemberRun(settings, recordings, "speaker", folds, settings.members["majority"], tmp_path, Progress())


def test_a_row_says_who_said_what_and_how_it_was_taken():
    assert predictions().iloc[1].to_dict() == {
        "file": "A-anger-2.wav",
        "speaker": "A",
        "gender": "female",
        "emotion": "anger",
        "predicted": "fear",
        "fold": "A",
        "p_anger": 0.4,
        "p_fear": 0.6,
    }


def test_truth_and_posteriors_are_in_the_order_of_the_labels_asked_for():
    truth, posteriors = truth_and_posteriors(predictions(), ("fear", "anger"))
    assert truth.tolist() == [1, 1, 0] and posteriors.tolist() == POSTERIORS[:, ::-1].tolist()


def test_a_table_is_scored_with_speakers_and_genders():
    scores = score_predictions(predictions(), LABELS)
    assert (scores.n, scores.uar.value) == (3, 0.75)
    assert list(scores.per_speaker) == ["A"] and list(scores.per_gender) == ["female"]


def test_the_confident_half_is_of_the_surest():
    assert confident_half(predictions(), LABELS) == {"accuracy_on_confident_half": {"value": 1.0, "n": 2}}


@pytest.mark.parametrize(("folds", "name", "place"), [(1, "all", "rms"), (3, "A+B", "rms/fold-A+B")])
def test_a_folds_folder_is_the_members_own_where_it_is_the_only_one(tmp_path, folds, name, place):
    assert fold_folder(tmp_path / "rms", folds, name) == tmp_path / place


def test_names_that_look_alike_as_files_have_folders_of_their_own(tmp_path):
    long = "x" * 90
    names = ["a/b", "a_b", "a:b", long, long + "y"]
    places = [fold_folder(tmp_path, 5, name).name for name in names]
    assert len(set(places)) == 5 and places[1] == "fold-a_b" and max(map(len, places)) < 80


def test_a_fold_comes_back_as_written(tmp_path):
    outcome = Outcome("A", predictions(), [{"epoch": 1, "val_loss": 0.5}], 7)
    outcome.write(tmp_path)
    again = Outcome.read(tmp_path)
    assert again.predictions.equals(outcome.predictions)
    assert (again.fold, again.history, again.parameters) == ("A", [{"epoch": 1, "val_loss": 0.5}], 7)


@pytest.mark.parametrize("content", ["", "[]", '{"fold": "A"}'])
def test_a_damaged_fold_says_that_removing_it_is_enough(tmp_path, content):
    (tmp_path / "fold.json").write_text(content)
    with pytest.raises(StoreError, match=r"fold\.json: damaged; remove it and the fold is trained again"):
        Outcome.read(tmp_path)


def test_a_run_measures_all_test_parts_together(run):
    """Anger is the commonest by one recording: of 7 recordings of anger all are right, of 5 of fear none."""
    summary = run.run(Silent()).summary
    assert (summary["n"], summary["folds"], summary["kind"], summary["corpus"]) == (12, 3, "baseline", "demo")
    assert summary["uar_per_fold"]["A"] == 0.5
    assert json.loads((run.folder / "summary.json").read_text()) == summary


def test_a_kind_without_validation_answers_held_out_recordings_by_fits_of_their_own(run):
    run.run(Silent())
    fold, logits = run.folds[1], FoldLogits.read(run.folder / "fold-B")
    assert logits.heldout.tolist() == np.concatenate([part.heldout for part in fold.inner]).tolist()
    counts = np.bincount(run.recordings.classes[fold.inner[0].train], minlength=2)
    np.testing.assert_allclose(np.exp(logits.heldout_logits[0]), counts / counts.sum(), rtol=1e-6)


def test_a_folder_of_another_fold_is_not_taken_for_this_ones(run):
    run.run(Silent())
    (run.folder / "summary.json").unlink()
    written = json.loads((run.folder / "fold-B" / "fold.json").read_text())
    (run.folder / "fold-B" / "fold.json").write_text(json.dumps(written | {"fold": "b"}))  # where case does not count
    with pytest.raises(StoreError, match="fold-B: is of b, whose name is the same folder's here"):
        run.run(Silent())


def test_a_finished_fold_is_not_fitted_again(run, monkeypatch):
    whole = run.run(Silent()).summary
    (run.folder / "summary.json").unlink()
    monkeypatch.setattr(module, "fit_member", lambda *_: pytest.fail("fitted again"))
    again = run.run(Silent()).summary
    assert again == whole


def test_a_finished_member_is_read_and_that_is_said(run):
    said: list[str] = []
    first = run.run(Silent())
    assert replace(run, progress=Progress(said.append)).run(Silent()) == first
    assert said == ["speaker · majority: done before"]


def test_every_fold_and_the_whole_are_said(run):
    said: list[str] = []
    replace(run, progress=Progress(said.append)).run(Silent())
    assert said[0] == "speaker · majority · fold 1 of 3 (A)" and said[1] == "  A: UAR 0.500 on 4 recordings"
    assert said[-1].startswith("speaker · majority: accuracy ")
