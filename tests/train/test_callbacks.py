"""What training tells after each epoch and each step; Lightning's trainer is made up."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from tembr.train import callbacks as module
from tembr.train.callbacks import History, Steps


def trainer(epoch: int = 0, first: bool = True, **metrics: float):
    values = {name: torch.tensor(value) for name, value in metrics.items()}
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.25}])
    return SimpleNamespace(
        current_epoch=epoch,
        callback_metrics=values,
        optimizers=[optimizer],
        is_global_zero=first,
        num_training_batches=7,
    )


def test_an_epoch_is_a_row_with_its_measures_rate_and_seconds(tmp_path, monkeypatch):
    clock = iter([10.0, 12.5, 12.5, 20.0, 20.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    history = History(tmp_path / "history.csv")
    history.on_train_start(trainer(), None)
    history.on_train_epoch_end(trainer(0, train_loss=1.5, val_uar=0.5), None)
    history.on_train_epoch_end(trainer(1, train_loss=0.5), None)
    assert history.rows == [
        {"epoch": 1, "train_loss": 1.5, "val_uar": 0.5, "lr": 0.25, "seconds": 2.5},
        {"epoch": 2, "train_loss": 0.5, "lr": 0.25, "seconds": 7.5},
    ]


def test_what_is_no_column_is_left_out(tmp_path):
    history = History(tmp_path / "history.csv")
    history.on_train_epoch_end(trainer(secret=1.0, val_loss=2.0), None)
    assert set(history.rows[0]) == {"epoch", "val_loss", "lr", "seconds"}


def test_after_every_epoch_the_table_is_whole_and_told(tmp_path):
    told: list[dict] = []
    history = History(tmp_path / "history.csv", told.append)
    for epoch in (0, 1):
        history.on_train_epoch_end(trainer(epoch), None)
        assert (tmp_path / "history.csv").read_text().count("\n") == epoch + 2
    assert told == history.rows


def test_of_several_processes_the_first_alone_writes(tmp_path):
    history = History(tmp_path / "history.csv")
    history.on_train_epoch_end(trainer(first=False), None)
    assert len(history.rows) == 1 and not (tmp_path / "history.csv").exists()


def test_a_resumed_run_has_the_rows_of_the_one_before(tmp_path):
    before, after = History(tmp_path / "history.csv"), History(tmp_path / "history.csv")
    before.on_train_epoch_end(trainer(0), None)
    after.load_state_dict(before.state_dict())
    after.on_train_epoch_end(trainer(1), None)
    assert [row["epoch"] for row in after.rows] == [1, 2]


def test_a_step_is_told_with_its_epoch_counted_from_one():
    told = []
    Steps(lambda *counted: told.append(counted)).on_train_batch_end(trainer(2), None, None, None, 4)
    assert told == [(3, 5, 7)]
