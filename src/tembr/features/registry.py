"""The representations: what each is, how it is computed, and how a network likes to see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from tembr.features import spectral, temporal, tonal
from tembr.features.analysis import Analysis
from tembr.features.settings import FeatureSettings


@dataclass(frozen=True)
class Representation:
    """One entry of the registry.

    Attributes:
        name: as on the command line.
        title: for people and pictures.
        unit: of its values.
        rows: what its bins are.
        bins: number of bins under given settings.
        compute: from an analysis to `(batch, bins, frames)`, librosa's values.
        normalization: per recording, by default: 'none', 'cmvn' (each bin over time) or 'minmax' (the whole).
        picture: None, or how a one-row curve becomes a picture: 'linear' or 'exponential' weights.
        augmentation: name of its strategy in `tembr.augment`.
    """

    name: str
    title: str
    unit: str
    rows: str
    bins: Callable[[FeatureSettings], int]
    compute: Callable[[Analysis], torch.Tensor]
    normalization: str = "none"
    picture: str | None = None
    augmentation: str = "spectrum"


def _mel(a: Analysis) -> torch.Tensor:
    return spectral.power_to_db(a.mel_power, relative=True, top_db=a.settings.top_db)


def _spectrogram(a: Analysis) -> torch.Tensor:
    return spectral.power_to_db(a.power, relative=True, top_db=a.settings.top_db)


def _contrast(a: Analysis) -> torch.Tensor:
    return spectral.spectral_contrast(a.power.sqrt(), a.constants.contrast)


def _zcr(a: Analysis) -> torch.Tensor:
    return temporal.zero_crossing_rate(a.waveform, a.settings.n_fft, a.settings.hop_length)


def _rms(a: Analysis) -> torch.Tensor:
    return temporal.rms(a.waveform, a.settings.n_fft, a.settings.hop_length)


_ENTRIES = (
    Representation("melspectrogram", "Mel spectrogram", "dB", "mel band", lambda s: s.n_mels, _mel),
    Representation("spectrogram", "Spectrogram", "dB", "frequency bin", lambda s: 1 + s.n_fft // 2, _spectrogram),
    Representation(
        "mfcc", "MFCC", "dB", "coefficient", lambda s: s.n_mfcc, lambda a: a.mfcc, "cmvn", None, "cepstrum"
    ),
    Representation(
        "chroma", "Chroma", "share of maximum", "pitch class", lambda s: s.n_chroma, lambda a: a.chroma,
        "minmax", None, "harmonic",
    ),
    Representation(
        "spectral_contrast", "Spectral contrast", "dB", "octave band", lambda s: s.contrast_bands + 1, _contrast,
        "minmax", None, "cepstrum",
    ),
    Representation("zcr", "Zero-crossing rate", "share", "rate", lambda s: 1, _zcr, "minmax", "linear", "curve"),
    Representation("rms", "RMS energy", "amplitude", "energy", lambda s: 1, _rms, "minmax", "exponential", "curve"),
    Representation(
        "tempogram", "Tempogram", "correlation", "lag (frames)", lambda s: s.tempogram_win, lambda a: a.tempogram,
        "minmax", None, "rhythm",
    ),
    Representation(
        "tonnetz", "Tonnetz", "centroid", "dimension", lambda s: 6,
        lambda a: tonal.tonnetz(a.chroma, a.constants.tonnetz), "minmax", None, "harmonic",
    ),
    Representation(
        "delta_mfcc", "Delta MFCC", "dB per frame", "coefficient", lambda s: s.n_mfcc,
        lambda a: temporal.delta(a.mfcc, a.settings.delta_width), "cmvn", None, "cepstrum",
    ),
    Representation(
        "delta_tempogram", "Delta tempogram", "correlation per frame", "lag (frames)", lambda s: s.tempogram_win,
        lambda a: temporal.delta(a.tempogram, a.settings.delta_width), "minmax", None, "rhythm",
    ),
)  # fmt: skip

_CONTOURS = Representation(
    "contours", "Voice contours", "dB, semitones", "band, pitch, voicing, energy", lambda s: s.n_mels + 3,
    lambda a: a.contours, "cmn", None, "cepstrum",
)  # fmt: skip

REPRESENTATIONS: tuple[str, ...] = tuple(entry.name for entry in _ENTRIES)
"""Names of the eleven, in the order of tables and pictures."""

REGISTRY: dict[str, Representation] = {entry.name: entry for entry in (*_ENTRIES, _CONTOURS)}
"""All by name: the eleven, and the contours that the voice networks hear."""
