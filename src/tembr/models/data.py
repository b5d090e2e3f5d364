"""The recordings of a fold, as a member is fitted on them: where they come from does not show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureTable

BATCH = 64  # recordings


@dataclass(frozen=True, eq=False)
class FoldData:
    """What one fitting may learn from; n recordings in all, of which it sees `train` and `validation`.

    Attributes:
        labels: emotions to tell apart, those of the target corpus.
        features: settings of the study.
        tables: input → values of all n recordings.
        classes: `(n,)` int, index into `labels`; -1 where an auxiliary corpus has an emotion beside them.
        speakers: `(n,)` text; the same name in two corpora never happens. Copies of a recording through a degradation
            belong to a speaker of their own.
        corpora: `(n,)` int; 0 is the target.
        train: `(k,)` indices of recordings to learn from: target, auxiliary corpora and copies.
        validation: `(m,)` indices, target alone; for early stopping, or to learn from as well. May be empty.
        folder: for checkpoints of a training.
        channels: `(n,)` text, the degradation of a copy, '' for recordings as they are; by default all are.
        originals: `(n,)` int, of which each is a copy: of itself where it is none.
        moments: what was found of the other corpora, which are the same in every fold; filled as it is needed.
    """

    labels: tuple[str, ...]
    features: FeatureSettings
    tables: Mapping[Input, FeatureTable]
    classes: np.ndarray
    speakers: np.ndarray
    corpora: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    folder: Path
    channels: np.ndarray | None = None
    originals: np.ndarray | None = None
    moments: dict[tuple[Input, bytes], Any] = field(default_factory=dict)

    def through(self, indices: np.ndarray) -> np.ndarray:
        """Channels of the recordings at `indices`."""
        return np.full(len(indices), "") if self.channels is None else self.channels[indices]

    @property
    def labelled(self) -> np.ndarray:
        """Indices to learn emotions from for kinds that need no validation: train and validation part, `(k,)`."""
        indices = np.concatenate([self.train, self.validation])
        return indices[self.classes[indices] >= 0]

    @property
    def target(self) -> np.ndarray:
        """The same, of the target corpus alone."""
        return self.labelled[self.corpora[self.labelled] == 0]


def mean_over_time(table: FeatureTable, indices: np.ndarray) -> np.ndarray:
    """Time-mean of each bin of the recordings at `indices`, `(n, bins)`."""
    return np.stack([table[int(index)].mean(axis=-1) for index in indices])


def batches(
    tables: Mapping[Input, FeatureTable], inputs: Sequence[Input], indices: np.ndarray
) -> Iterator[list[torch.Tensor]]:
    """Values `(batch, bins, frames)` of each input, recordings of one length together, in order of `indices`."""
    for start in range(0, len(indices), BATCH):
        part = indices[start : start + BATCH]
        while len(part):
            size = _alike(tables, inputs, part)
            values = [np.stack([tables[one][int(index)] for index in part[:size]]) for one in inputs]
            yield [torch.from_numpy(np.ascontiguousarray(v)) for v in values]
            part = part[size:]


def _alike(tables: Mapping[Input, FeatureTable], inputs: Sequence[Input], indices: np.ndarray) -> int:
    """How many of `indices` from the first on have values of the first one's length."""
    shapes = [tuple(tables[one][int(index)].shape for one in inputs) for index in indices]
    return next((k for k, shape in enumerate(shapes) if shape != shapes[0]), len(shapes))
