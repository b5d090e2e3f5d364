"""What a training leaves in its folder: a row an epoch, and checkpoints until its result is safe."""

from __future__ import annotations

import shutil
from pathlib import Path

from tembr import tables

COLUMNS = ("epoch", "train_loss", "val_loss", "train_accuracy", "val_accuracy", "val_uar", "lr", "seconds")

VAE = "vae.safetensors"

INNER = "inner"
"""Folder of the trainings on inner folds."""


def write_history(rows: list[dict], path: Path, before: tuple[str, ...] = ()) -> None:
    """Write rows of `COLUMNS`, with the columns `before` in front, as CSV; whole or not at all."""
    shown = ({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    tables.write(path, (*before, *COLUMNS), shown)


def discard_checkpoints(folder: Path) -> None:
    """Remove what only an interrupted training needs."""
    for name in ("last.ckpt", "best.ckpt", VAE):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / INNER, ignore_errors=True)
