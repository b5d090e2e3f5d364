"""Samples of a recording at its own length, as an input of members: what most encoders take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tembr import silence
from tembr.features.encoder import LONGEST, speech_of
from tembr.features.inputs import Input


@dataclass(frozen=True)
class SamplesInput(Input):
    """Samples of a recording without the silence around it.

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

    def taken_of(self, waveform: np.ndarray) -> np.ndarray:
        """The samples that are taken of `(samples,)`."""
        return speech_of(waveform, self.rate)[: self.samples]

    @classmethod
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        return [[one.taken_of(waveform)[None] for waveform in waveforms] for one in inputs]
