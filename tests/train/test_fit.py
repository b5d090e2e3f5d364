"""Training: resumable at any epoch, repeatable, and blind to the test part."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tembr.augment.settings import AugmentSettings, WaveformSettings
from tembr.corpora import load_corpus
from tembr.errors import ConfigError, StoreError
from tembr.features import find
from tembr.features.inputs import WAVEFORM, RepresentationInput
from tembr.features.store import FeatureStore
from tembr.train.checkpoint import SafetensorsIO
from tembr.train.fit import fast_bfloat16, fit
from tembr.train.history import discard_checkpoints
from tembr.train.module import TrainingModule
from tembr.train.settings import TrainSettings
from tests.processes import Process
from tests.train.conftest import FEATURES, trained_on, training, untrained

CHILD = """
import sys
import time
from pathlib import Path
import numpy as np
from tembr.corpora import load_corpus
from tembr.features.inputs import RepresentationInput
from tembr.features.store import FeatureStore
from tests.train.conftest import FEATURES, trained_on, training
corpus = load_corpus("demo")
classes = np.array([corpus.labels.index(u.emotion) for u in corpus.utterances])
(table,) = FeatureStore().prepare(corpus.utterances, [RepresentationInput("chroma", FEATURES)]).values()
index = np.arange(180)
parts = tuple(index[index % 3 == k] for k in range(3))
def say(row):
    print(row["epoch"], flush=True)
    time.sleep(5 * (row["epoch"] == 2))  # there is time to stop it
trained_on(training(epochs=6), table, classes, parts, Path(sys.argv[1]), on_epoch=say)
"""


def without_time(history: list[dict]) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


def train(tables, classes, parts, folder, name="chroma", **settings):
    return trained_on(training(name, **settings), tables[name], classes, parts, folder)


@pytest.fixture(scope="module")
def trained(tables, classes, parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return trained_on(training(epochs=6), tables["chroma"], classes, parts, folder), folder


def test_posteriors_are_probabilities_of_the_test_part(trained, parts):
    result, _ = trained
    assert result.posteriors.shape == (len(parts[2]), 6)
    np.testing.assert_allclose(result.posteriors.sum(1), 1, atol=1e-5)


def test_history_has_a_row_an_epoch(trained):
    result, folder = trained
    assert [row["epoch"] for row in result.history] == [1, 2, 3, 4, 5, 6]
    assert (folder / "history.csv").read_text().count("\n") == 7
    assert set(result.history[0]) >= {"train_loss", "val_loss", "train_accuracy", "val_accuracy", "val_uar", "lr"}


def test_only_weights_and_history_are_left_in_the_end(trained):
    _, folder = trained
    discard_checkpoints(folder)
    assert {p.name for p in folder.iterdir()} == {"weights", "history.csv"}


def test_the_same_seed_gives_the_same_result(trained, tables, classes, parts, tmp_path):
    again = train(tables, classes, parts, tmp_path, epochs=6)
    assert np.array_equal(again.posteriors, trained[0].posteriors)


def test_another_seed_gives_another_result(trained, tables, classes, parts, tmp_path):
    assert not np.array_equal(train(tables, classes, parts, tmp_path, seed=1).posteriors, trained[0].posteriors)


def test_killed_in_the_middle_it_ends_as_if_undisturbed(trained, tables, classes, parts, tmp_path):
    process = Process(CHILD, str(tmp_path))
    for line in process.stdout:
        if line.strip() == "3":
            break
    time.sleep(0.05)
    process.kill()
    process.wait()
    assert (tmp_path / "last.ckpt").exists()
    resumed = train(tables, classes, parts, tmp_path, epochs=6)
    assert without_time(resumed.history) == without_time(trained[0].history)
    assert np.array_equal(resumed.posteriors, trained[0].posteriors)


def test_ctrl_c_can_be_continued(tables, classes, parts, tmp_path, trained):
    process = Process(CHILD, str(tmp_path))
    for line in process.stdout:
        if line.strip() == "2":
            break
    process.interrupt()
    _, _, message = process.finished()
    assert "KeyboardInterrupt" in message
    resumed = train(tables, classes, parts, tmp_path, epochs=6)
    assert without_time(resumed.history) == without_time(trained[0].history)


def test_test_recordings_change_nothing_that_is_learnt(trained, tables, classes, parts, tmp_path):
    """Weights, training statistics and the stopping epoch are the same whatever the test part holds."""
    shuffled = classes.copy()
    shuffled[parts[2]] = np.roll(shuffled[parts[2]], 1)
    table = [np.array(tables["chroma"][i]) for i in range(len(classes))]
    for index in parts[2]:
        table[index] = np.random.default_rng(index).normal(50, 20, table[index].shape).astype(np.float32)
    trained_on(training(epochs=6), table, shuffled, parts, tmp_path)
    assert (tmp_path / "weights").read_bytes() == (trained[1] / "weights").read_bytes()


def test_training_statistics_come_from_the_training_part_alone(trained, tables, parts):
    classifier = trained[0].classifier
    learnt = torch.stack([torch.from_numpy(np.array(tables["chroma"][i])) for i in parts[0]])
    rows = learnt - learnt.amin((1, 2), keepdim=True)
    rows = rows / rows.amax((1, 2), keepdim=True)
    torch.testing.assert_close(classifier.picture.mean[:, 0], rows.mean((0, 2)), atol=1e-5, rtol=1e-4)


@pytest.fixture(scope="module")
def stopped(tables, classes, parts, tmp_path_factory):
    """What is learnt makes the validation part worse: there every emotion goes by another's name."""
    settings = {"epochs": 30, "patience": 2, "plateau_patience": 0, "dropout": 0.0}
    wrong = classes.copy()
    wrong[parts[1]] = (classes[parts[1]] + 1) % 6
    return train(tables, wrong, parts, tmp_path_factory.mktemp("stopped"), **settings).history


def test_training_stops_early_two_epochs_after_the_best(stopped):
    losses = [row["val_loss"] for row in stopped]
    assert len(losses) < 30
    assert int(np.argmin(losses)) == len(losses) - 1 - 2


def test_the_learning_rate_falls_on_a_plateau(stopped):
    before, after, last = [row["lr"] for row in stopped][-3:]
    assert (after, last) == (before / 2, before / 4)


def test_waveform_augmentation_trains_from_samples(classes, parts, tmp_path):
    varied = replace(training(epochs=1), augment=AugmentSettings(waveform=WaveformSettings(enabled=True)))
    assert varied.from_waveform
    samples = RepresentationInput(WAVEFORM, FEATURES)
    (table,) = FeatureStore().prepare(load_corpus("demo").utterances, [samples]).values()
    history = fit(varied, untrained(varied), table, classes, tuple(p[:12] for p in parts[:2]), tmp_path)
    assert len(history) == 1 and np.isfinite(history[0]["val_loss"])


def test_a_gpu_that_is_not_there_is_said(tables, classes, parts, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="no GPU"):
        train(tables, classes, parts, tmp_path, device="gpu")


def test_the_best_checkpoint_holds_the_weights_once(tables, classes, parts, tmp_path):
    train(tables, classes, parts, tmp_path, epochs=1)
    assert (tmp_path / "best.ckpt").stat().st_size < 1.01 * (tmp_path / "weights").stat().st_size


def test_a_damaged_checkpoint_is_said(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(StoreError, match="damaged checkpoint"):
        SafetensorsIO().load_checkpoint(tmp_path / "last.ckpt")


def test_checkpoints_hold_no_pickle(tmp_path):
    state = {
        "pytorch-lightning_version": "2",
        "epoch": 3,
        "state_dict": {"w": torch.arange(6.0).reshape(2, 3)},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(2.0)}}, "betas": (0.9, 0.999)}],
    }
    SafetensorsIO().save_checkpoint(state, tmp_path / "c.ckpt")
    with safe_open(tmp_path / "c.ckpt", framework="pt") as file:
        assert len(list(file.keys())) == 2
    restored = SafetensorsIO().load_checkpoint(tmp_path / "c.ckpt")
    assert restored["optimizer_states"][0]["betas"] == (0.9, 0.999)
    assert restored["optimizer_states"][0]["state"][0]["step"] == 2
    assert torch.equal(restored["state_dict"]["w"], state["state_dict"]["w"])


def test_without_validation_it_learns_from_all_and_keeps_the_last_state(tables, classes, tmp_path):
    everything, nothing = np.arange(180), np.empty(0, int)
    chosen = training(epochs=4, dropout=0.0)
    made = trained_on(chosen, tables["chroma"], classes, (everything, nothing), tmp_path)
    assert [row["epoch"] for row in made.history] == [1, 2, 3, 4]
    assert not (tmp_path / "best.ckpt").exists()
    rows = np.concatenate([minmax(tables["chroma"][i]) for i in everything], axis=1)
    np.testing.assert_allclose(made.classifier.picture.mean[:, 0], rows.mean(1), atol=1e-4)


def minmax(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / (values.max() - values.min())


def test_a_cosine_rises_and_falls_to_nothing_and_resumes_exactly(tables, classes, parts, tmp_path):
    settings = {"schedule": "cosine", "epochs": 4, "patience": 4}
    whole = train(tables, classes, parts, tmp_path / "whole", **settings)
    rates = [row["lr"] for row in whole.history]
    assert rates[-1] < 1e-4 < rates[1] < rates[0] <= 1e-3
    stop = RuntimeError("enough")

    def stopping(row):
        if row["epoch"] == 2:
            raise stop

    with pytest.raises(RuntimeError, match="enough"):
        trained_on(training(**settings), tables["chroma"], classes, parts, tmp_path / "broken", stopping)
    resumed = train(tables, classes, parts, tmp_path / "broken", **settings)
    assert without_time(resumed.history) == without_time(whole.history)


def test_the_last_state_is_kept_where_validation_is_to_decide_nothing(tables, classes, parts, tmp_path):
    """Validation labels change which epoch is best, and nothing else."""
    wrong = classes.copy()
    wrong[parts[1]] = (classes[parts[1]] + 1) % 6
    settings = {"schedule": "cosine", "epochs": 4, "patience": 4}
    runs = enumerate([classes, wrong])
    kept = [train(tables, truth, parts, tmp_path / f"last{i}", **settings, keep="last") for i, truth in runs]
    np.testing.assert_array_equal(kept[0].posteriors, kept[1].posteriors)
    best = train(tables, wrong, parts, tmp_path / "best", **settings)
    assert not np.array_equal(best.posteriors, kept[0].posteriors)


def test_a_cosine_is_not_stopped_half_way(tables, classes, parts, tmp_path):
    wrong = classes.copy()
    wrong[parts[1]] = (classes[parts[1]] + 1) % 6
    trained = train(tables, wrong, parts, tmp_path, schedule="cosine", epochs=5, patience=1, dropout=0.0)
    assert len(trained.history) == 5


def test_label_smoothing_raises_the_loss_of_a_sure_answer():
    chosen = TrainSettings(label_smoothing=0.2)
    module = TrainingModule(untrained(training()), find("chroma"), FEATURES, AugmentSettings(), chosen, 6, 1.0, seed=0)
    sure = torch.tensor([[40.0, 0, 0, 0, 0, 0]])
    assert module.loss(sure, torch.tensor([0])).item() == pytest.approx(40 * 0.2 * 5 / 6, rel=1e-4)


@pytest.mark.parametrize(
    ("known", "half", "fast"), [(True, 1.0, True), (True, 1.9, False), (True, 4.0, False), (False, 1.0, False)]
)
def test_bfloat16_is_taken_where_it_is_faster_and_not_where_it_is_only_known(monkeypatch, tmp_path, known, half, fast):
    monkeypatch.setenv("TEMBR_CACHE", str(tmp_path))
    seconds = {torch.float32: 2.0, torch.bfloat16: half}
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: known)
    monkeypatch.setattr("tembr.train.fit._seconds_of_product", lambda matrix: seconds[matrix.dtype])
    assert fast_bfloat16.__wrapped__() is fast
    seconds[torch.bfloat16] = 3.0 if fast else 1.0  # another time of day
    assert fast_bfloat16.__wrapped__() is fast
