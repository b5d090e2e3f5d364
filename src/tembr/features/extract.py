"""The public door to the representations."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import numpy as np
import torch

from tembr.arguments import checked, of_kind, optional
from tembr.audio import SAMPLE_RATE
from tembr.errors import ConfigError, TembrError
from tembr.features.analysis import Analysis
from tembr.features.registry import REGISTRY, REPRESENTATIONS, Representation
from tembr.features.settings import FeatureSettings

CHUNK = 8
"""Recordings analysed together on a processor: few enough for its cache, enough to share the cost of every call."""


@checked()
def find(name: str) -> Representation:
    """The registry entry called `name`.

    Raises:
        ConfigError: no such representation; the nearest name is suggested.
    """
    if name not in REGISTRY:
        near = difflib.get_close_matches(name, REGISTRY, n=1)
        hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(REGISTRY)}"
        raise ConfigError(f"no representation is called {name!r}; {hint}")
    return REGISTRY[name]


@checked(settings=optional(of_kind(FeatureSettings)))
def extract(
    waveforms: torch.Tensor | np.ndarray,
    sample_rate: int = SAMPLE_RATE,
    representation: str = "melspectrogram",
    *,
    settings: FeatureSettings | None = None,
) -> torch.Tensor:
    """Compute one representation of a batch of waveforms, with librosa's own values.

    Args:
        waveforms: `(batch, samples)`, float; any length, not cut or padded here. On a GPU if they are.
        sample_rate: Hz of the waveforms.
        representation: one of `REPRESENTATIONS`.
        settings: other parameters than the defaults; its sample rate must agree with `sample_rate`.

    Returns:
        `(batch, bins, frames)`, float32, frames = 1 + samples // hop_length; a view of memory that lies frame by frame.

    Raises:
        ConfigError: unknown representation, or a sample rate the settings do not fit.
        TembrError: waveforms are not `(batch, samples)`, empty, or not finite.
    """
    return extract_many(waveforms, (representation,), sample_rate, settings=settings)[representation]


@checked(settings=optional(of_kind(FeatureSettings)))
def extract_many(
    waveforms: torch.Tensor | np.ndarray,
    representations: Iterable[str] = REPRESENTATIONS,
    sample_rate: int = SAMPLE_RATE,
    *,
    settings: FeatureSettings | None = None,
) -> dict[str, torch.Tensor]:
    """Compute several representations of one batch; what they share (STFT, mel, chroma) is computed once.

    Arguments and errors as for `extract`; returns name → `(batch, bins, frames)`.
    """
    settings = _settings(settings, sample_rate)
    entries = [find(name) for name in representations]
    waveform = _shaped(waveforms)
    count = len(waveform)
    size = CHUNK if waveform.device.type == "cpu" else max(count, 1)
    kept: dict[str, torch.Tensor] = {}
    with torch.no_grad():
        for start in range(0, max(count, 1), size):
            analysis = Analysis(_finite(waveform[start : start + size]), settings)
            for entry in entries:
                values = entry.compute(analysis).transpose(1, 2)
                if not start:
                    kept[entry.name] = values.new_empty(count, *values.shape[1:])
                kept[entry.name][start : start + size] = values
    return {name: values.transpose(1, 2) for name, values in kept.items()}


def _settings(settings: FeatureSettings | None, sample_rate: int) -> FeatureSettings:
    if settings is None:
        try:
            return FeatureSettings(sample_rate=sample_rate)
        except ValueError as error:
            raise ConfigError(f"sample_rate {sample_rate}: {error.errors()[0]['msg']}") from error
    if settings.sample_rate != sample_rate:
        raise ConfigError(
            f"the waveforms are at {sample_rate} Hz, the settings at {settings.sample_rate} Hz; resample first"
        )
    return settings


def _shaped(waveforms: torch.Tensor | np.ndarray) -> torch.Tensor:
    try:
        tensor = torch.as_tensor(waveforms).to(torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TembrError(f"waveforms of the kind {type(waveforms).__name__}; give (batch, samples), numbers") from error
    if tensor.ndim != 2:
        raise TembrError(f"waveforms must be (batch, samples), not {tuple(tensor.shape)}; add a batch axis")
    if tensor.shape[1] == 0:
        raise TembrError("waveforms have no samples; give at least one")
    return tensor


def _finite(waveform: torch.Tensor) -> torch.Tensor:
    if not waveform.sum().isfinite() and not waveform.isfinite().all():  # the sum alone is one quick pass
        raise TembrError("waveforms have NaN or infinite samples; clean or leave out the recording")
    return waveform
