"""What kinds that train layers of a Whisper encoder, or a student of it, on log-mel spectrograms have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from tembr.features.encoder import log_mel_input
from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.models.base import MemberSettings
from tembr.models.data import FoldData
from tembr.models.encoder import EncoderSettings, PooledHead
from tembr.train.settings import TrainSettings


class LogMelSettings(MemberSettings):
    """Settings of such a kind.

    Attributes:
        encoder, layers, window, shrinkage, others: of the pretrained encoder and its heads, see `EncoderSettings`.
        crop: seconds of a recording heard at once in training.
        warp: share by which the frequency axis is stretched or squeezed at most: another throat.
        equalize: dB, deviation of a random smooth change of the spectrum: another microphone.
        train: epochs, batches, learning rate and device.
    """

    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((2, 3, 4), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    shrinkage: float = Field(0.05, ge=0, le=1)
    others: float = Field(0.2, ge=0)
    crop: float = Field(2.56, ge=0.1, le=30)
    warp: float = Field(0.1, ge=0, lt=0.5)
    equalize: float = Field(2.0, ge=0, le=40)
    train: TrainSettings = TrainSettings()

    @property
    def frozen_encoder(self) -> EncoderSettings:
        """The encoder as it was pretrained, as a member of its own."""
        shared = ("name", "encoder", "layers", "window", "shrinkage", "others")
        return EncoderSettings(**{field: getattr(self, field) for field in shared})

    @property
    def encoder_name(self) -> str:
        """Without folder or owner."""
        return self.encoder.rstrip("/").rpartition("/")[2]

    def check(self, features: FeatureSettings) -> None:
        self.frozen_encoder.check(features)
        self.inputs(features)

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return (log_mel_input(self.encoder, self.window),)

    def fit_heads(self, heads: Sequence[PooledHead], pooled: np.ndarray, learnt: np.ndarray, data: FoldData) -> None:
        """Fit the heads of all layers on those of the recordings at `learnt`, `(n,)`, that have a label.

        Args:
            pooled: states of the recordings at `learnt`, all layers' in a row, `(n, layers · hidden)`.
        """
        labelled = data.classes[learnt] >= 0
        for head, states in zip(heads, np.split(pooled[labelled], len(self.layers), axis=1), strict=True):
            self.frozen_encoder.fit_head(head, states, data.classes[learnt[labelled]], learnt[labelled], data)
