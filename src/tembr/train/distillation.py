"""Teach a narrow encoder what a wide one says: what Lightning trains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import lightning
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from tembr.features.layers import WhisperLayers, frame_mask, halved
from tembr.features.store import FeatureTable
from tembr.train.encoder_module import EncoderModule
from tembr.train.fit import run, state_of
from tembr.train.log_mel import Batch, Crops, CropSampler, Lessons, another_beside, another_voice, together
from tembr.train.pooling import mean_over_time

FRAMES = 0.3
"""What the error of single frames counts, of which that of their mean over time is 1."""

SHRINKAGE = 0.05
"""Of the covariance of pooled states towards its diagonal."""


class Mixing(Lessons, Protocol):
    """How a student is taught: as other encoders, and on a share `beside` of recordings with another one added."""

    beside: float


def distill(
    settings: Mixing,
    student: WhisperLayers,
    readout: nn.Linear,
    teacher: WhisperLayers,
    scales: tuple[torch.Tensor, torch.Tensor],
    table: FeatureTable,
    indices: np.ndarray,
    seed: int,
    folder: Path,
    on_epoch: Callable[[dict], None],
    on_step: Callable[[int, int, int], None],
) -> list[dict]:
    """Train a student in place for all epochs; continues from the last finished one.

    Args:
        settings, student, readout, teacher, scales: as `Distillation` takes them.
        table: log-mel spectrograms of all recordings, `(bands, frames)` each.
        indices: of the recordings it learns from.
        folder, on_epoch, on_step: as `tembr.train.fit.fit` takes them.

    Returns:
        a row an epoch, see `history.COLUMNS`.
    """
    lightning.seed_everything(seed, verbose=False)
    train = settings.train
    crops = Crops.of(table, indices, settings.crop)
    sampler = CropSampler(len(crops), seed)
    loader = DataLoader(crops, train.batch_size, sampler=sampler, collate_fn=together)
    module = Distillation(settings, student, readout, teacher, scales, seed)
    rows = run(module, loader, None, train, folder, on_epoch, on_step)
    student.load_state_dict(state_of(folder / "last.ckpt", "student"))
    return rows


def scales_of(pooled: np.ndarray, speakers: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Units that errors are measured in: what moves within a speaker's recordings.

    Emotions differ in directions in which states hardly vary; an error there is as bad as elsewhere, for linear
    discriminants weigh them alike.

    Args:
        pooled: the teacher's states, `(n, size)`.
        speakers: `(n,)` text.

    Returns:
        the deviation of each channel, `(size,)`, and the inverse root of the covariance, `(size, size)`.
    """
    _, voices = np.unique(speakers, return_inverse=True)
    means = np.stack([pooled[voices == voice].mean(0) for voice in range(voices.max() + 1)])
    covariance = np.cov((pooled - means[voices]).T.astype(np.float64))
    deviation = np.sqrt(np.diag(covariance)) + 1e-3
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.diag(deviation**2)
    values, directions = np.linalg.eigh(shrunk)
    whitening = (directions / np.sqrt(values)) @ directions.T
    return torch.from_numpy(deviation).float(), torch.from_numpy(whitening).float()


class Distillation(EncoderModule):
    """Errors, augmentation and optimiser around a student.

    Args:
        settings, seed: see `EncoderModule`.
        student: its last layer is taught, all of it is trained.
        readout: from the student's states to the teacher's; trained besides.
        teacher: gives the states of one layer to imitate; not part of a checkpoint.
        scales: units of errors, see `scales_of`.
    """

    def __init__(
        self,
        settings: Mixing,
        student: WhisperLayers,
        readout: nn.Linear,
        teacher: WhisperLayers,
        scales: tuple[torch.Tensor, torch.Tensor],
        seed: int,
    ):
        super().__init__(settings, seed)
        self.student, self.readout = student, readout
        for name, values in zip(("deviation", "whitening"), scales, strict=True):
            self.register_buffer(name, values, persistent=False)
        student.requires_grad_(True)
        self._teacher = (teacher,)

    def configure_optimizers(self):
        train = self.settings.train
        trained = [*self.student.parameters(), *self.readout.parameters()]
        return torch.optim.AdamW(trained, train.learning_rate, weight_decay=train.weight_decay)

    def on_fit_start(self) -> None:
        self._teacher[0].to(self.device)

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        log_mel, frames = batch
        with torch.no_grad():
            generator = self.seeded(index)
            log_mel = another_voice(log_mel, self.settings, generator)
            if self.settings.beside:
                log_mel = another_beside(log_mel, frames, self.settings.beside, generator)
            states = self._teacher[0].from_log_mel(log_mel, frames)[0].float()
        loss = self.error(self.student.from_log_mel(log_mel, frames)[0].float(), states, frames)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(frames))
        return loss

    def error(self, found: torch.Tensor, states: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """How far a student is off.

        Args:
            found: its states, `(batch, ceil(frames / 2), hidden)`.
            states: the teacher's, `(batch, ceil(frames / 2), size)`.
            frames: `(batch,)` int, of the spectrograms.
        """
        count = halved(frames)
        mask = frame_mask(count, found.shape[1])[..., None].float()
        apart = ((self.readout(found).float() - states) / self.deviation).square() * mask
        frame = apart.sum() / mask.sum() / states.shape[-1]
        off = self.readout(mean_over_time(found, count)).float() - mean_over_time(states, count)
        return FRAMES * frame + (off @ self.whitening).square().mean()
