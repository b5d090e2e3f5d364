"""Recordings as a Whisper encoder is trained on them: stretches of log-mel spectrograms, varied, and pooled states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset

from tembr.augment.representations import equalize, warp
from tembr.features.layers import HOP_LENGTH, WhisperLayers, frame_mask, halved
from tembr.features.store import FeatureTable
from tembr.train.data import EpochSampler
from tembr.train.fit import device_of, precision_of
from tembr.train.settings import TrainSettings

DECIBELS = 40.0
"""Of a step of 1 in Whisper's log-mel spectrogram."""

SAMPLE_RATE = 16_000  # Hz, of every Whisper

Batch = tuple[torch.Tensor, torch.Tensor]
"""Log-mel spectrograms `(batch, bands, frames)` and how many frames belong to each recording, `(batch,)` int."""


class Lessons(Protocol):
    """What is heard in training: `crop` s of a recording at once, with `warp` (share) and `equalize` (dB)."""

    crop: float
    warp: float
    equalize: float
    train: TrainSettings


def another_voice(log_mel: torch.Tensor, settings: Lessons, generator: torch.Generator) -> torch.Tensor:
    """Spectrograms `(batch, bands, frames)` as of other throats and through other microphones, each its own."""
    log_mel = warp(log_mel, settings.warp, 0.0, generator)
    return equalize(log_mel, settings.equalize / DECIBELS, generator)


def mean_over_time(states: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """Mean of the first `frames`, `(batch,)` int, of states `(batch, frames, size)`: `(batch, size)`."""
    mask = frame_mask(frames, states.shape[1])[..., None].to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1)


@torch.no_grad()
def pooled_states(
    teacher: WhisperLayers,
    table: FeatureTable,
    indices: np.ndarray,
    train: TrainSettings,
    on_batch: Callable[[int, int], None],
) -> np.ndarray:
    """Means over time of a teacher's states, all layers' in a row, `(n, size)` float32, as the trainer computes."""
    device = device_of(train)
    teacher.to(device)
    order = np.argsort([table[int(index)].shape[-1] for index in indices], kind="stable")
    found: list[torch.Tensor] = []
    for start in range(0, len(order), train.batch_size):
        values = [torch.from_numpy(np.array(table[int(index)])) for index in indices[order[start:][: train.batch_size]]]
        log_mel, frames = (one.to(device) for one in together(values))
        with torch.autocast(device.type, torch.bfloat16, enabled=precision_of(train) == "bf16-mixed"):
            states = torch.cat(teacher.from_log_mel(log_mel, frames), dim=-1)
        found.append(mean_over_time(states.float(), halved(frames)).cpu())
        on_batch(min(start + train.batch_size, len(order)), len(order))
    return torch.cat(found).numpy()[np.argsort(order)]


class Crops(Dataset):
    """Stretches of log-mel spectrograms, `(bands, frames)`; an item is a position and where it begins, 0 to 1."""

    def __init__(self, table: FeatureTable, indices: np.ndarray, frames: int):
        self.table, self.indices, self.frames = table, indices, frames

    @classmethod
    def of(cls, table: FeatureTable, indices: np.ndarray, seconds: float) -> Self:
        """Stretches of `seconds` of the recordings at `indices` of a table."""
        return cls(table, indices, round(seconds * SAMPLE_RATE / HOP_LENGTH))

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
