"""Train one network on one fold of one representation, resumably."""

from __future__ import annotations

import logging
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader

from tembr.augment.settings import AugmentSettings
from tembr.errors import ConfigError, StoreError
from tembr.features.picture import Picture
from tembr.features.registry import Representation
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureTable
from tembr.files import cache_root, digest, write_bytes
from tembr.train.callbacks import History, Steps
from tembr.train.checkpoint import SafetensorsIO
from tembr.train.data import FeatureDataset, Item, evaluation_loader, training_loader
from tembr.train.denormals import flushed_denormals
from tembr.train.module import TrainingModule
from tembr.train.settings import TrainSettings


@dataclass(frozen=True)
class Training:
    """All that decides how a network is trained, but for the data.

    Attributes:
        representation: it takes.
        classes: outputs.
        features, augment, train: see there.
        seed: of order, dropout and augmentation.
    """

    representation: Representation
    classes: int
    features: FeatureSettings
    augment: AugmentSettings
    train: TrainSettings
    seed: int

    @property
    def from_waveform(self) -> bool:
        """Whether it trains on samples, which are augmented before the representation is computed."""
        return self.augment.enabled and self.augment.waveform.enabled


def fit(
    training: Training,
    classifier: nn.Module,
    table: FeatureTable,
    classes: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    folder: Path,
    on_epoch: Callable[[dict], None] = lambda row: None,
    on_step: Callable[[int, int, int], None] = lambda epoch, done, total: None,
    generated: Sequence[Item] = (),
) -> list[dict]:
    """Train a classifier in place; continues from the last finished epoch if there is one.

    With a validation part it stops early and keeps the state with the lowest validation loss, or the last one
    (`TrainSettings.keep`). Without one it trains for all epochs, keeps the last state, and a 'plateau' schedule keeps
    its first rate: for a model to ship, and for one that learns from the validation part too. Leaves `history.csv` in
    `folder`, and the checkpoints, for `history.discard_checkpoints` once the result is safe.

    Args:
        classifier: untrained, a `network` on a `picture`.
        table: values of all recordings: of the representation, or samples where `training.from_waveform`.
        classes: `(recordings,)` int, class of each.
        parts: indices of train and validation recordings; statistics see the first alone.
        on_epoch: called with each epoch's row.
        on_step: called with epoch, batches done and batches of it.
        generated: further examples to learn from, values `(bins, frames)` and class; statistics do not see them.

    Returns:
        a row an epoch, see `history.COLUMNS`.

    Raises:
        KeyboardInterrupt: stopped by the user; the same call continues.
        StoreError: nothing could be written, or a checkpoint is damaged.
    """
    train, validation = (FeatureDataset(table, classes, indices) for indices in parts)
    settings = training.train
    lightning.seed_everything(training.seed, verbose=False)
    module = _module(training, classifier, train)
    learnt = ConcatDataset([train, generated]) if generated else train
    loader = training_loader(learnt, settings.batch_size, training.seed)
    checked = evaluation_loader(validation, 2 * settings.batch_size) if len(validation) else None
    rows = run(module, loader, checked, settings, folder, on_epoch, on_step)
    kept = settings.keep if checked is not None else "last"
    classifier.load_state_dict(state_of(folder / f"{kept}.ckpt", "classifier"))
    return rows


def run(
    module: lightning.LightningModule,
    loader: DataLoader,
    checked: DataLoader | None,
    settings: TrainSettings,
    folder: Path,
    on_epoch: Callable[[dict], None],
    on_step: Callable[[int, int, int], None],
) -> list[dict]:
    """Train a module, from the last checkpoint in `folder` if there is one, and leave `last.ckpt` (and `best.ckpt`).

    Args:
        loader, checked: of the training and the validation part.
        settings, folder, on_epoch, on_step: as `fit` takes them.

    Returns:
        a row an epoch, see `history.COLUMNS`.
    """
    history, last = History(folder / "history.csv", on_epoch), folder / "last.ckpt"
    with _quiet():
        if _finished(last, settings, checked is not None):
            history.load_state_dict(_callback_state(last, "History"))
        else:
            callbacks = [history, Steps(on_step), *_keeping(settings, folder, checked is not None)]
            _run(_trainer(settings, folder, callbacks), module, loader, checked, last if last.exists() else None)
    return history.rows


def _keeping(settings: TrainSettings, folder: Path, validated: bool) -> list[lightning.Callback]:
    """Checkpoints, and early stopping where there is something to validate on."""
    latest = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    if not validated:
        return [latest]
    best = ModelCheckpoint(folder, "best", monitor="val_loss", save_weights_only=True, enable_version_counter=False)
    return [EarlyStopping("val_loss", patience=settings.waits, check_finite=False), best, latest]


def _module(training: Training, classifier: nn.Module, train: FeatureDataset) -> TrainingModule:
    statistics = _Extracted(train, training) if training.from_waveform else train
    classifier.picture.fit(values for values, _ in evaluation_loader(statistics, 128))
    if training.train.channels_last:
        classifier.network.to(memory_format=torch.channels_last)
    scale = _row_deviation(statistics, classifier.picture)
    return TrainingModule(
        classifier,
        training.representation,
        training.features,
        training.augment,
        training.train,
        training.classes,
        scale,
        training.seed,
    )


class _Extracted(torch.utils.data.Dataset):
    """Representation of cached waveforms, computed one by one; for the training statistics."""

    def __init__(self, waveforms: FeatureDataset, training: Training):
        self.waveforms, self.training = waveforms, training

    def __len__(self) -> int:
        return len(self.waveforms)

    @property
    def ragged(self) -> bool:
        return self.waveforms.ragged

    def __getitem__(self, position: int):
        from tembr.features.extract import extract

        waveform, label = self.waveforms[position]
        settings, name = self.training.features, self.training.representation.name
        return extract(waveform, settings.sample_rate, name, settings=settings)[0], label


def _row_deviation(dataset: torch.utils.data.Dataset, picture: Picture, most: int = 512) -> torch.Tensor:
    """Deviation of every row that is augmented, over time and (at most `most`) training recordings, `(rows, 1)`."""
    chosen = np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(int)
    frames = torch.cat([picture.averaged(dataset[index][0][None])[0] for index in chosen], dim=-1)
    return frames.std(-1, keepdim=True, correction=0)


def _trainer(settings: TrainSettings, folder: Path, callbacks: list[lightning.Callback]) -> lightning.Trainer:
    device_of(settings)
    with _quiet():
        return lightning.Trainer(
            accelerator=settings.device,
            devices=1,
            precision=precision_of(settings),
            max_epochs=settings.epochs,
            callbacks=callbacks,
            plugins=[SafetensorsIO()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            deterministic="warn",
            default_root_dir=folder,
        )


def device_of(settings: TrainSettings) -> torch.device:
    """Where a network is trained; raises ConfigError where a GPU is asked for and there is none."""
    if settings.device == "gpu" and not torch.cuda.is_available():
        raise ConfigError("train.device=gpu, but PyTorch finds no GPU here; use auto or cpu")
    return torch.device("cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu")


def precision_of(settings: TrainSettings) -> str:
    """Lightning's name of the precision that a network is trained in."""
    names = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
    if settings.precision != "auto":
        return names[settings.precision]
    if device_of(settings).type == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return "bf16-mixed" if fast_bfloat16() else "32-true"


@cache
def fast_bfloat16() -> bool:
    """Whether this processor multiplies matrices faster in bfloat16 than in single precision: by half at least.

    It is tried out: of two processors with AVX-512 BF16 one is twice as fast at it, the other half as fast. What is
    found holds for this machine from then on, so that a training goes on as it began.
    """
    if not (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()):
        return False
    found = cache_root() / f"fast-bfloat16-{digest(f'{platform.node()} {torch.__version__}'.encode())[:12]}"
    with suppress(OSError):
        return found.read_bytes() == b"1"
    fast = _tried_bfloat16()
    with suppress(StoreError):
        write_bytes(found, b"1" if fast else b"0")
    return fast


def _tried_bfloat16() -> bool:
    single = torch.ones(512, 512)
    half = single.bfloat16()
    times = [(_seconds_of_product(single), _seconds_of_product(half)) for _ in range(5)]
    return min(slow for slow, _ in times) >= 1.5 * min(fast for _, fast in times)


def _seconds_of_product(matrix: torch.Tensor) -> float:
    begin = time.perf_counter()
    matrix @ matrix
    return time.perf_counter() - begin


def _run(trainer, module, train_loader, validation_loader, checkpoint: Path | None) -> None:
    try:
        with flushed_denormals():
            trainer.fit(module, train_loader, validation_loader, ckpt_path=checkpoint)
    except SystemExit as stop:  # how Lightning answers Ctrl-C
        raise KeyboardInterrupt from stop


def _finished(last: Path, settings: TrainSettings, validated: bool) -> bool:
    """Whether the last checkpoint is that of a training that had nothing left to do."""
    if not last.exists():
        return False
    checkpoint = SafetensorsIO().load_checkpoint(last)
    if checkpoint["epoch"] + 1 >= settings.epochs or not validated:
        return checkpoint["epoch"] + 1 >= settings.epochs
    return _callback_state(last, "EarlyStopping")["wait_count"] >= settings.waits


def _callback_state(last: Path, name: str) -> dict:
    states = SafetensorsIO().load_checkpoint(last)["callbacks"]
    return next(state for key, state in states.items() if key.startswith(name))


def state_of(checkpoint: Path, part: str) -> dict[str, torch.Tensor]:
    """State of a part of the module that a checkpoint is of."""
    state = SafetensorsIO().load_checkpoint(checkpoint)["state_dict"]
    prefix = f"{part}."
    return {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}


class _quiet:
    """Keep Lightning's advice about loggers, workers and hardware out of the user's way."""

    def __enter__(self):
        self.levels = {name: logging.getLogger(name).level for name in ("lightning.pytorch", "lightning.fabric")}
        for name in self.levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        self.warnings = warnings.catch_warnings()
        self.warnings.__enter__()
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*(num_workers|logging interval|lr_scheduler.step).*")

    def __exit__(self, *details):
        self.warnings.__exit__(*details)
        for name, level in self.levels.items():
            logging.getLogger(name).setLevel(level)
