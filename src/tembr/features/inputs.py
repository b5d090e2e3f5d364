"""What members take of a recording: each input is computed once and kept in the store; in a graph it is a front end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from tembr.audio import fit_length
from tembr.errors import ConfigError
from tembr.features.extract import extract_many, find
from tembr.features.settings import FeatureSettings

WAVEFORM = "waveform"
"""Name of the input that is the samples themselves."""

BATCH = 32  # recordings


class Input(ABC):
    """One input of a member; frozen and hashable, so that members share it.

    A subclass is a frozen dataclass; `tembr.export.frontend` has a front end for each.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Of its folder in the store and in tables."""

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Hz of the waveforms it is computed from."""

    @property
    @abstractmethod
    def bins(self) -> int:
        """Rows of its values."""

    @property
    @abstractmethod
    def frames(self) -> int:
        """Columns of its values for a recording that fills its window; ConfigError where there is no one number."""

    @property
    @abstractmethod
    def window_seconds(self) -> float:
        """Seconds of a recording that it takes at most."""

    @property
    def trims(self) -> bool:
        """Whether it is computed from recordings without the silence around them (`tembr.silence`)."""
        return False

    @property
    def shared(self) -> Hashable:
        """Inputs of one class and rate that have this in common are computed together, in a graph too."""
        return self

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """All that its values depend on beside the samples, as plain data."""

    @classmethod
    @abstractmethod
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        """Values of inputs that `together` puts together; their common parts are computed once.

        Args:
            waveforms: `(samples,)` each, at their `sample_rate`.

        Returns:
            for each input, for each waveform `(bins, frames)` float32.
        """


def together(inputs: Iterable[Input]) -> list[list[Input]]:
    """Inputs in groups whose common parts are computed once: of one class, one rate and one `shared`."""
    groups: dict[tuple, list[Input]] = {}
    for one in inputs:
        groups.setdefault((type(one), one.sample_rate, one.shared), []).append(one)
    return list(groups.values())


@dataclass(frozen=True)
class RepresentationInput(Input):
    """One of the acoustic representations, or the samples (`WAVEFORM`), cut or padded to the window.

    Attributes:
        representation: name in the registry.
        features: settings of the study.
    """

    representation: str
    features: FeatureSettings

    @property
    def name(self) -> str:
        return self.representation

    @property
    def sample_rate(self) -> int:
        return self.features.sample_rate

    @property
    def bins(self) -> int:
        return 1 if self.representation == WAVEFORM else find(self.representation).bins(self.features)

    @property
    def frames(self) -> int:
        if not self.features.window:
            raise ConfigError("features.window=0 keeps every recording's own length; export a study with a window")
        samples = self.features.window_samples
        return samples if self.representation == WAVEFORM else 1 + samples // self.features.hop_length

    @property
    def window_seconds(self) -> float:
        return self.features.window

    @property
    def shared(self) -> FeatureSettings:
        return self.features

    def facts(self) -> dict[str, Any]:
        return self.features.model_dump()

    @classmethod
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        settings = inputs[0].features
        fitted = [_fitted(waveform, settings) for waveform in waveforms]
        size = BATCH if settings.window else 1
        found: list[list[np.ndarray]] = [[] for _ in inputs]
        for start in range(0, len(fitted), size):
            batch = torch.from_numpy(np.stack(fitted[start : start + size]))
            names = [one.representation for one in inputs if one.representation != WAVEFORM]
            values = extract_many(batch, names, settings.sample_rate, settings=settings) | {WAVEFORM: batch[:, None]}
            for one, kept in zip(inputs, found):
                kept += list(values[one.representation].numpy())
        return found


def _fitted(waveform: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    if settings.window:
        return settings.fit(waveform)
    return fit_length(waveform, max(len(waveform), settings.delta_width * settings.hop_length))
