"""The representations: what each is, how it is computed, and how a network likes to see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from tembr.features import axes, spectral, temporal, tonal
from tembr.features.analysis import Analysis
from tembr.features.settings import FeatureSettings


@dataclass(frozen=True)
class Representation:
    """One entry of the registry.

    Attributes:
        name: as on the command line.
        title: for people and pictures.
        unit: of its values.
        rows: what its bins are under given settings, as an axis.
        bins: number of bins under given settings.
        compute: from an analysis to `(batch, bins, frames)`, librosa's values.
        scale: how its values are drawn for people.
        normalization: per recording, by default: 'none', 'cmvn' (each bin over time) or 'minmax' (the whole).
        picture: None, or how a one-row curve becomes a picture: 'linear' or 'exponential' weights.
        augmentation: name of its strategy in `tembr.augment.representations`.
    """

    name: str
    title: str
    unit: str
    rows: Callable[[FeatureSettings], axes.Rows]
    bins: Callable[[FeatureSettings], int]
    compute: Callable[[Analysis], torch.Tensor]
    scale: axes.Scale = axes.AS_IS
    normalization: str = "none"
    picture: str | None = None
    augmentation: str = "spectrum"


def _mel(a: Analysis) -> torch.Tensor:
    return spectral.power_to_db(a.mel_power, relative=True, top_db=a.settings.top_db)


def _spectrogram(a: Analysis) -> torch.Tensor:
    return spectral.power_to_db(a.power, relative=True, top_db=a.settings.top_db)


def _contrast(a: Analysis) -> torch.Tensor:
    return spectral.spectral_contrast(a.precise_power, a.constants.contrast)


def _zcr(a: Analysis) -> torch.Tensor:
    return temporal.zero_crossing_rate(a.waveform, a.settings.n_fft, a.settings.hop_length)


def _rms(a: Analysis) -> torch.Tensor:
    return temporal.rms(a.waveform, a.settings.n_fft, a.settings.hop_length)


_ENTRIES = (
    Representation("melspectrogram", "Mel spectrogram", "dB re maximum", axes.mel_rows, lambda s: s.n_mels, _mel),
    Representation(
        "spectrogram", "Spectrogram", "dB re maximum", axes.hertz_rows, lambda s: 1 + s.n_fft // 2, _spectrogram
    ),
    Representation(
        "mfcc", "MFCC", "dB", axes.coefficient_rows, lambda s: s.n_mfcc, lambda a: a.mfcc, axes.STANDARDISED,
        "cmvn", None, "cepstrum",
    ),
    Representation(
        "chroma", "Chroma", "share of maximum", axes.pitch_class_rows, lambda s: s.n_chroma, lambda a: a.chroma,
        axes.AS_IS, "minmax", None, "harmonic",
    ),
    Representation(
        "spectral_contrast", "Spectral contrast", "dB", axes.contrast_rows, lambda s: s.contrast_bands + 1, _contrast,
        axes.ABOVE_MEAN, "minmax", None, "cepstrum",
    ),
    Representation(
        "zcr", "Zero-crossing rate", "crossings per sample", axes.one_row, lambda s: 1, _zcr, axes.AS_IS,
        "minmax", "linear", "curve",
    ),
    Representation(
        "rms", "RMS energy", "amplitude", axes.one_row, lambda s: 1, _rms, axes.LEVEL,
        "minmax", "exponential", "curve",
    ),
    Representation(
        "tempogram", "Tempogram", "correlation", axes.tempo_rows, lambda s: s.tempogram_win, lambda a: a.tempogram,
        axes.AS_IS, "minmax", None, "rhythm",
    ),
    Representation(
        "tonnetz", "Tonnetz", "tonal centroid", axes.tonal_rows, lambda s: 6,
        lambda a: tonal.tonnetz(a.chroma, a.constants.tonnetz), axes.SIGNED, "minmax", None, "harmonic",
    ),
    Representation(
        "delta_mfcc", "Delta MFCC", "dB per frame", axes.coefficient_rows, lambda s: s.n_mfcc,
        lambda a: temporal.delta(a.mfcc, a.settings.delta_width), axes.STANDARDISED, "cmvn", None, "cepstrum",
    ),
    Representation(
        "delta_tempogram", "Delta tempogram", "correlation per frame", axes.tempo_rows, lambda s: s.tempogram_win,
        lambda a: temporal.delta(a.tempogram, a.settings.delta_width), axes.SIGNED, "minmax", None, "rhythm",
    ),
)  # fmt: skip

REPRESENTATIONS: tuple[str, ...] = tuple(entry.name for entry in _ENTRIES)
"""Names of the eleven, in the order of tables and pictures."""

REGISTRY: dict[str, Representation] = {entry.name: entry for entry in _ENTRIES}
"""All by name."""
