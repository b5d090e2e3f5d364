"""A small network taught by a frozen encoder's states and what they say of emotions: kind `distilled`."""

from __future__ import annotations

import copy
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from tembr.errors import ConfigError
from tembr.features.encoder import load_encoder
from tembr.features.layers import WhisperLayers
from tembr.features.settings import FeatureSettings
from tembr.models.base import Outputs, register
from tembr.models.data import FoldData
from tembr.models.encoder import PooledHead
from tembr.models.log_mel import LogMelSettings
from tembr.models.student import StudentEncoder
from tembr.progress import Progress


@register
class DistilledSettings(LogMelSettings):
    """A student that imitates the states of a frozen Whisper encoder's layers, by frame and on the mean over time.

    What these states say of emotions, by the linear classifiers of the kind `encoder`, is imitated too (Hinton et al.,
    2015), on every recording that is learnt from, whatever its emotion: a label is not needed for that. The teacher
    hears the same augmented spectrogram.

    Attributes:
        blocks, feedforward, rank: of the student, see `StudentEncoder`.
    """

    kind: Literal["distilled"] = "distilled"
    blocks: int = Field(2, ge=1, le=32)
    feedforward: int = Field(1_024, ge=16)
    rank: int = Field(128, ge=1)

    embeds: ClassVar[bool] = True

    def describe(self) -> str:
        return f"{self.blocks} block{'s' * (self.blocks > 1)} taught by {self.encoder_name}"

    def check(self, features: FeatureSettings) -> None:
        super().check(features)
        if self.blocks > load_encoder(self.encoder).layers:
            raise ConfigError(f"{self.name}: blocks = {self.blocks}, but the encoder has fewer layers; choose less")

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        encoder = load_encoder(self.encoder)
        size = len(self.layers) * encoder.hidden
        student = StudentEncoder(copy.deepcopy(encoder.model).cpu(), self.blocks, self.feedforward, self.rank, size)
        heads = [PooledHead(encoder.hidden, labels) for _ in self.layers]
        return DistilledModule(student, heads, size)

    def fit(self, module: DistilledModule, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        from tembr.train.distillation import distill  # Lightning takes seconds to import
        from tembr.train.log_mel import pooled_states

        table = data.tables[self.inputs(data.features)[0]]
        learnt = np.concatenate([data.train, data.validation])

        def on_pooled(done: int, total: int) -> None:
            progress.count(f"{self.name} · teacher", done, total)

        def on_step(epoch: int, done: int, total: int) -> None:
            progress.count(f"{self.name} · epoch {epoch}", done, total)

        teacher = self._teacher(self.inputs(data.features)[0].samples)
        pooled = pooled_states(teacher, table, learnt, self.train, on_pooled)
        module.take(pooled)
        self.fit_heads(module.heads, pooled, learnt, data)
        return distill(self, module, teacher, table, learnt, seed, data.folder, progress.row, on_step)

    def _teacher(self, samples: int) -> WhisperLayers:
        encoder = load_encoder(self.encoder)
        return WhisperLayers(encoder.model, encoder.extractor, self.layers, samples).eval()


class DistilledModule(nn.Module):
    """Log-mel spectrogram → the mean of the heads' logits on imitated pooled states, which are the embedding.

    Args:
        student: see there.
        heads: of every layer.
        size: of an imitated state: all layers' in a row.
    """

    def __init__(self, student: StudentEncoder, heads: list[PooledHead], size: int):
        super().__init__()
        self.student, self.heads = student, nn.ModuleList(heads)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))

    def take(self, pooled: np.ndarray) -> None:
        """Set the unit of imitation to the mean and deviation of pooled states `(n, size)`."""
        self.mean.copy_(torch.from_numpy(pooled.mean(0)))
        self.deviation.copy_(torch.from_numpy(pooled.std(0) + 1e-3))

    def forward(self, log_mel: torch.Tensor) -> Outputs:
        """`(batch, bands, frames)` → `(batch, labels)`, `(batch, size)`."""
        pooled = self.student.widen(self.student(log_mel).mean(1)) * self.deviation + self.mean
        return self.answers(pooled).mean(0), pooled

    def answers(self, pooled: torch.Tensor) -> torch.Tensor:
        """Pooled states `(batch, size)` → logits of each head, `(heads, batch, labels)`."""
        size = self.heads[0].mean.numel()
        layers = pooled.split(size, dim=1)
        return torch.stack([head(one) for head, one in zip(self.heads, layers, strict=True)])
