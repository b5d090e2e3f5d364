"""What people read a representation by: its rows as an axis, its values as a scale."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch

from tembr.features.normalization import normalize_recording
from tembr.features.settings import FeatureSettings
from tembr.features.spectral import power_to_db

PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
TONAL_DIMENSIONS = ("fifth x", "fifth y", "minor 3rd x", "minor 3rd y", "major 3rd x", "major 3rd y")
MOST_TICKS = 6


@dataclass(frozen=True)
class Rows:
    """The rows of a representation as an axis.

    Attributes:
        label: of the axis, with its unit.
        edges: `(drawn rows + 1,)`, monotonic: where rows end, in coordinates of the axis.
        ticks: `(coordinate, text)` of what is written beside the axis.
        first: row the axis begins with; those before it have no place on it.
    """

    label: str
    edges: np.ndarray
    ticks: tuple[tuple[float, str], ...]
    first: int = 0


@dataclass(frozen=True)
class Scale:
    """How values are made visible.

    Attributes:
        transform: values `(batch, bins, frames)` and settings → what is drawn, the same shape.
        unit: of what is drawn; None where it is the representation's own.
        signed: whether 0 is the middle, between two opposites.
    """

    transform: Callable[[torch.Tensor, FeatureSettings], torch.Tensor] = lambda values, settings: values
    unit: str | None = None
    signed: bool = False


AS_IS = Scale()
SIGNED = Scale(signed=True)
STANDARDISED = Scale(
    lambda values, settings: normalize_recording(values, "cmvn"),
    unit="standard deviations from the row's mean",
    signed=True,
)
"""The lowest coefficients are many times the others, which one scale for all would leave without any shade."""
ABOVE_MEAN = Scale(
    lambda values, settings: normalize_recording(values, "cmn"),
    unit="dB from the row's mean",
    signed=True,
)
LEVEL = Scale(
    lambda values, settings: power_to_db(values.square(), relative=False, top_db=settings.top_db),
    unit="dB re full scale",
)


def mel_rows(settings: FeatureSettings) -> Rows:
    """Bands of equal height, with hertz where they lie among the bands' centres; the highest band ends at its edge."""
    import librosa

    bands = settings.n_mels
    hertz = librosa.mel_frequencies(bands + 2, fmin=0.0, fmax=settings.sample_rate / 2)
    octaves = [hz for hz in 250 * 2.0 ** np.arange(9) if hz <= settings.sample_rate / 2]
    places = np.interp(octaves, hertz, np.arange(bands + 2) - 0.5).clip(max=bands)
    ticks = tuple((place, f"{octave:,.0f}") for place, octave in zip(places, octaves))
    return Rows("frequency (Hz)", np.arange(bands + 1.0), ticks)


def hertz_rows(settings: FeatureSettings) -> Rows:
    """Bins of the Fourier transform, linear in hertz."""
    import librosa

    hertz = librosa.fft_frequencies(sr=settings.sample_rate, n_fft=settings.n_fft)
    return Rows("frequency (Hz)", _around(hertz), _numbered(settings.sample_rate / 2))


def coefficient_rows(settings: FeatureSettings) -> Rows:
    """Cepstral coefficients by their numbers."""
    return Rows("coefficient", _around(np.arange(settings.n_mfcc)), _numbered(settings.n_mfcc - 1))


def pitch_class_rows(settings: FeatureSettings) -> Rows:
    """Pitch classes by their names, C lowest."""
    places = np.arange(12) * settings.n_chroma / 12
    return Rows("pitch class", _around(np.arange(settings.n_chroma)), tuple(zip(places, PITCH_CLASSES)))


def contrast_rows(settings: FeatureSettings) -> Rows:
    """Octave bands of equal height, with hertz where one ends and the next begins."""
    octaves = settings.contrast_fmin * 2.0 ** np.arange(settings.contrast_bands)
    hertz = [0.0, *octaves, settings.sample_rate / 2]
    return Rows("band (Hz)", np.arange(len(hertz), dtype=float), tuple((i, f"{hz:,.0f}") for i, hz in enumerate(hertz)))


def tonal_rows(settings: FeatureSettings) -> Rows:
    """The six dimensions of the tonal centroid by their circles."""
    return Rows("dimension", _around(np.arange(6)), tuple(enumerate(TONAL_DIMENSIONS)))


def tempo_rows(settings: FeatureSettings) -> Rows:
    """Lags as tempi, an octave as high as every other; the lag 0 has none.

    A lag of k frames is 60 · sample_rate / (hop_length · k) beats per minute (`librosa.tempo_frequencies`).
    """
    halfway = np.arange(settings.tempogram_win) + 0.5  # frames between two lags
    edges = np.log2(60 * settings.sample_rate / (settings.hop_length * halfway))
    tempi = 7.5 * 2.0 ** np.arange(-3, 12)
    inside = [tempo for tempo in tempi if edges[-1] <= np.log2(tempo) <= edges[0]]
    return Rows("tempo (BPM)", edges, tuple((float(np.log2(tempo)), f"{tempo:,g}") for tempo in inside), first=1)


def one_row(settings: FeatureSettings) -> Rows:
    """A curve: nothing to tell apart."""
    return Rows("", np.array([0.0, 1.0]), ())


def _around(centres: np.ndarray) -> np.ndarray:
    """Edges half a step beside evenly spaced centres."""
    step = centres[1] - centres[0]
    return np.append(centres, centres[-1] + step) - step / 2


def _numbered(last: float) -> tuple[tuple[float, str], ...]:
    """Round numbers from 0 to `last`, at most `MOST_TICKS`."""
    steps: Iterable[float] = (digit * 10.0**power for power in range(6) for digit in (1, 2, 5))
    step = next(step for step in steps if last / step < MOST_TICKS)
    return tuple((number, f"{number:,.0f}") for number in np.arange(0, last + step / 1e6, step))
