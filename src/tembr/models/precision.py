"""How sure a classifier may be of a recording that is unlike all that it learnt from.

Discriminants take recordings of an emotion for a Gaussian, whose tails are thin: far from all that was learnt from,
where recordings of an unknown language or room lie, they are surest. Where the variance differs from one recording to
another (a multivariate t distribution), what a classifier says of one is to be multiplied by the precision that is
expected of it, (ν + d) / (ν + m²), m being its distance from the mean (Mahalanobis, in d dimensions) and ν the degrees
of freedom: about 1 for recordings like those that were learnt from, less for others (Lange, Little & Taylor, 1989,
"Robust statistical modeling using the t distribution").
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tembr.models.discriminants import FLOOR, FURTHEST

AXES = 256
"""Principal axes that count at most, those of the greatest variance; the others say much the same."""

RECORDINGS = 4
"""As many have to have been learnt from for each axis: of few recordings distances tell nothing."""


class ExpectedPrecision(nn.Module):
    """Values → what logits are multiplied by, `(batch, size)` → `(batch, 1)`, above 0 and at most 1 + d / ν.

    Args:
        size: of the values.
        degrees: ν, above 0.
    """

    def __init__(self, size: int, degrees: float):
        super().__init__()
        self.degrees = degrees
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("projection", torch.zeros(size, min(AXES, size)))  # by its name it is not quantised

    def fit(self, mean: np.ndarray, covariance: np.ndarray, count: int) -> None:
        """Take a mean, `(size,)`, and a covariance, `(size, size)`, of `count` recordings that were learnt from."""
        deviation = np.sqrt(np.diag(covariance)) + FLOOR
        variances, axes = np.linalg.eigh(covariance / np.outer(deviation, deviation))
        first = max(len(mean) - self.projection.shape[1], len(mean) - count // RECORDINGS)
        kept = np.arange(first, len(mean))[variances[first:] > FLOOR]
        white = np.zeros(self.projection.shape)
        white[:, self.projection.shape[1] - len(kept) :] = axes[:, kept] / np.sqrt(variances[kept])
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(deviation))
        self.projection.copy_(torch.from_numpy(white.astype(np.float16)))  # whole in half precision: stored so

    @property
    def dimensions(self) -> torch.Tensor:
        """Axes that count."""
        return self.projection.abs().amax(0).gt(0).sum()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        standardised = ((values - self.mean) / self.deviation).clamp(-FURTHEST, FURTHEST)
        distance = (standardised @ self.projection).square().sum(-1, keepdim=True)
        return (self.degrees + self.dimensions) / (self.degrees + distance)
