"""Train one network on one fold of one representation, resumably."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from safetensors.torch import load_file, save_file

from tembr.augment import AugmentSettings
from tembr.errors import ConfigError, StoreError
from tembr.features.picture import PictureSettings
from tembr.features.registry import Representation
from tembr.features.settings import FeatureSettings
from tembr.features.store import WAVEFORM, FeatureTable
from tembr.files import atomic_write
from tembr.train.checkpoint import SafetensorsIO
from tembr.train.data import FeatureDataset, evaluation_loader, training_loader
from tembr.train.history import History, Steps
from tembr.train.module import AudioClassifier, TrainingModule
from tembr.train.settings import TrainSettings


@dataclass(frozen=True)
class Recipe:
    """All that decides how a member is made, but for the data."""

    representation: Representation
    classes: int
    features: FeatureSettings
    pictures: PictureSettings
    augment: AugmentSettings
    train: TrainSettings

    def classifier(self) -> AudioClassifier:
        """An untrained classifier."""
        train = self.train
        return AudioClassifier(
            self.representation, self.features, self.pictures, self.classes, train.network, train.dropout
        )

    @property
    def table_name(self) -> str:
        """Name of the table in the store that training reads."""
        augment = self.augment
        return WAVEFORM if augment.enabled and augment.waveform.enabled else self.representation.name


@dataclass(frozen=True)
class Trained:
    """A trained member.

    Attributes:
        posteriors: of the test recordings, `(n, classes)`, rows sum to 1.
        history: a row an epoch, see `history.COLUMNS`.
        parameters: trainable numbers.
    """

    posteriors: np.ndarray
    history: list[dict]
    parameters: int


def fit(
    recipe: Recipe,
    table: FeatureTable,
    classes: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray, np.ndarray],
    folder: Path,
    on_epoch: Callable[[dict], None] = lambda row: None,
    on_step: Callable[[int, int, int], None] = lambda epoch, done, total: None,
) -> Trained:
    """Train on one fold and predict its test part; continues from the last finished epoch if there is one.

    Leaves `history.csv` and `model.safetensors` (the state with the lowest validation loss, or the last one:
    `TrainSettings.keep`) in `folder`, and the checkpoints, for `discard_checkpoints` once the result is safe.

    Args:
        recipe: what to train and how.
        table: values of all recordings.
        classes: `(recordings,)` int, class of each.
        parts: indices of train, validation and test recordings. Statistics and early stopping see the first two.
        on_epoch: told each epoch's row.
        on_step: told epoch, batches done and batches of it.

    Raises:
        KeyboardInterrupt: stopped by the user; the same call continues.
        StoreError: nothing could be written, or a checkpoint is damaged.
    """
    train, validation, test = (FeatureDataset(table, classes, indices) for indices in parts)
    size, settings = recipe.train.batch_size, recipe.train
    lightning.seed_everything(settings.seed, verbose=False)
    classifier = recipe.classifier()
    module = _module(recipe, classifier, train)
    history = History(folder / "history.csv", on_epoch)
    best = ModelCheckpoint(folder, "best", monitor="val_loss", save_weights_only=True, enable_version_counter=False)
    latest = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    stopping = EarlyStopping("val_loss", patience=settings.waits, check_finite=False)
    trainer = _trainer(settings, folder, [history, Steps(on_step), stopping, best, latest], settings.epochs)
    last = folder / "last.ckpt"
    with _quiet():
        if not _finished(last, settings):
            loaders = training_loader(train, size, settings.seed), evaluation_loader(validation, 2 * size)
            _run(trainer, module, *loaders, last if last.exists() else None)
        else:
            history.load_state_dict(_callback_state(last, "History"))
        classifier.load_state_dict(_state(folder / f"{settings.keep}.ckpt"))
        posteriors = torch.cat(trainer.predict(module, evaluation_loader(test, 2 * size))).float().numpy()
    save_classifier(classifier, folder / "model.safetensors")
    parameters = sum(p.numel() for p in classifier.parameters() if p.requires_grad)
    return Trained(posteriors, history.rows, parameters)


def refit(
    recipe: Recipe,
    table: FeatureTable,
    classes: np.ndarray,
    indices: np.ndarray,
    folder: Path,
    epochs: int,
    on_epoch: Callable[[dict], None] = lambda row: None,
    on_step: Callable[[int, int, int], None] = lambda epoch, done, total: None,
) -> None:
    """Train on all of `indices` for `epochs`, nothing kept aside: for a model to ship, once its recipe is measured.

    No early stopping and no validation: the last state is kept, and a 'plateau' schedule keeps its first rate.
    Leaves `model.safetensors` and `history.csv` in `folder`; interrupted, the same call continues.

    Raises:
        KeyboardInterrupt, StoreError: as `fit`.
    """
    train, settings = FeatureDataset(table, classes, indices), recipe.train
    lightning.seed_everything(settings.seed, verbose=False)
    classifier = recipe.classifier()
    module = _module(recipe, classifier, train)
    last = folder / "last.ckpt"
    checkpoint = ModelCheckpoint(folder, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    callbacks = [History(folder / "history.csv", on_epoch), Steps(on_step), checkpoint]
    with _quiet():
        trainer = _trainer(settings, folder, callbacks, epochs)
        loader = training_loader(train, settings.batch_size, settings.seed)
        _run(trainer, module, loader, None, last if last.exists() else None)
    save_classifier(classifier, folder / "model.safetensors")
    discard_checkpoints(folder)


def discard_checkpoints(folder: Path) -> None:
    """Remove what only an interrupted training needs."""
    for name in ("last.ckpt", "best.ckpt"):
        (folder / name).unlink(missing_ok=True)


def save_classifier(classifier: AudioClassifier, path: Path) -> None:
    """Write a classifier's state, training statistics included, as safetensors."""
    state = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file(state, temporary)


def load_classifier(recipe: Recipe, path: Path) -> AudioClassifier:
    """A trained classifier in evaluation mode, from `model.safetensors`.

    Raises:
        StoreError: the file is missing, damaged, or of another recipe.
    """
    classifier = recipe.classifier()
    try:
        classifier.load_state_dict(load_file(path))
    except Exception as error:
        raise StoreError(f"{path}: not the weights of this recipe ({error}); train it again") from error
    return classifier.eval()


def _module(recipe: Recipe, classifier: AudioClassifier, train: FeatureDataset) -> TrainingModule:
    statistics = train
    if recipe.table_name == WAVEFORM:
        statistics = _Extracted(train, recipe)
    classifier.picture.fit(values for values, _ in evaluation_loader(statistics, 128))
    if recipe.train.channels_last:
        classifier.network.to(memory_format=torch.channels_last)
    scale = _row_deviation(statistics)
    return TrainingModule(
        classifier,
        recipe.representation,
        recipe.features,
        recipe.augment,
        recipe.train,
        recipe.classes,
        scale,
    )


class _Extracted(torch.utils.data.Dataset):
    """Representation of cached waveforms, computed one by one; for the training statistics."""

    def __init__(self, waveforms: FeatureDataset, recipe: Recipe):
        self.waveforms, self.recipe = waveforms, recipe

    def __len__(self) -> int:
        return len(self.waveforms)

    @property
    def ragged(self) -> bool:
        return self.waveforms.ragged

    def __getitem__(self, position: int):
        from tembr.features.extract import extract

        waveform, label = self.waveforms[position]
        settings, name = self.recipe.features, self.recipe.representation.name
        return extract(waveform, settings.sample_rate, name, settings=settings)[0], label


def _row_deviation(dataset: torch.utils.data.Dataset, most: int = 512) -> torch.Tensor:
    """Deviation of every row over time and (at most `most`) training recordings, `(bins, 1)`."""
    chosen = np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(int)
    frames = torch.cat([dataset[index][0] for index in chosen], dim=-1)
    return frames.std(-1, keepdim=True, correction=0)


def _trainer(
    settings: TrainSettings, folder: Path, callbacks: list[lightning.Callback], epochs: int
) -> lightning.Trainer:
    if settings.device == "gpu" and not torch.cuda.is_available():
        raise ConfigError("train.device=gpu, but PyTorch finds no GPU here; use auto or cpu")
    with _quiet():
        return lightning.Trainer(
            accelerator=settings.device,
            devices=1,
            precision=_precision(settings),
            max_epochs=epochs,
            callbacks=callbacks,
            plugins=[SafetensorsIO()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            deterministic="warn",
            default_root_dir=folder,
        )


def _on_gpu(settings: TrainSettings) -> bool:
    return settings.device != "cpu" and torch.cuda.is_available()


def _precision(settings: TrainSettings) -> str:
    names = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
    if settings.precision != "auto":
        return names[settings.precision]
    if _on_gpu(settings):
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "16-mixed"
    return "bf16-mixed" if fast_bfloat16() else "32-true"


def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 natively (AMX or AVX-512 BF16)."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def _run(trainer, module, train_loader, validation_loader, checkpoint: Path | None) -> None:
    try:
        trainer.fit(module, train_loader, validation_loader, ckpt_path=checkpoint)
    except SystemExit as stop:  # how Lightning answers Ctrl-C
        raise KeyboardInterrupt from stop


def _finished(last: Path, settings: TrainSettings) -> bool:
    """Whether the last checkpoint is that of a training that had nothing left to do."""
    if not last.exists():
        return False
    checkpoint = SafetensorsIO().load_checkpoint(last)
    waited = _callback_state(last, "EarlyStopping")["wait_count"]
    return checkpoint["epoch"] + 1 >= settings.epochs or waited >= settings.waits


def _callback_state(last: Path, name: str) -> dict:
    states = SafetensorsIO().load_checkpoint(last)["callbacks"]
    return next(state for key, state in states.items() if key.startswith(name))


def _state(checkpoint: Path) -> dict[str, torch.Tensor]:
    state = SafetensorsIO().load_checkpoint(checkpoint)["state_dict"]
    prefix = "classifier."
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
