"""Cached representations as batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from tembr.features.store import FeatureTable

Item = tuple[torch.Tensor, int]


class FeatureDataset(Dataset):
    """Values `(bins, frames)` and class of the recordings at `indices` of a table."""

    def __init__(self, table: FeatureTable, classes: np.ndarray, indices: np.ndarray):
        self.table, self.classes, self.indices = table, classes, indices

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def ragged(self) -> bool:
        """Whether recordings differ in length."""
        return len({self.table[int(index)].shape[-1] for index in self.indices}) > 1

    def __getitem__(self, position: int) -> Item:
        index = int(self.indices[position])
        return torch.from_numpy(np.array(self.table[index])), int(self.classes[index])


def collate(items: Sequence[Item]) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack recordings to `(batch, bins, frames)` and `(batch,)`.

    Shorter ones are padded by beginning anew (`np.pad(mode="wrap")`): no value is invented that normalisation per
    recording would then take for part of the voice, and it suits waveforms and decibels alike.
    """
    longest = max(values.shape[-1] for values, _ in items)
    padded = [_padded(values, longest) for values, _ in items]
    return torch.stack(padded), torch.tensor([label for _, label in items])


def _padded(values: torch.Tensor, frames: int) -> torch.Tensor:
    if values.shape[-1] == frames:
        return values
    return values.repeat(1, -(-frames // values.shape[-1]))[:, :frames]


class EpochSampler(Sampler[int]):
    """A random order that depends on the seed and the epoch alone, so that a resumed run sees the same one."""

    def __init__(self, size: int, seed: int):
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning at the start of every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng([self.seed, self.epoch]).permutation(self.size).tolist())


def training_loader(dataset: Dataset, batch_size: int, seed: int) -> DataLoader:
    """Shuffled batches; a last batch of one, which batch normalisation cannot take, is left out."""
    alone = len(dataset) > batch_size and len(dataset) % batch_size == 1
    sampler = EpochSampler(len(dataset), seed)
    return DataLoader(dataset, batch_size, sampler=sampler, collate_fn=collate, drop_last=alone)


def evaluation_loader(dataset: FeatureDataset, batch_size: int) -> DataLoader:
    """Batches in the dataset's order; one by one where lengths differ, so that no answer depends on its neighbours."""
    return DataLoader(dataset, 1 if dataset.ragged else batch_size, shuffle=False, collate_fn=collate)
