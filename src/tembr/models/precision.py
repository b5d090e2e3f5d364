"""How sure a classifier may be of a recording that is unlike all that it learnt from.

Discriminants take recordings of an emotion for a Gaussian, whose tails are thin: far from all that was learnt from,
where recordings of an unknown language or room lie, they are surest. Where the variance differs from one to another
(a multivariate t distribution), what a classifier says of one is to be multiplied by the precision that is expected of
it, (ν + d) / (ν + m²), m being its distance from the mean (Mahalanobis, in d dimensions) and ν the degrees of freedom:
1 about as far away as those that were learnt from, less beyond (Lange, Little & Taylor, 1989, "Robust statistical
modeling using the t distribution").
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tembr.models.discriminants import FLOOR, FURTHEST

AXES = 256
"""Principal axes that count, those of the greatest variance; the others say much the same."""


class ExpectedPrecision(nn.Module):
    """Pooled values → what logits are multiplied by, `(batch, size)` → `(batch, 1)`, above 0, below 1 + d / ν.

    Args:
        size: of the values.
        degrees: ν, above 0.
    """

    def __init__(self, size: int, degrees: float):
        super().__init__()
        self.degrees, self.dimensions = degrees, min(AXES, size)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("projection", torch.zeros(size, self.dimensions))

    def fit(self, mean: np.ndarray, covariance: np.ndarray) -> None:
        """Take a mean, `(size,)`, and a covariance, `(size, size)`, of what was learnt from."""
        deviation = np.sqrt(np.diag(covariance)) + FLOOR
        variances, axes = np.linalg.eigh(covariance / np.outer(deviation, deviation))
        kept = slice(-self.dimensions, None)
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(deviation))
        white = axes[:, kept] / np.sqrt(np.maximum(variances[kept], FLOOR**2))
        self.projection.copy_(torch.from_numpy(white.astype(np.float16)))  # whole in half precision: stored so

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        standardised = ((pooled - self.mean) / self.deviation).clamp(-FURTHEST, FURTHEST)
        distance = (standardised @ self.projection).square().sum(-1, keepdim=True)
        return (self.degrees + self.dimensions) / (self.degrees + distance)
