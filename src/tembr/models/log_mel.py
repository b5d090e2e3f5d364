"""What kinds that train layers of a Whisper encoder, or a student of it, on log-mel spectrograms have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

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
        encoder, layers, window, classifier, shrinkage, c: of the pretrained encoder and its heads, see
            `EncoderSettings`.
        emotions_from: what heads learn emotions from, one set of them for each; their mean answers.
        crop: seconds of a recording heard at once in training.
        warp: share by which the frequency axis is stretched or squeezed at most: another throat.
        equalize: dB, deviation of a random smooth change of the spectrum: another microphone.
        train: epochs, batches, learning rate and device.
    """

    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((2, 3, 4), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    classifier: Literal["discriminants", "regression"] = "discriminants"
    shrinkage: float = Field(0.1, ge=0, le=1)
    c: float = Field(0.01, gt=0)
    emotions_from: tuple[Literal["target", "all"], ...] = Field(("target", "all"), min_length=1)
    crop: float = Field(2.56, ge=0.1, le=30)
    warp: float = Field(0.1, ge=0, lt=0.5)
    equalize: float = Field(2.0, ge=0, le=40)
    train: TrainSettings = TrainSettings()

    @property
    def frozen_encoder(self) -> EncoderSettings:
        """The encoder as it was pretrained, as a member of its own."""
        shared = ("name", "encoder", "layers", "window", "classifier", "shrinkage", "c")
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
        """Fit the heads of all layers, for each of `emotions_from` in turn.

        Args:
            pooled: states of the recordings at `learnt`, all layers' in a row, `(n, layers · hidden)`.
        """
        for part, emotions_from in enumerate(self.emotions_from):
            at = np.flatnonzero(np.isin(learnt, data.target if emotions_from == "target" else data.labelled))
            for layer, states in enumerate(np.split(pooled[at], len(self.layers), axis=1)):
                head = heads[part * len(self.layers) + layer]
                self.frozen_encoder.fit_head(head, states, data.classes[learnt[at]])
