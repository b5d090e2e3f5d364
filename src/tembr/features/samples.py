"""What an encoder takes, as an input of members: samples, or the log-mel spectrogram of a Whisper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tembr import silence
from tembr.features.encoder import LONGEST, SHORTEST, load_encoder
from tembr.features.inputs import Input
from tembr.features.log_mel import LogMelInput, log_mel_input


@dataclass(frozen=True)
class SamplesInput(Input):
    """Samples of a recording at its own length.

    Attributes:
        rate: Hz.
        window: seconds that are taken of a recording; 0 is all of it, 30 s at most.
    """

    rate: int
    window: float

    @property
    def name(self) -> str:
        return f"samples.{self.rate}"

    @property
    def sample_rate(self) -> int:
        return self.rate

    @property
    def bins(self) -> int:
        return 1

    @property
    def frames(self) -> int:
        return self.samples

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
        return {"window": self.window, "sample_rate": self.rate, **silence.FACTS}

    @classmethod
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        shortest = round(SHORTEST * inputs[0].rate)
        padded = [np.pad(waveform, (0, max(0, shortest - len(waveform)))) for waveform in waveforms]
        trimmed = [silence.trimmed(waveform, inputs[0].rate)[None] for waveform in padded]
        return [[one[:, : taken.samples] for one in trimmed] for taken in inputs]


def encoder_values_input(encoder: str, window: float) -> LogMelInput | SamplesInput:
    """What `encoder` takes of a recording.

    Raises:
        ConfigError: it cannot be loaded.
    """
    loaded = load_encoder(encoder)
    return log_mel_input(encoder, window) if loaded.kind == "whisper" else SamplesInput(loaded.sample_rate, window)
