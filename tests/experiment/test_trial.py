"""One trial: what it sees and what it never sees, and how it is given up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import TrialState

import tembr.experiment.trial as trial_module
from tembr.corpora import load_corpus
from tembr.corpora.corpus import Corpus
from tembr.errors import StoreError
from tembr.experiment.recordings import load_recordings
from tembr.experiment.space import Space
from tembr.experiment.trial import Objective
from tembr.progress import Progress
from tembr.splits import Fold, make_folds
from tests.experiment.spaces import NETWORK, SVM, space_of


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(scope="module")
def target() -> Corpus:
    return load_corpus("demo")


def tried(
    space: Space, target: Corpus, folder: Path, params: dict | None = None, **options
) -> optuna.trial.FrozenTrial:
    """A trial with these settings, of the first fold."""
    fold = make_folds(target, space.protocol, space.base.split)[0]
    study = optuna.create_study(directions=["maximize"] * len(space.search.objective), **options)
    study.enqueue_trial(params or dict.fromkeys(space.parameters, 1.0))
    study.optimize(Objective(space, target, fold, folder, Progress()), n_trials=1)
    return study.trials[-1]


class Guarded:
    """Values of recordings, which fail the test where a test recording's are taken."""

    def __init__(self, table, forbidden: np.ndarray):
        self._table, self._forbidden = table, set(forbidden.tolist())

    def __getitem__(self, index: int):
        assert int(index) not in self._forbidden, f"recording {index} is of the test part"
        return self._table[index]

    def __getattr__(self, name: str):
        return getattr(self._table, name)

    def __len__(self) -> int:
        return len(self._table)


def poisoned(monkeypatch, target: Corpus, fold: Fold) -> None:
    """Test recordings can no longer be taken, and have other labels."""
    wrong = dict.fromkeys(fold.test.tolist(), target.labels[0])

    def load(*arguments):
        found = load_recordings(*arguments)
        utterances = [replace(u, emotion=wrong.get(i, u.emotion)) for i, u in enumerate(found.utterances)]
        tables = {one: Guarded(table, fold.test) for one, table in found.tables.items()}
        return replace(found, utterances=tuple(utterances), tables=tables)

    monkeypatch.setattr(trial_module, "load_recordings", load)


@pytest.mark.parametrize("text", [NETWORK, SVM, SVM.replace("[track]", "[split]\ninner = 3\n[track]")])
@pytest.mark.parametrize("protocol", ["random", "speaker"])
def test_no_test_recording_is_taken_and_no_test_label_counts(target, tmp_path, monkeypatch, text, protocol):
    """Their values fail whoever takes them, their labels are others: the same value comes out."""
    text = text.replace('protocol = "random"', f'protocol = "{protocol}"').replace("epochs = 2", "epochs = 1")
    if "protocol =" not in text:
        text = text.replace("[space]", f'[search]\nprotocol = "{protocol}"\n[space]')
    space = space_of(tmp_path, text)
    params = dict.fromkeys(space.parameters, 0.001)
    fold = make_folds(target, space.protocol, space.base.split)[0]
    clean = tried(space, target, tmp_path, params)
    poisoned(monkeypatch, target, fold)
    assert tried(space, target, tmp_path, params).values == clean.values


def test_validation_labels_do_count(target, tmp_path, monkeypatch):
    """What the test above rests on: of validation recordings the same changes show."""
    space = space_of(tmp_path)
    fold = make_folds(target, "random", space.base.split)[0]
    clean = tried(space, target, tmp_path)
    other = replace(fold, test=fold.validation)
    poisoned(monkeypatch, target, other)
    with pytest.raises(AssertionError, match="is of the test part"):
        tried(space, target, tmp_path)
    monkeypatch.setattr(Guarded, "__getitem__", lambda self, index: self._table[index])
    assert tried(space, target, tmp_path).values != clean.values


def test_a_trial_leaves_nothing_in_its_folder(target, tmp_path):
    space = space_of(tmp_path, NETWORK)
    place = tmp_path / "place"
    place.mkdir()
    trial = tried(space, target, place, {"train.learning_rate": 1e-3})
    assert (trial.state, list(place.iterdir())) == (TrialState.COMPLETE, [])
    assert list(trial.intermediate_values) == [1, 2] and trial.user_attrs["epochs"] == 2


class AfterOne(optuna.pruners.BasePruner):
    """Gives up every training after its first epoch."""

    def prune(self, study, trial) -> bool:
        return trial.last_step == 1


def test_a_hopeless_training_is_given_up_after_an_epoch_and_leaves_a_clean_state(target, tmp_path):
    space = space_of(tmp_path, NETWORK)
    place = tmp_path / "place"
    place.mkdir()
    undisturbed = tried(space, target, place, {"train.learning_rate": 1e-3})
    pruned = tried(space, target, place, {"train.learning_rate": 1e-3}, pruner=AfterOne())
    assert (pruned.state, list(pruned.intermediate_values)) == (TrialState.PRUNED, [1])
    assert pruned.user_attrs["reason"].startswith("hopeless after epoch 1: val_uar ")
    assert list(place.iterdir()) == []
    assert tried(space, target, place, {"train.learning_rate": 1e-3}).values == undisturbed.values


def test_what_would_learn_from_the_validation_part_is_judged_before_it_does(target, tmp_path):
    """A recipe with `train.refit` is searched as the same one without: epochs are watched, and nothing leaks."""
    refit = NETWORK.replace("epochs = 2", 'epochs = 2\nschedule = "cosine"\nkeep = "last"\nrefit = true')
    trials = [
        tried(space_of(tmp_path, text), target, tmp_path, {"train.learning_rate": 1e-3})
        for text in (refit, refit.replace("refit = true", "refit = false"))
    ]
    assert trials[0].values == trials[1].values
    assert trials[0].intermediate_values == trials[1].intermediate_values != {}


def test_epochs_of_further_members_are_steps_of_their_own(target, tmp_path):
    space = space_of(tmp_path, NETWORK.replace('"chroma"', '"chroma", "rms"').replace("epochs = 2", "epochs = 1"))
    trial = tried(space, target, tmp_path, {"train.learning_rate": 1e-3})
    assert list(trial.intermediate_values) == [1, 2]
    assert trial.value == pytest.approx(trial.intermediate_values[2])


def test_settings_that_do_not_go_together_are_given_up_with_the_reason(target, tmp_path):
    text = SVM + "features.n_mels = { low = 20, high = 80 }\nfeatures.n_mfcc = { low = 12, high = 60 }\n"
    params = {"members.svm.c": 1.0, "features.n_mels": 20, "features.n_mfcc": 60}
    trial = tried(space_of(tmp_path, text), target, tmp_path, params)
    assert trial.state == TrialState.PRUNED
    assert "n_mfcc (60) cannot exceed n_mels (20)" in trial.user_attrs["reason"]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_training_that_diverges_is_given_up_whatever_the_pruner(target, tmp_path, monkeypatch, loss):
    def diverge(member, features, data, seed, progress):
        progress.row({"epoch": 1, "val_loss": loss, "val_uar": 0.9})

    monkeypatch.setattr(trial_module, "fit_member", diverge)
    text = NETWORK.replace("[space]", '[search]\npruner = "none"\n[space]')
    trial = tried(space_of(tmp_path, text), target, tmp_path, {"train.learning_rate": 1e-3})
    assert (trial.state, trial.intermediate_values) == (TrialState.PRUNED, {})
    assert trial.user_attrs["reason"] == f"diverged: the validation loss of epoch 1 is {loss}"


def test_what_does_not_fit_into_memory_is_given_up(target, tmp_path, monkeypatch):
    def fill(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(trial_module, "fit_member", fill)
    trial = tried(space_of(tmp_path, NETWORK), target, tmp_path, {"train.learning_rate": 1e-3})
    assert (trial.state, trial.user_attrs["reason"]) == (TrialState.PRUNED, "does not fit into the GPU's memory")


def test_a_full_disk_is_no_poor_trial_but_ends_the_search(target, tmp_path, monkeypatch):
    def fill(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(trial_module, "fit_member", fill)
    with pytest.raises(StoreError, match="the disk is full"):
        tried(space_of(tmp_path, NETWORK), target, tmp_path, {"train.learning_rate": 1e-3})


def test_recordings_are_read_again_only_where_their_settings_are_drawn_anew(target, tmp_path, monkeypatch):
    read = []

    def load(settings, *more):
        read.append(settings.features.n_mfcc)
        return load_recordings(settings, *more)

    monkeypatch.setattr(trial_module, "load_recordings", load)
    space = space_of(tmp_path, SVM + "features.n_mfcc = { low = 12, high = 13 }\n")
    fold = make_folds(target, "random", space.base.split)[0]
    study, objective = optuna.create_study(), Objective(space, target, fold, tmp_path, Progress())
    for c, n_mfcc in ((1.0, 12), (2.0, 12), (2.0, 13)):
        study.enqueue_trial({"members.svm.c": c, "features.n_mfcc": n_mfcc})
    study.optimize(objective, n_trials=3)
    assert read == [12, 13]
