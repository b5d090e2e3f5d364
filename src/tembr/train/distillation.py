"""Teach a student by a frozen encoder: what Lightning trains, and the recordings it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tembr.augment.representations import equalize, warp
from tembr.features.layers import HOP_LENGTH, WhisperLayers, frame_mask, halved, mean_of_pairs
from tembr.features.store import FeatureTable
from tembr.train.data import EpochSampler
from tembr.train.fit import run, state_of
from tembr.train.module import one_cycle
from tembr.train.settings import TrainSettings

DECIBELS = 40.0
"""Of a step of 1 in Whisper's log-mel spectrogram."""

FRAMES, POOLED, LOGITS, SOFT = 0.3, 3.0, 0.25, 1.0
"""Weights of the errors: of frames, of their mean over time, of the heads' logits, and of softened probabilities."""

TEMPERATURE = 2.0


class Lessons(Protocol):
    """How a student is taught: `crop` s of a recording at once, `warp` (share) and `equalize` (dB) as augmentation."""

    crop: float
    warp: float
    equalize: float
    train: TrainSettings


Batch = tuple[torch.Tensor, torch.Tensor]
"""Log-mel spectrograms `(batch, bands, frames)` and how many frames belong to each recording, `(batch,)` int."""


def distill(
    settings: Lessons,
    module: nn.Module,
    teacher: WhisperLayers,
    table: FeatureTable,
    indices: np.ndarray,
    seed: int,
    folder: Path,
    on_epoch: Callable[[dict], None],
    on_step: Callable[[int, int, int], None],
) -> list[dict]:
    """Train the student of a module in place for all epochs; continues from the last finished one.

    Args:
        settings, module, teacher: as `Distillation` takes them.
        table: log-mel spectrograms of all recordings, `(bands, frames)` each.
        indices: of the recordings it learns from.
        folder, on_epoch, on_step: as `tembr.train.fit.fit` takes them.

    Returns:
        a row an epoch, see `history.COLUMNS`.
    """
    lightning.seed_everything(seed, verbose=False)
    train = settings.train
    crops = Crops(table, indices, round(settings.crop * 16_000 / HOP_LENGTH))
    sampler = CropSampler(len(crops), seed)
    loader = DataLoader(crops, train.batch_size, sampler=sampler, collate_fn=together)
    rows = run(Distillation(settings, module, teacher, seed), loader, None, train, folder, on_epoch, on_step)
    module.load_state_dict(state_of(folder / "last.ckpt", "module"))
    return rows


class Distillation(lightning.LightningModule):
    """Errors, augmentation and optimiser around a student.

    What is random in a step depends on the seed, the epoch and the step alone.

    Args:
        settings: how it is taught.
        module: of it, `student` is trained, whose `widen` gives imitated states in the unit of `mean` and `deviation`
            (of pooled states); `answers` are the heads' logits on pooled states.
        teacher: gives the states to imitate; not part of a checkpoint.
        seed: of all that is random.
    """

    def __init__(self, settings: Lessons, module: nn.Module, teacher: WhisperLayers, seed: int):
        super().__init__()
        self.module, self.seed, self.settings = module, seed, settings
        self._teacher = (teacher,)

    def configure_optimizers(self):
        train = self.settings.train
        return torch.optim.AdamW(self.module.student.parameters(), train.learning_rate, weight_decay=train.weight_decay)

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        self.clip_gradients(optimizer, gradient_clip_val=1.0, gradient_clip_algorithm="norm")

    def on_fit_start(self) -> None:
        self._teacher[0].to(self.device)

    def on_train_batch_start(self, batch, index) -> None:
        share = self.global_step / (self.trainer.max_epochs * self.trainer.num_training_batches)
        for group in self.optimizers().param_groups:
            group["lr"] = self.settings.train.learning_rate * one_cycle(share)

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        log_mel, frames = batch
        seed = (self.seed * 100_003 + self.current_epoch) * 100_003 + index
        generator = torch.Generator(self.device).manual_seed(seed)
        with torch.no_grad():
            log_mel = warp(log_mel, self.settings.warp, 0.0, generator)
            log_mel = equalize(log_mel, self.settings.equalize / DECIBELS, generator)
            states = torch.cat(self._teacher[0].from_log_mel(log_mel, frames), dim=-1).float()
        loss = self.error(self.module.student(log_mel, frames), states, frames)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(frames))
        return loss

    def error(self, found: torch.Tensor, states: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """How far a student is off.

        Args:
            found: its states, `(batch, frames // 4, rank)`.
            states: the teacher's, `(batch, ceil(frames / 2), size)`.
            frames: `(batch,)` int, of the spectrograms.
        """
        module = self.module
        pairs = halved(frames) // 2
        mask = frame_mask(pairs, found.shape[1])[..., None].float()
        wanted = mean_over_time(states, halved(frames))
        given = module.student.widen(mean_over_time(found.float(), pairs)).float()
        standard = (mean_of_pairs(states) - module.mean) / module.deviation
        apart = (module.student.widen(found).float() - standard).square() * mask
        frame = apart.sum() / mask.sum() / apart.shape[-1]
        pooled = (given - (wanted - module.mean) / module.deviation).square().mean()
        said, taught = (centred(module.answers(p)) for p in (given * module.deviation + module.mean, wanted))
        soft = F.kl_div(
            (said.mean(0) / TEMPERATURE).log_softmax(-1),
            (taught.mean(0) / TEMPERATURE).log_softmax(-1),
            log_target=True,
            reduction="batchmean",
        )
        return FRAMES * frame + POOLED * pooled + LOGITS * (said - taught).square().mean() + SOFT * soft


def centred(logits: torch.Tensor) -> torch.Tensor:
    """Logits without what they have in common, which says nothing."""
    return logits - logits.mean(-1, keepdim=True)


def mean_over_time(states: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """Mean of the first `frames`, `(batch,)` int, of states `(batch, frames, size)`: `(batch, size)`."""
    mask = frame_mask(frames, states.shape[1])[..., None].to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1)


@torch.inference_mode()
def pooled_states(
    teacher: WhisperLayers,
    table: FeatureTable,
    indices: np.ndarray,
    train: TrainSettings,
    on_batch: Callable[[int, int], None],
) -> np.ndarray:
    """Means over time of a teacher's states, all layers' in a row, `(n, size)` float32, on the trainer's device."""
    device = torch.device("cuda" if train.device != "cpu" and torch.cuda.is_available() else "cpu")
    teacher.to(device)
    order = np.argsort([table[int(index)].shape[-1] for index in indices], kind="stable")
    found: list[torch.Tensor] = []
    for start in range(0, len(order), train.batch_size):
        values = [torch.from_numpy(np.array(table[int(index)])) for index in indices[order[start:][: train.batch_size]]]
        log_mel, frames = (one.to(device) for one in together(values))
        states = torch.cat(teacher.from_log_mel(log_mel, frames), dim=-1)
        found.append(mean_over_time(states, halved(frames)).cpu())
        on_batch(min(start + train.batch_size, len(order)), len(order))
    return torch.cat(found).numpy()[np.argsort(order)]


class Crops(Dataset):
    """Stretches of log-mel spectrograms, `(bands, frames)`; an item is a position and where it begins, 0 to 1."""

    def __init__(self, table: FeatureTable, indices: np.ndarray, frames: int):
        self.table, self.indices, self.frames = table, indices, frames

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: tuple[int, float]) -> torch.Tensor:
        position, share = item
        values = self.table[int(self.indices[position])]
        first = int(share * (max(0, values.shape[-1] - self.frames) + 1))
        return torch.from_numpy(np.array(values[:, first : first + self.frames]))


class CropSampler(EpochSampler):
    """A random order and random stretches, by the seed and the epoch alone."""

    def __iter__(self) -> Iterator[tuple[int, float]]:
        shares = np.random.default_rng([self.seed, self.epoch, 1]).random(self.size)
        return iter(list(zip(super().__iter__(), shares.tolist())))


def together(values: Sequence[torch.Tensor]) -> Batch:
    """Spectrograms `(bands, frames)` as one batch, with zeros where one ends before the longest."""
    frames = torch.tensor([one.shape[-1] for one in values])
    return torch.stack([F.pad(one, (0, int(frames.max()) - one.shape[-1])) for one in values]), frames
