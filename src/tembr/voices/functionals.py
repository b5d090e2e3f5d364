"""Functionals: what each contour does over a recording, in a few numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from tembr.features.voice import ENERGY, PITCH, VOICING

EDGES = (0.0, 0.1, 0.2, 0.325, 0.475, 0.625, 0.8, 1.0)
"""Of the stretches of the bands that are averaged to curves; the highest but one less the second lowest is the tilt."""

OF_A_CURVE = (
    "mean", "deviation", "skewness", "slope", "curvature", "beginning", "end", "change", "rise", "fall",
    "upper", "lower",
)  # fmt: skip
"""Functionals of each curve, in the order of `functionals`."""

OF_A_RECORDING = ("log length", "voiced share", "runs per frame", "log runs")

PITCH_STEPS = (-4.0, -2.0, -1.0, 1.0, 2.0, 4.0, 6.0, 8.0)  # semitones about the mean
VOICING_STEPS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
ENERGY_STEPS = (-15.0, -10.0, -5.0, -2.0, 2.0, 5.0, 8.0)  # dB about the mean
CEPSTRA = 13
EDGE = 16
"""Voiced frames at either end that count as its beginning and end."""


def count(bands: int = 40) -> int:
    """How many numbers `functionals` gives."""
    return functionals(torch.zeros(1, bands - PITCH, 4), torch.zeros(1, bands - PITCH, 4)).shape[1]


def curves(contours: torch.Tensor, counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pitch, voicing, energy, tilt and seven groups of bands, with what is heard of each.

    `(batch, rows, frames)` twice → `(batch, 11, frames)` twice.
    """
    groups = _groups(contours)
    named = [contours[:, PITCH], contours[:, VOICING], contours[:, ENERGY], groups[5] - groups[1]]
    heard = [counts[:, PITCH], *([counts[:, ENERGY]] * (3 + len(groups)))]
    return torch.stack([*named, *groups], dim=1), torch.stack(heard, dim=1)


def functionals(contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Numbers of a recording: of each curve those of `OF_A_CURVE`, then `OF_A_RECORDING`.

    Time runs from −1 at the first frame heard to 1 at the last. `upper` and `lower` are the logarithms of the mean of
    exp(z) and exp(−z) of the standardised curve: smooth kin of its highest and lowest percentiles, which need no
    sorting. All weigh frames by what is heard, so that silence around the speech changes nothing.

    Args:
        contours, counts: as `extract` and `heard` give them, `(batch, rows, frames)`.

    Returns:
        `(batch, count(bands))`; finite also where nothing is heard.
    """
    curve, weight = curves(contours, counts)
    total = weight.sum(-1).clamp(min=1)
    over = lambda values: (values * weight).sum(-1) / total  # noqa: E731
    mean = over(curve)
    apart = (curve - mean[..., None]) * weight
    deviation = over(apart.square()).clamp(min=1e-6).sqrt()
    time = (weight.cumsum(-1) / total[..., None] * 2 - 1) * weight
    slope = over(apart * time) / over(time.square()).clamp(min=1e-6)
    curvature = over(apart * (time.square() - 1 / 3))
    thirds = [weight * (time < -1 / 3), weight * (time > 1 / 3)]
    beginning, end = ((apart * third).sum(-1) / third.sum(-1).clamp(min=1) for third in thirds)
    both = weight[..., 1:] * weight[..., :-1]
    change = ((curve[..., 1:] - curve[..., :-1]).abs() * both).sum(-1) / both.sum(-1).clamp(min=1)
    rise, fall = (apart * weight).amax(-1), -(apart * weight).amin(-1)
    standard = (apart / deviation[..., None]).clamp(-12, 12)
    upper, lower = (over(torch.exp(sign * standard)).clamp(min=1e-6).log() for sign in (1, -1))
    numbers = [mean, deviation, over(apart**3) / deviation**3, slope, curvature, beginning, end, change]
    own = [_of_the_recording(counts), _together(curve, counts), _restlessness(contours, counts)]
    own += [
        _voiced_stretches(contours, counts),
        _shares(contours, counts, mean),
        _loud_spectrum(contours, counts, mean),
    ]
    return torch.cat([*numbers, rise, fall, upper, lower, *own], dim=1)


def _of_the_recording(counts: torch.Tensor) -> torch.Tensor:
    length = counts[:, ENERGY].sum(-1, keepdim=True).clamp(min=1)
    voiced = counts[:, PITCH]
    runs = (voiced[:, 1:] - voiced[:, :-1]).abs().sum(-1, keepdim=True)
    share = voiced.sum(-1, keepdim=True) / length
    return torch.cat([length.log(), share, runs / length, (runs + 1).log()], dim=1)


def _groups(contours: torch.Tensor) -> list[torch.Tensor]:
    """The bands averaged in stretches, lowest first, `(batch, frames)` each."""
    bands = contours.shape[1] + PITCH
    edges = [round(bands * share) for share in EDGES]
    return [contours[:, low:high].mean(1) for low, high in pairwise(edges)]


def _mean(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (values * weights).sum(-1) / weights.sum(-1).clamp(min=1)


def _together(curve: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Correlations of the first four curves over voiced frames, `(batch, 6)`."""
    voiced, four = counts[:, PITCH, None], curve[:, :4]
    apart = (four - _mean(four, voiced)[..., None]) * voiced
    apart = apart / (_mean(apart.square(), voiced).clamp(min=1e-6).sqrt()[..., None] + 0.1)
    pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    return torch.stack([_mean(apart[:, i] * apart[:, j], voiced[:, 0]) for i, j in pairs], dim=1)


def _restlessness(contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Mean change of the first cepstra from frame to frame, `(batch, 13)`."""
    bands = contours.shape[1] + PITCH
    turns = np.outer(np.arange(1, 1 + CEPSTRA), np.arange(bands) + 0.5) * np.pi / bands
    basis = torch.from_numpy((np.cos(turns) * np.sqrt(2 / bands) / 3).astype(np.float32))
    cepstra = basis @ contours[:, :bands]
    inside = counts[:, ENERGY:]
    return _mean((cepstra[..., 1:] - cepstra[..., :-1]).abs(), inside[..., 1:] * inside[..., :-1])


def _voiced_stretches(contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """How many, how long, how dense; the last one's slope; end and beginning of the pitch: `(batch, 6)`."""
    voiced, length = counts[:, PITCH], counts[:, ENERGY].sum(-1).clamp(min=1)
    frames = voiced.sum(-1)
    stretches = ((voiced[:, 1:] - voiced[:, :-1]).clamp(min=0)).sum(-1) + voiced[:, 0]
    passed = voiced.cumsum(-1)
    left = (frames[:, None] - passed + 1) * voiced
    first, last = voiced * (passed <= EDGE), voiced * (left <= EDGE)
    pitch = contours[:, PITCH]
    mean, beginning, end = (_mean(pitch, weights) for weights in (voiced, first, last))
    time = ((EDGE + 1) / 2 - left) / (EDGE / 2) * last
    slope = ((pitch - end[:, None]) * time).sum(-1) / time.square().sum(-1).clamp(min=0.1)
    how_long = (frames / stretches.clamp(min=1)).clamp(min=1).log()
    numbers = [(stretches + 1).log(), how_long, stretches / length, slope, end - mean, beginning - mean]
    return torch.stack(numbers, dim=1)


def _shares(contours: torch.Tensor, counts: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Of frames above each of the steps, `(batch, 21)`."""
    voiced, inside = counts[:, PITCH, None], counts[:, ENERGY, None]
    above = lambda values, steps: torch.sigmoid((values[:, None] - torch.tensor(steps)[:, None]) / (steps[-1] / 16))  # noqa: E731
    pitch = _mean(above(contours[:, PITCH] - mean[:, 0, None], PITCH_STEPS), voiced)
    voicing = _mean(above(contours[:, VOICING], VOICING_STEPS), inside)
    energy = _mean(above(contours[:, ENERGY] - mean[:, 2, None], ENERGY_STEPS), inside)
    return torch.cat([pitch, voicing, energy], dim=1)


def _loud_spectrum(contours: torch.Tensor, counts: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Groups of bands above the lowest group, in dB, over voiced frames louder than the mean: `(batch, 6)`."""
    loud = counts[:, PITCH] * (contours[:, ENERGY] > mean[:, 2, None])
    levels = torch.stack([_mean(group, loud) for group in _groups(contours)], dim=1)
    return levels[:, 1:] - levels[:, :1]
