"""A small network taught by a frozen encoder's states and what they say of emotions: kind `distilled`."""

from __future__ import annotations

import copy
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from tembr.errors import ConfigError
from tembr.features.encoder import load_encoder, log_mel_input
from tembr.features.inputs import Input
from tembr.features.layers import WhisperLayers
from tembr.features.settings import FeatureSettings
from tembr.models.base import MemberSettings, Outputs, register
from tembr.models.data import FoldData
from tembr.models.encoder import EncoderSettings, PooledHead
from tembr.models.student import StudentEncoder
from tembr.progress import Progress
from tembr.train.settings import TrainSettings


@register
class DistilledSettings(MemberSettings):
    """A student that imitates the states of a frozen Whisper encoder's layers, by frame and on the mean over time.

    What these states say of emotions, by the linear classifiers of the kind `encoder`, is imitated too (Hinton et al.,
    2015), on every recording that is learnt from, whatever its emotion: a label is not needed for that. The teacher
    hears the same augmented spectrogram.

    Attributes:
        encoder, layers, window, classifier, shrinkage, c: of the teacher, see `EncoderSettings`.
        emotions_from: what the teacher's classifiers learn emotions from, one set of them for each; their mean answers.
        blocks, feedforward, rank: of the student, see `StudentEncoder`.
        crop: seconds of a recording heard at once in training.
        warp: share by which the frequency axis is stretched or squeezed at most: another throat.
        equalize: dB, deviation of a random smooth change of the spectrum: another microphone.
        train: epochs, batches, learning rate and device.
    """

    kind: Literal["distilled"] = "distilled"
    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((2, 3, 4), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    classifier: Literal["discriminants", "regression"] = "discriminants"
    shrinkage: float = Field(0.1, ge=0, le=1)
    c: float = Field(0.01, gt=0)
    emotions_from: tuple[Literal["target", "all"], ...] = Field(("target", "all"), min_length=1)
    blocks: int = Field(2, ge=1, le=32)
    feedforward: int = Field(1_024, ge=16)
    rank: int = Field(128, ge=1)
    crop: float = Field(2.56, ge=0.1, le=30)
    warp: float = Field(0.1, ge=0, lt=0.5)
    equalize: float = Field(2.0, ge=0, le=40)
    train: TrainSettings = TrainSettings()

    embeds: ClassVar[bool] = True

    @property
    def teacher(self) -> EncoderSettings:
        """The frozen encoder, as a member of its own."""
        shared = ("name", "encoder", "layers", "window", "classifier", "shrinkage", "c")
        return EncoderSettings(**{field: getattr(self, field) for field in shared})

    def describe(self) -> str:
        name = self.encoder.rstrip("/").rpartition("/")[2]
        return f"{self.blocks} block{'s' * (self.blocks > 1)} taught by {name}"

    def check(self, features: FeatureSettings) -> None:
        self.teacher.check(features)
        self.inputs(features)
        if self.blocks > load_encoder(self.encoder).layers:
            raise ConfigError(f"{self.name}: blocks = {self.blocks}, but the encoder has fewer layers; choose less")

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return (log_mel_input(self.encoder, self.window),)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        encoder = load_encoder(self.encoder)
        size = len(self.layers) * encoder.hidden
        student = StudentEncoder(copy.deepcopy(encoder.model).cpu(), self.blocks, self.feedforward, self.rank, size)
        heads = [PooledHead(encoder.hidden, labels) for _ in range(len(self.emotions_from) * len(self.layers))]
        return DistilledModule(student, heads, size)

    def fit(self, module: DistilledModule, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        from tembr.train.distillation import distill, pooled_states  # Lightning takes seconds to import

        table = data.tables[self.inputs(data.features)[0]]
        learnt = np.concatenate([data.train, data.validation])

        def on_pooled(done: int, total: int) -> None:
            progress.count(f"{self.name} · teacher", done, total)

        def on_step(epoch: int, done: int, total: int) -> None:
            progress.count(f"{self.name} · epoch {epoch}", done, total)

        teacher = self._teacher(self.inputs(data.features)[0].samples)
        pooled = pooled_states(teacher, table, learnt, self.train, on_pooled)
        module.take(pooled)
        for part, emotions_from in enumerate(self.emotions_from):
            taught = data.target if emotions_from == "target" else data.labelled
            at = np.flatnonzero(np.isin(learnt, taught))
            for layer, states in enumerate(np.split(pooled[at], len(self.layers), axis=1)):
                head = module.heads[part * len(self.layers) + layer]
                self.teacher.fit_head(head, states, data.classes[learnt[at]])
        return distill(self, module, teacher, table, learnt, seed, data.folder, progress.row, on_step)

    def _teacher(self, samples: int) -> WhisperLayers:
        encoder = load_encoder(self.encoder)
        return WhisperLayers(encoder.model, encoder.extractor, self.layers, samples).eval()


class DistilledModule(nn.Module):
    """Log-mel spectrogram → the mean of the heads' logits on imitated pooled states, which are the embedding.

    Args:
        student: see there.
        heads: of every layer, for each set of emotions in turn.
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
        return torch.stack([head(layers[number % len(layers)]) for number, head in enumerate(self.heads)])
