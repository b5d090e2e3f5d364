"""Discriminants on what differs from a speaker's mean, fitted on all recordings that members learnt from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from tembr.models.discriminants import FURTHEST, fair_shares, fit_discriminants

FLOOR = 1e-3  # of a deviation
SHRINKAGE = 0.05
"""Of a layer's covariance towards its diagonal."""


class RelativeLogits(nn.Module):
    """Joined embeddings of the members, all layers in a row → relative logits, see `tembr.adaptation.relative`.

    They have no bias: what a speaker is like is taken away in any case.

    Args:
        size: of the joined embeddings.
        labels: outputs.
    """

    def __init__(self, size: int, labels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("weights", torch.zeros(size, labels))

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """`(batch, size)` → `(batch, labels)`."""
        return ((embeddings - self.mean) / self.deviation).clamp(-FURTHEST, FURTHEST) @ self.weights


def fit_relative(
    embeddings: Sequence[np.ndarray],
    classes: np.ndarray,
    speakers: np.ndarray,
    groups: np.ndarray,
    importance: dict[int, float],
    labels: int,
    temperature: float,
) -> RelativeLogits:
    """Fit discriminants on each layer less the mean of each speaker, and take the mean of what they say.

    Args:
        embeddings: `(n, d)` of each layer.
        classes: `(n,)` int, 0 to labels - 1.
        speakers: `(n,)`; through a degradation a speaker is another one. A speaker of one emotion tells nothing.
        groups, importance: see `fair_shares`.
        temperature: relative logits are divided by it, as the ensemble's are.
    """
    found = RelativeLogits(sum(layer.shape[1] for layer in embeddings), labels)
    parts = [_of_layer(layer, classes, speakers, groups, importance, labels) for layer in embeddings]
    for name, values in zip(("mean", "deviation", "weights"), zip(*parts, strict=True), strict=True):
        getattr(found, name).copy_(torch.from_numpy(np.concatenate(values)))
    found.weights /= len(parts) * temperature
    return found.eval()


def _of_layer(
    values: np.ndarray,
    classes: np.ndarray,
    speakers: np.ndarray,
    groups: np.ndarray,
    importance: dict[int, float],
    labels: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and deviation, `(d,)` each, by which one layer is standardised, and weights `(d, labels)`."""
    shares = fair_shares(classes, speakers, groups, importance)
    shares /= shares.sum()
    mean = shares @ values
    deviation = np.sqrt(shares @ (values - mean) ** 2) + FLOOR
    standard = np.clip((values - mean) / deviation, -FURTHEST, FURTHEST)
    apart, usable = less_own_mean(standard, classes, speakers)
    weights = np.zeros((values.shape[1], labels))
    if usable.any():
        discriminants = fit_discriminants(apart[usable], classes[usable], shares[usable], SHRINKAGE)
        weights[:, discriminants.classes] = (discriminants.weights / discriminants.deviation).T
    return mean, deviation, weights


def less_own_mean(values: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values less the mean of their speaker's means of each emotion, `(n, d)`; and if there are several, `(n,)`."""
    apart, usable = np.empty_like(values), np.zeros(len(values), bool)
    _, own = np.unique(speakers, return_inverse=True)
    for places in np.split(np.argsort(own, kind="stable"), np.cumsum(np.bincount(own))[:-1]):
        emotions = np.unique(classes[places])
        centre = np.mean([values[places[classes[places] == k]].mean(axis=0) for k in emotions], axis=0)
        apart[places], usable[places] = values[places] - centre, len(emotions) > 1
    return apart, usable
