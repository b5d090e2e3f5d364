"""The log-mel spectrogram that a Whisper encoder takes, as an input of members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from tembr.features.encoder import load_encoder
from tembr.features.layers import HOP_LENGTH, LOUDEST, LogMel
from tembr.features.samples import SamplesInput


@dataclass(frozen=True)
class LogMelInput(SamplesInput):
    """The log-mel spectrogram that a Whisper encoder takes, of these samples.

    Attributes:
        rate, window: of the samples.
        encoder: name on the Hugging Face hub, or a folder.
        bands: of the spectrogram.
    """

    encoder: str
    bands: int

    @property
    def name(self) -> str:
        return f"log_mel.{self.bands}"

    @property
    def bins(self) -> int:
        return self.bands

    @property
    def frames(self) -> int:
        return self.samples // HOP_LENGTH

    def facts(self) -> dict[str, Any]:
        return {"transform": "whisper", "loudest": LOUDEST, "bands": self.bands, **super().facts()}

    def module(self) -> LogMel:
        """`(batch, samples)` → `(batch, bands, frames)`."""
        filters = load_encoder(self.encoder).extractor.mel_filters.T
        return LogMel(torch.from_numpy(filters.astype(np.float32)).contiguous())

    @classmethod
    @torch.inference_mode()
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        return [
            [module(torch.from_numpy(one.taken_of(waveform))[None])[0].numpy() for waveform in waveforms]
            for one, module in ((one, one.module()) for one in inputs)
        ]


def encoder_values_input(encoder: str, window: float) -> SamplesInput:
    """What `encoder` takes of a recording: samples, or of a Whisper its log-mel spectrogram.

    Raises:
        ConfigError: it cannot be loaded.
    """
    loaded = load_encoder(encoder)
    if loaded.kind == "whisper":
        return LogMelInput(loaded.sample_rate, window, encoder, loaded.model.config.num_mel_bins)
    return SamplesInput(loaded.sample_rate, window)
