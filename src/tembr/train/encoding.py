"""Recordings as an encoder is trained on them: stretches of spectrograms or samples, varied, and pooled states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import Dataset

from tembr.augment.representations import equalize, warp
from tembr.features.layers import HOP_LENGTH, LOUDEST, WaveformLayers, WhisperLayers
from tembr.features.store import FeatureTable
from tembr.train.data import EpochSampler
from tembr.train.fit import device_of, precision_of
from tembr.train.pooling import Pooling
from tembr.train.settings import TrainSettings

DECIBELS = 40.0
"""Of a step of 1 in Whisper's log-mel spectrogram."""

BELOW = 2.0  # how far the lowest value of such a spectrogram lies below its maximum at most

SAMPLE_RATE = 16_000  # Hz, of every encoder there is

Layers = WhisperLayers | WaveformLayers

Batch = tuple[torch.Tensor, torch.Tensor]
"""Spectrograms, samples or states `(batch, rows, frames)`; how many frames belong to each recording, `(batch,)` int."""

Encoded = tuple[list[torch.Tensor], torch.Tensor]
"""States `(batch, frames, hidden)` of each layer and how many frames belong to each recording, `(batch,)` int."""


def another_voice(log_mel: torch.Tensor, share: float, decibels: float, generator: torch.Generator) -> torch.Tensor:
    """Spectrograms `(batch, bands, frames)` as of other throats and through other microphones, each its own.

    Args:
        share: by which frequencies are warped, at most.
        decibels: deviation of a smooth change of the spectrum.
    """
    log_mel = warp(log_mel, share, 0.0, generator)
    return leveled(equalize(log_mel, decibels / DECIBELS, generator))


def leveled(log_mel: torch.Tensor) -> torch.Tensor:
    """Spectrograms with their maximum where those of recordings have it, and no value further below than theirs."""
    return LOUDEST + (log_mel - log_mel.amax((1, 2), keepdim=True)).clamp(min=-BELOW)


def encode(encoder: Layers, stored: int | None, values: torch.Tensor, frames: torch.Tensor) -> Encoded:
    """States of the layers that an encoder gives, and how many frames of them belong to each recording.

    Args:
        stored: None where `values` are what the encoder takes, `(batch, rows, frames)`; else the layer whose states
            they are, `(batch, hidden, frames)`.
        frames: `(batch,)` int, of `values`.
    """
    if stored is None:
        return encoder.from_values(values, frames), encoder.frames_of(frames)
    return encoder.above(stored, values.transpose(1, 2), frames), frames


@torch.no_grad()
def pooled_states(
    encoder: Layers,
    table: FeatureTable,
    indices: np.ndarray,
    train: TrainSettings,
    on_batch: Callable[[int, int], None],
    pooling: Pooling,
    stored: int | None = None,
) -> np.ndarray:
    """Pooled states of an encoder, all outputs in a row, `(n, size)` float32, as the trainer computes.

    Args:
        table: what the encoder takes, or states of the layer `stored`, of all recordings.
    """
    device = device_of(train)
    encoder.to(device)
    pooling.to(device)
    order = np.argsort([table[int(index)].shape[-1] for index in indices], kind="stable")
    size = train.batch_size if encoder.masks else 1
    found: list[torch.Tensor] = []
    for start in range(0, len(order), size):
        taken = [torch.from_numpy(np.array(table[int(index)])) for index in indices[order[start:][:size]]]
        values, frames = (one.to(device) for one in together(taken))
        with torch.autocast(device.type, torch.bfloat16, enabled=precision_of(train) == "bf16-mixed"):
            states, counts = encode(encoder, stored, values, frames)
        found.append(torch.cat(pooling([one.float() for one in states], counts), dim=-1).cpu())
        on_batch(min(start + size, len(order)), len(order))
    return torch.cat(found).numpy()[np.argsort(order)]


class Crops(Dataset):
    """Stretches of what an encoder takes, `(rows, frames)`.

    An item is a position, where the stretch begins, 0 to 1, and how fast it is played, 1 being as it is.
    """

    def __init__(self, table: FeatureTable, indices: np.ndarray, frames: int):
        self.table, self.indices, self.frames = table, indices, frames

    @classmethod
    def of(cls, table: FeatureTable, indices: np.ndarray, seconds: float, hop: int = HOP_LENGTH) -> Self:
        """Stretches of `seconds` of the recordings at `indices` of a table with a column every `hop` samples."""
        return cls(table, indices, round(seconds * SAMPLE_RATE / hop))

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: tuple[int, float, float]) -> torch.Tensor:
        position, share, speed = item
        values = self.table[int(self.indices[position])]
        taken = round(speed * self.frames)
        first = int(share * (max(0, values.shape[-1] - taken) + 1))
        stretch = torch.from_numpy(np.array(values[:, first : first + taken]))
        if speed == 1:
            return stretch
        frames = min(self.frames, max(1, round(stretch.shape[-1] / speed)))
        return F.interpolate(stretch[None], frames, mode="linear")[0]


class CropSampler(EpochSampler):
    """A random order and random stretches, by the seed and the epoch alone.

    Args:
        size, seed: see `EpochSampler`.
        speed: share by which each is played faster or slower at most.
    """

    def __init__(self, size: int, seed: int, speed: float = 0.0):
        super().__init__(size, seed)
        self.speed = speed

    def __iter__(self) -> Iterator[tuple[int, float, float]]:
        shares, speeds = np.random.default_rng([self.seed, self.epoch, 1]).random((2, self.size))
        speeds = 1 + self.speed * (2 * speeds - 1)
        return iter(list(zip(super().__iter__(), shares.tolist(), speeds.tolist())))


def together(values: Sequence[torch.Tensor]) -> Batch:
    """Values `(rows, frames)` as one batch, with zeros where one ends before the longest."""
    frames = torch.tensor([one.shape[-1] for one in values])
    return torch.stack([F.pad(one, (0, int(frames.max()) - one.shape[-1])) for one in values]), frames
