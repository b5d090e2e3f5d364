"""What happens in training: each epoch, kept through interruptions, and each step, to be watched."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import lightning

from tembr.train.history import COLUMNS, write_history


class History(lightning.Callback):
    """Collects one row an epoch, rewrites `history.csv`, and tells `on_epoch`.

    Its rows are part of the checkpoint, so a resumed run has those of the runs before it.
    """

    def __init__(self, path: Path, on_epoch: Callable[[dict], None] = lambda row: None):
        self.path, self.on_epoch = path, on_epoch
        self.rows: list[dict] = []
        self._started = 0.0

    def on_train_start(self, trainer, module) -> None:
        self._started = time.perf_counter()

    def on_train_epoch_end(self, trainer, module) -> None:
        metrics = {k: float(v) for k, v in trainer.callback_metrics.items() if k in COLUMNS}
        row = {
            "epoch": trainer.current_epoch + 1,
            **metrics,
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": time.perf_counter() - self._started,
        }
        self._started = time.perf_counter()  # writing this epoch's checkpoint counts in the next
        self.rows.append(row)
        if trainer.is_global_zero:
            write_history(self.rows, self.path)
            self.on_epoch(row)

    def state_dict(self) -> dict:
        return {"rows": self.rows}

    def load_state_dict(self, state: dict) -> None:
        self.rows = state["rows"]


class Steps(lightning.Callback):
    """Tells `on_step` the epoch, its batches done and its batches."""

    def __init__(self, on_step: Callable[[int, int, int], None]):
        self.on_step = on_step

    def on_train_batch_end(self, trainer, module, outputs, batch, index) -> None:
        self.on_step(trainer.current_epoch + 1, index + 1, trainer.num_training_batches)
