"""Discriminants on what differs from a speaker's mean, fitted on all recordings that members learnt from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.linalg import solve

from tembr.ensemble.projection import Projection

FLOOR = 1e-3  # of a deviation
SHRINKAGE = 0.1
"""Of a layer's covariance towards its diagonal."""


class Moments(NamedTuple):
    """What discriminants are fitted on, of some voices; moments of several are added up.

    Every voice's recordings of an emotion count as one. Apart: less the mean of its voice's means of each emotion.

    Attributes:
        scatter: of each layer, sum of products of what is apart, `(d, d)`, float32: it is large.
        sums: of each layer and emotion, sum of what is apart, `(labels, d)`.
        first, second: of each layer, sum of the values themselves and of their squares, `(d,)`.
        counts: voices that showed each emotion, `(labels,)`.
    """

    scatter: tuple[np.ndarray, ...]
    sums: tuple[np.ndarray, ...]
    first: tuple[np.ndarray, ...]
    second: tuple[np.ndarray, ...]
    counts: np.ndarray

    def __add__(self, other: Moments) -> Moments:
        return Moments(*(_both(a, b) for a, b in zip(self[:-1], other[:-1])), self.counts + other.counts)

    def times(self, factor: float) -> Moments:
        """As if there were so many times as many voices."""
        return Moments(*(tuple(factor * one for one in part) for part in self[:-1]), factor * self.counts)


def _both(ours: tuple[np.ndarray, ...], theirs: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    return tuple(one + other for one, other in zip(ours, theirs, strict=True))


def moments_of(layers: Sequence[np.ndarray], classes: np.ndarray, labels: int) -> Moments | None:
    """Of one voice; None where it shows one emotion alone, which tells nothing.

    Args:
        layers: states of its recordings, `(n, d)` each.
        classes: `(n,)` int, 0 to labels - 1.
    """
    counts = np.bincount(classes, minlength=labels)
    if np.count_nonzero(counts) < 2:
        return None
    shares = (1 / counts[classes]).astype(np.float32)[:, None]
    parts = [_of_layer(layer, shares, classes, labels) for layer in layers]
    return Moments(*zip(*parts, strict=True), (counts > 0).astype(np.float64))


def _of_layer(values: np.ndarray, shares: np.ndarray, classes: np.ndarray, labels: int) -> tuple[np.ndarray, ...]:
    weighted = shares * values
    first = weighted.sum(axis=0)
    apart = values - first / shares.sum()
    sums = np.stack([(shares * apart)[classes == label].sum(axis=0, dtype=np.float64) for label in range(labels)])
    apart *= np.sqrt(shares)
    return apart.T @ apart, sums, first.astype(np.float64), (weighted * values).sum(axis=0).astype(np.float64)


def sum_of(moments: Iterable[Moments | None]) -> Moments | None:
    """Moments of all voices together that have some; None where none has."""
    total = None
    for one in moments:
        if one is not None:
            total = one if total is None else total + one
    return total


def fit_relative(groups: Sequence[tuple[Moments, float]], temperature: float) -> Projection:
    """Discriminants on each layer, Gaussians of one covariance and all as likely, and the mean of what they say.

    They have no bias: what a speaker is like is taken away in any case.

    Args:
        groups: moments of the voices of each corpus, and what it counts for in all, however many these are.
        temperature: relative logits are divided by it, as the ensemble's are.

    Returns:
        joined embeddings of the members, all layers in a row → relative logits, see `tembr.adaptation.relative`.
    """
    parts = [moments.times(share / moments.counts.sum()) for moments, share in groups if share > 0]
    joined = sum_of(parts)
    joined = joined.times(1 / joined.counts.sum())
    labels = len(joined.counts)
    found = Projection(sum(len(first) for first in joined.first), labels)
    deviations = [np.sqrt(np.maximum(b - a**2, 0)) + FLOOR for a, b in zip(joined.first, joined.second)]
    weights = [_weights(*layer, joined.counts) for layer in zip(joined.scatter, joined.sums)]
    scaled = [layer * deviation[:, None] for layer, deviation in zip(weights, deviations)]
    for name, values in (("mean", joined.first), ("deviation", deviations), ("directions", scaled)):
        getattr(found, name).copy_(torch.from_numpy(np.concatenate(values)))
    found.directions /= len(weights) * temperature
    return found.eval()


def _weights(scatter: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Of one layer's values, `(d, labels)`; emotions that nobody showed have none."""
    met = counts > 0
    means = sums[met] / counts[met, None]
    within = scatter - (means * counts[met, None]).T @ means
    within = (1 - SHRINKAGE) * within + np.diag(SHRINKAGE * np.diag(within) + FLOOR**2)
    weights = np.zeros((len(scatter), len(counts)))
    weights[:, met] = solve(within, means.T, assume_a="pos", overwrite_a=True)
    weights[:, met] -= weights[:, met].mean(axis=1, keepdims=True)
    return weights
