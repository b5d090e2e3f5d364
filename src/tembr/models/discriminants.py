"""Linear discriminants to which all speakers of a corpus count alike, and corpora for what they are said to.

A new voice differs from those learnt from as these differ from each other. Where every recording counts once, the
covariance is that of the voices that said most; where a speaker's recordings of an emotion count together, what tells
voices apart counts for as much as it will with strangers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

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


def fit_discriminants(values: np.ndarray, classes: np.ndarray, shares: np.ndarray, shrinkage: float) -> Discriminants:
    """Gaussians with one covariance, every class as likely as another (Fisher, 1936; Rao, 1948).

    Args:
        values: `(n, size)`.
        classes: `(n,)` int.
        shares: `(n,)`, what each recording counts, see `fair_shares`; its sum does not matter.
        shrinkage: share of the covariance's diagonal in what is inverted, 0 to 1.
    """
    values, shares = values.astype(np.float64), shares / shares.sum()
    mean = shares @ values
    deviation = np.sqrt(shares @ (values - mean) ** 2) + FLOOR
    values = np.clip((values - mean) / deviation, -FURTHEST, FURTHEST)
    met, places = np.unique(classes, return_inverse=True)
    means = np.stack([np.average(values[places == k], axis=0, weights=shares[places == k]) for k in range(len(met))])
    apart = (values - means[places]) * np.sqrt(shares)[:, None]
    covariance = apart.T @ apart
    covariance = (1 - shrinkage) * covariance + np.diag(shrinkage * np.diag(covariance) + FLOOR**2)
    weights = np.linalg.solve(covariance, means.T).T
    biases = -0.5 * (weights * means).sum(1)
    return Discriminants(mean, deviation, met, weights - weights.mean(0), biases - biases.mean())


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
    _, voices = np.unique(speakers, return_inverse=True)
    _, said, count = np.unique(np.stack([groups, voices, classes]), axis=1, return_inverse=True, return_counts=True)
    shares = 1 / count[said.ravel()]
    for group in np.unique(groups):
        own = groups == group
        shares[own] *= importance.get(group, 0.0) / shares[own].sum()
    return shares
