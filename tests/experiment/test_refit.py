"""A network that learns from the validation part as well: what it is joined by is still held out from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tembr.experiment import member as module
from tembr.experiment.heldout import FoldLogits
from tembr.experiment.member import MemberRun
from tembr.experiment.recordings import load_recordings
from tembr.experiment.settings import load_settings
from tembr.experiment.tracking import Silent
from tembr.models import load_member
from tembr.progress import Progress
from tembr.splits import make_folds

SMALL = ["features.window=1.0", "train.network=resnet18_quarter", "train.device=cpu", "train.epochs=2"]
COSINE = ["train.keep=last", "train.schedule=cosine", "track.enabled=false"]


def prepared(folder: Path, *overrides: str) -> MemberRun:
    """Zero crossings of the demo corpus under the random split, with no pictures to draw."""
    settings = load_settings(overrides=[*SMALL, *COSINE, *overrides], members=["zcr"], protocols=["random"])
    members = list(settings.members.values())
    recordings = load_recordings(settings, members, Progress())
    folds = make_folds(recordings.target, "random", settings.split)
    return MemberRun(settings, recordings, "random", folds, members[0], folder, Progress())


@pytest.fixture(scope="module", autouse=True)
def no_pictures():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("confusion_png", "coverage_png", "reliability_png", "history_png"):
            patch.setattr(module, name, lambda *_: None)
        yield


@pytest.fixture(scope="module")
def refitted(tmp_path_factory) -> MemberRun:
    run = prepared(tmp_path_factory.mktemp("refitted"), "train.refit=true")
    run.run(Silent())
    return run


@pytest.fixture(scope="module")
def held_back(tmp_path_factory) -> MemberRun:
    run = prepared(tmp_path_factory.mktemp("held back"))
    run.run(Silent())
    return run


def test_what_it_is_joined_by_is_of_a_network_that_did_not_learn_from_it(refitted, held_back):
    one, other = FoldLogits.read(refitted.folder), FoldLogits.read(held_back.folder)
    assert one.heldout.tolist() == other.heldout.tolist() == refitted.folds[0].validation.tolist()
    np.testing.assert_allclose(one.heldout_logits, other.heldout_logits, rtol=1e-4, atol=1e-4)


def test_test_recordings_are_answered_by_one_that_learnt_from_both_parts(refitted, held_back):
    logits, fold = FoldLogits.read(refitted.folder), refitted.folds[0]
    tables, labels = refitted.recordings.tables, refitted.recordings.labels
    kept = load_member(refitted.member, refitted.settings.features, labels, refitted.folder / "model.safetensors")
    np.testing.assert_allclose(kept.answer(tables, fold.test)[0], logits.test_logits, rtol=1e-4, atol=1e-4)
    assert np.abs(kept.answer(tables, fold.validation)[0] - logits.heldout_logits).max() > 0.01
    assert np.abs(FoldLogits.read(held_back.folder).test_logits - logits.test_logits).max() > 0.01


def test_nothing_of_the_inner_training_is_left(refitted):
    assert not (refitted.folder / "inner").exists() and not list(refitted.folder.glob("*.ckpt"))


def test_inner_folds_hold_out_every_recording_that_may_be_learnt_from(tmp_path):
    run = prepared(tmp_path, "train.refit=true", "split.inner=2", "train.epochs=1")
    run.run(Silent())
    heldout = FoldLogits.read(run.folder).heldout
    assert sorted(heldout) == run.folds[0].rest.tolist()


def test_stopped_in_the_inner_training_it_goes_on_there(tmp_path, refitted):
    stopping = prepared(tmp_path, "train.refit=true")

    def stop(what: str, done: int, total: int) -> None:
        if what == "zcr · epoch 2" and (tmp_path / "inner/1/last.ckpt").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(stopping, progress=Progress(count=stop)).run(Silent())
    assert (tmp_path / "inner/1/last.ckpt").exists() and not (tmp_path / "fold.json").exists()
    again: list[str] = []
    replace(stopping, progress=Progress(count=lambda what, *_: again.append(what))).run(Silent())
    assert "zcr · epoch 1" not in again and "zcr · epoch 2" in again
    np.testing.assert_array_equal(
        FoldLogits.read(tmp_path).heldout_logits, FoldLogits.read(refitted.folder).heldout_logits
    )
