"""Linear discriminants to which all speakers of a corpus count alike, and corpora for what they are said to.

A new voice differs from those learnt from as these differ from each other. Where every recording counts once, the
covariance is that of the voices that said most; where a speaker's recordings of an emotion count together, what tells
voices apart counts for as much as it will with strangers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve

FURTHEST = 6.0
"""Deviations; a value beyond counts as that."""

FLOOR = 1e-3
"""Of a deviation."""


class Discriminants(NamedTuple):
    """A linear classifier on standardised values.

    Attributes:
        mean, deviation: `(size,)`, of values.
        classes: `(k,)` int, rising: those that were met.
        weights, biases: `(k, size)` and `(k,)` of these, for standardised values, clipped at `FURTHEST`; each of mean 0
            over classes, so that the best logit is never below 0.
    """

    mean: np.ndarray
    deviation: np.ndarray
    classes: np.ndarray
    weights: np.ndarray
    biases: np.ndarray

    def logits(self, values: np.ndarray) -> np.ndarray:
        """`(n, size)` → `(n, k)`."""
        standardised = np.clip((values - self.mean) / self.deviation, -FURTHEST, FURTHEST)
        return standardised @ self.weights.T + self.biases


class ClassMoments(NamedTuple):
    """What discriminants are fitted on, of some recordings; of a corpus they are the same in every fold.

    Attributes:
        mean: `(size,)`.
        scatter: sum of products of what is apart from it, `(size, size)`, float32: it is large.
        sums: of every class, of the values, `(labels, size)`.
        counts: of every class, of the shares, `(labels,)`.
    """

    mean: np.ndarray
    scatter: np.ndarray
    sums: np.ndarray
    counts: np.ndarray


def class_moments_of(values: np.ndarray, classes: np.ndarray, shares: np.ndarray, labels: int) -> ClassMoments:
    """Of n recordings.

    Args:
        values: `(n, size)` float32.
        classes: `(n,)` int, 0 to labels - 1.
        shares: `(n,)`, what each recording counts.
    """
    shares = shares.astype(np.float32)
    sums = np.stack([shares[classes == k] @ values[classes == k] for k in range(labels)]).astype(np.float64)
    counts = np.bincount(classes, shares, labels)
    mean = sums.sum(0) / counts.sum()
    apart = values - mean.astype(np.float32)
    apart *= np.sqrt(shares)[:, None]
    return ClassMoments(mean, apart.T @ apart, sums, counts)


def fit_discriminants(values: np.ndarray, classes: np.ndarray, shares: np.ndarray, shrinkage: float) -> Discriminants:
    """Gaussians with one covariance, every class as likely as another (Fisher, 1936; Rao, 1948).

    Args:
        values: `(n, size)` float32.
        classes: `(n,)` int.
        shares: `(n,)`, what each recording counts, see `fair_shares`; its sum does not matter.
        shrinkage: share of the covariance's diagonal in what is inverted, 0 to 1.
    """
    return fit_on_moments([(class_moments_of(values, classes, shares, classes.max() + 1), 1.0)], shrinkage)


def fit_on_moments(parts: Sequence[tuple[ClassMoments, float]], shrinkage: float) -> Discriminants:
    """The same from the moments of some parts of the recordings, and what each part's shares are multiplied by."""
    sums, counts, covariance = joint_moments(parts)
    mean, met = sums.sum(0), np.flatnonzero(counts)
    deviation = np.sqrt(np.diag(covariance)) + FLOOR
    means = (sums[met] / counts[met, None] - mean) / deviation
    covariance /= np.outer(deviation, deviation)
    covariance -= (means * counts[met, None]).T @ means
    own = np.diag(covariance).copy()
    covariance *= 1 - shrinkage
    covariance[np.diag_indices_from(covariance)] += shrinkage * own + FLOOR**2
    weights = solve(covariance, means.T, assume_a="pos" if shrinkage else "gen", overwrite_a=True).T
    biases = -0.5 * (weights * means).sum(1)
    return Discriminants(mean, deviation, met, weights - weights.mean(0), biases - biases.mean())


def joint_moments(parts: Sequence[tuple[ClassMoments, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums and counts of every class where all shares are 1 together, `(labels, size)` and `(labels,)`, and the
    covariance of all, `(size, size)`."""
    total = sum(factor * part.counts.sum() for part, factor in parts)
    factors = [factor / total for _, factor in parts]
    counts = sum(factor * part.counts for (part, _), factor in zip(parts, factors))
    sums = sum(factor * part.sums for (part, _), factor in zip(parts, factors))
    mean = sums.sum(0)
    covariance = np.zeros((len(mean), len(mean)), np.float32)
    for (part, _), factor in zip(parts, factors):
        covariance += np.float32(factor) * part.scatter
    apart = [np.sqrt(factor * part.counts.sum()) * (part.mean - mean) for (part, _), factor in zip(parts, factors)]
    return sums, counts, covariance.astype(np.float64) + np.transpose(apart) @ apart


def fair_shares(
    classes: np.ndarray, speakers: np.ndarray, groups: np.ndarray, importance: dict[int, float]
) -> np.ndarray:
    """What each of n recordings counts, so that a speaker's recordings of an emotion count as any other's of the group.

    Recordings without a name are voices of their own: name all speakers of a corpus, or none.

    Args:
        classes, speakers, groups: `(n,)`; a group is a corpus.
        importance: group → what it counts for in all; nothing where it is not named.

    >>> fair_shares(np.array([0, 0, 1, 0]), np.array(["a", "a", "a", "b"]), np.array([0, 0, 0, 1]), {0: 1.0, 1: 0.2})
    array([0.25, 0.25, 0.5 , 0.2 ])
    """
    shares = voice_shares(classes, speakers, groups)
    for group in np.unique(groups):
        own = groups == group
        shares[own] *= importance.get(group, 0.0) / shares[own].sum()
    return shares


def voice_shares(classes: np.ndarray, speakers: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """What each of n recordings counts where a speaker's recordings of an emotion, in one group, count 1 together."""
    _, voices = np.unique(speakers, return_inverse=True)
    _, said, count = np.unique(np.stack([groups, voices, classes]), axis=1, return_inverse=True, return_counts=True)
    return 1 / count[said.ravel()]
