"""A linear classifier over functionals: what each contour does over a recording, in a few numbers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import nn

from tembr.errors import ConfigError
from tembr.features.voice import ENERGY, PITCH, VOICING
from tembr.voices.pool import Pool
from tembr.voices.settings import VoiceSettings

GROUPS = 7
"""Stretches of the bands that are averaged to curves; the highest but one less the second lowest is the tilt."""

OF_A_CURVE = (
    "mean", "deviation", "skewness", "slope", "curvature", "beginning", "end", "change", "rise", "fall",
    "upper", "lower",
)  # fmt: skip
"""Functionals of each curve, in the order of `functionals`."""

OF_A_RECORDING = ("log length", "voiced share", "runs per frame", "log runs")


def curves(contours: torch.Tensor, counts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Pitch, voicing, energy, tilt and seven groups of bands, with what is heard of each.

    `(batch, rows, frames)` twice → `(batch, 11, frames)` twice.
    """
    bands = contours.shape[1] + PITCH
    edges = [round(bands * share) for share in (0.0, 0.1, 0.2, 0.325, 0.475, 0.625, 0.8, 1.0)]
    groups = [contours[:, low:high].mean(1) for low, high in pairwise(edges)]
    named = [contours[:, PITCH], contours[:, VOICING], contours[:, ENERGY], groups[5] - groups[1]]
    heard = [counts[:, PITCH], *([counts[:, ENERGY]] * (3 + GROUPS))]
    return torch.stack([*named, *groups], dim=1), torch.stack(heard, dim=1)


def functionals(contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Numbers of a recording: of each curve those of `OF_A_CURVE`, then `OF_A_RECORDING`.

    Time runs from −1 at the first frame heard to 1 at the last. `upper` and `lower` are the logarithms of the mean of
    exp(z) and exp(−z) of the standardised curve: smooth kin of its highest and lowest percentiles, which need no
    sorting. All weigh frames by what is heard, so that silence around the speech changes nothing.

    Args:
        contours, counts: as `extract` and `heard` give them, `(batch, rows, frames)`.

    Returns:
        `(batch, 11 · 12 + 4)`; 0 where nothing is heard of a curve.
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
    return torch.cat([*numbers, rise, fall, upper, lower, _of_the_recording(counts)], dim=1)


def _of_the_recording(counts: torch.Tensor) -> torch.Tensor:
    length = counts[:, ENERGY].sum(-1, keepdim=True).clamp(min=1)
    voiced = counts[:, PITCH]
    runs = (voiced[:, 1:] - voiced[:, :-1]).abs().sum(-1, keepdim=True)
    share = voiced.sum(-1, keepdim=True) / length
    return torch.cat([length.log(), share, runs / length, (runs + 1).log()], dim=1)


class FunctionalsClassifier(nn.Module):
    """Functionals → logits, linear. It hears contours as they are, not relative to a level.

    Args:
        classes: outputs.
    """

    absolute = True

    def __init__(self, classes: int):
        super().__init__()
        self.output = nn.Linear((4 + GROUPS) * len(OF_A_CURVE) + len(OF_A_RECORDING), classes)

    def forward(self, contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """`(batch, rows, frames)` twice → `(batch, classes)`."""
        return self.output(functionals(contours, counts))


def fit_functionals(pool: Pool, indices: np.ndarray, settings: VoiceSettings) -> FunctionalsClassifier:
    """Linear discriminant analysis with shrinkage over the recordings at `indices` whose emotion is asked for.

    With `settings.centred` each speaker's functionals are taken less their mean: the offset of the logits that a
    recognizer adapts to a speaker is the mean of that speaker's.

    Raises:
        ConfigError: fewer than two emotions.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    chosen = indices[np.isin(pool.classes[indices], pool.columns)]
    classes = np.unique(pool.classes[chosen])
    if len(classes) < 2:
        raise ConfigError("functionals: fewer than two emotions to learn")
    values = _functionals(pool, chosen)
    if settings.centred:
        for speaker in np.unique(pool.speakers[chosen]):
            own = pool.speakers[chosen] == speaker
            values[own] -= values[own].mean(0)
    mean, deviation = values.mean(0), values.std(0) + 1e-6
    analysis = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=settings.shrinkage)
    analysis.fit((values - mean) / deviation, pool.classes[chosen])
    slopes, offsets = analysis.coef_, analysis.intercept_
    if len(classes) == 2:
        slopes, offsets = np.vstack([-slopes, slopes]) / 2, np.concatenate([-offsets, offsets]) / 2
    classifier = FunctionalsClassifier(len(pool.labels)).eval()
    with torch.no_grad():
        classifier.output.weight.zero_()
        classifier.output.bias.zero_()
        classifier.output.weight[classes] = torch.from_numpy(slopes / deviation).float()
        classifier.output.bias[classes] = torch.from_numpy(offsets - slopes @ (mean / deviation)).float()
    return classifier


def _functionals(pool: Pool, indices: np.ndarray) -> np.ndarray:
    parts = torch.as_tensor(indices).split(256)
    return torch.cat([functionals(pool.contours[p], pool.weights[p].float()) for p in parts]).double().numpy()
