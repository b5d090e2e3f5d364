"""A convolutional network on the picture of one representation: kind `network`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import nn

from tembr.augment.generative import TrainingPart
from tembr.augment.settings import AugmentSettings
from tembr.errors import ConfigError
from tembr.features.extract import find
from tembr.features.inputs import WAVEFORM, Input, RepresentationInput
from tembr.features.picture import Picture, PictureSettings
from tembr.features.registry import Representation
from tembr.features.settings import FeatureSettings
from tembr.models.base import MemberSettings, Outputs, register
from tembr.models.data import FoldData
from tembr.models.torchvision import build_network, check_network
from tembr.progress import Progress
from tembr.train.settings import TrainSettings


@register
class NetworkSettings(MemberSettings):
    """A torchvision classifier, a ResNet18 by default, trained by Lightning.

    Attributes:
        representation: it takes; its own name by default.
        pictures, augment, train: see there.
    """

    kind: Literal["network"] = "network"
    representation: str = ""
    pictures: PictureSettings = PictureSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()

    @property
    def uses_validation(self) -> bool:
        return not self.train.refit

    def judged(self) -> NetworkSettings:
        return self.model_copy(update={"train": self.train.model_copy(update={"refit": False})})

    @property
    def takes(self) -> str:
        """Name of its representation."""
        return self.representation or self.name

    def describe(self) -> str:
        return self.train.network

    def check(self, features: FeatureSettings) -> None:
        picture = Picture(find(self.takes), self.pictures, find(self.takes).bins(features))
        frames = 1 + (features.window_samples or features.sample_rate) // features.hop_length
        check_network(self.train.network, picture.rows, frames)
        if self.train.refit and self.train.schedule != "cosine":
            raise ConfigError(
                f"{self.name}: train.refit keeps no recordings that tell when to stop; set train.schedule = 'cosine'"
            )
        if self.train.generated and self.training_inputs(features):
            raise ConfigError(
                f"{self.name}: train.generated makes values, augment.waveform varies samples; switch one of them off"
            )

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return (RepresentationInput(self.takes, features),)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        train = self.train
        return NetworkModule(
            AudioClassifier(find(self.takes), features, self.pictures, labels, train.network, train.dropout)
        )

    def training_inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        waveform = self.augment.enabled and self.augment.waveform.enabled
        return (RepresentationInput(WAVEFORM, features),) if waveform else ()

    def fit(self, module: NetworkModule, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        from tembr.train.fit import Training, fit  # Lightning takes seconds to import, and most commands never train
        from tembr.train.generated import generated_examples

        features = data.features
        training = Training(find(self.takes), len(data.labels), features, self.augment, self.train, seed)
        table = data.tables[(*self.training_inputs(features), *self.inputs(features))[0]]
        parts = data.train[data.classes[data.train] >= 0], data.validation

        def on_step(epoch: int, done: int, total: int) -> None:
            progress.count(f"{self.name} · epoch {epoch}", done, total)

        learnt = TrainingPart.of(table, data.classes, data.speakers, parts[0])
        generated = generated_examples(training, learnt, data.folder, partial(progress.count, f"{self.name} · VAE"))
        return fit(
            training, module.classifier, table, data.classes, parts, data.folder, progress.row, on_step, generated
        )

    def for_refit(self, histories: Sequence[Sequence[Mapping]]) -> NetworkSettings:
        """A cosine schedule is made for all its epochs, and gets them; else the median over folds of the best epoch."""
        if self.train.schedule == "cosine":
            return self
        best = [min(rows, key=lambda row: row["val_loss"])["epoch"] for rows in histories]
        epochs = max(1, round(float(np.median(best))))
        return self.model_copy(update={"train": self.train.model_copy(update={"epochs": epochs})})


class AudioClassifier(nn.Module):
    """Values of one representation → logits; its state is all that a trained member is.

    Args:
        representation: registry entry.
        features, pictures: the study's settings.
        classes: number of emotions.
        network, dropout: see `build_network`.
    """

    def __init__(
        self,
        representation: Representation,
        features: FeatureSettings,
        pictures: PictureSettings,
        classes: int,
        network: str = "resnet18",
        dropout: float = 0.5,
    ):
        super().__init__()
        self.picture = Picture(representation, pictures, representation.bins(features))
        self.network = build_network(network, classes, dropout)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """`(batch, bins, frames)` as `extract` gives them → logits `(batch, classes)`, float32."""
        return self.network(self.picture(values)).float()


class NetworkModule(nn.Module):
    """Values of one representation → logits; no embedding: what it was trained on it knows too well to adapt by."""

    def __init__(self, classifier: AudioClassifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, values: torch.Tensor) -> Outputs:
        """`(batch, bins, frames)` → `(batch, labels)`, None."""
        return self.classifier(values), None
