"""The log-mel spectrogram that a Whisper encoder takes, as an input of members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from tembr import silence
from tembr.errors import ConfigError
from tembr.features.encoder import LONGEST, SHORTEST, load_encoder
from tembr.features.inputs import Input
from tembr.features.layers import HOP_LENGTH, LOUDEST, LogMel


@dataclass(frozen=True)
class LogMelInput(Input):
    """The log-mel spectrogram that a Whisper encoder takes, of a recording at its own length.

    Attributes:
        encoder: name on the Hugging Face hub, or a folder.
        window: seconds that are taken of a recording; 0 is all of it, 30 s at most.
        bands: of the spectrogram.
        rate: Hz the encoder takes.
    """

    encoder: str
    window: float
    bands: int
    rate: int

    @property
    def name(self) -> str:
        return f"log_mel.{self.bands}"

    @property
    def sample_rate(self) -> int:
        return self.rate

    @property
    def bins(self) -> int:
        return self.bands

    @property
    def frames(self) -> int:
        return self.samples // HOP_LENGTH

    @property
    def samples(self) -> int:
        """Of a waveform that are taken at most."""
        return round(self.window_seconds * self.rate)

    @property
    def window_seconds(self) -> float:
        return min(self.window or LONGEST, LONGEST)

    @property
    def trims(self) -> bool:
        return True

    def facts(self) -> dict[str, Any]:
        return {
            "transform": "whisper",
            "loudest": LOUDEST,
            **silence.FACTS,
            "window": self.window,
            "bands": self.bands,
            "sample_rate": self.rate,
        }

    def module(self) -> LogMel:
        """`(batch, samples)` → `(batch, bands, frames)`."""
        filters = load_encoder(self.encoder).extractor.mel_filters.T
        return LogMel(torch.from_numpy(filters.astype(np.float32)).contiguous())

    @classmethod
    @torch.inference_mode()
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        shortest = round(SHORTEST * inputs[0].rate)
        padded = [np.pad(waveform, (0, max(0, shortest - len(waveform)))) for waveform in waveforms]
        return [
            [module(torch.from_numpy(silence.trimmed(w, one.rate)[: one.samples])[None])[0].numpy() for w in padded]
            for one, module in ((one, one.module()) for one in inputs)
        ]


def log_mel_input(encoder: str, window: float) -> LogMelInput:
    """What `encoder` takes of a waveform.

    Raises:
        ConfigError: it cannot be loaded, or takes samples.
    """
    loaded = load_encoder(encoder)
    if loaded.kind != "whisper":
        raise ConfigError(f"encoder {encoder}: takes samples; choose a Whisper, which takes a log-mel spectrogram")
    return LogMelInput(encoder, window, loaded.model.config.num_mel_bins, loaded.sample_rate)
