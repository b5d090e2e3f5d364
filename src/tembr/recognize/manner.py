"""How one speaker shows emotions, learnt from recordings that nobody has labelled.

A bundle knows where emotions lie about a speaker's centre on average and how far speakers differ from that. Which
emotion each recording is of and where this speaker's emotions lie are found in turn, by expectation-maximisation
(Dempster et al., 1977) with the average as prior of the means (Gauvain & Lee, 1994, MAP adaptation).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

ROUNDS = 20


class Manner(NamedTuple):
    """What a bundle knows of how speakers show emotions.

    Attributes:
        means: `(labels, d)`, positions of the emotions about a speaker's centre.
        spread: `(d,)`, variance of speakers' own means about these, where one emotion's recordings vary by 1.
        share: what the logarithm of the likelihood weighs against the networks' logits.
        prior: recordings that saying nothing weighs against.
    """

    means: np.ndarray
    spread: np.ndarray
    share: float
    prior: float


class Own(NamedTuple):
    """Where one speaker's emotions lie.

    Attributes:
        means: `(labels, d)`, positions.
        precisions: `(labels, d)`; −½ Σ precision · (position − mean)² is added to the logits.
        offset: `(labels,)`, added to the logits besides; of mean 0.
    """

    means: np.ndarray
    precisions: np.ndarray
    offset: np.ndarray

    def logits(self, positions: np.ndarray) -> np.ndarray:
        """What is added to the networks' logits: `(n, d)` → `(n, labels)`."""
        apart = positions[:, None] - self.means
        return self.offset - 0.5 * (self.precisions * apart**2).sum(-1)


def learn_manner(manner: Manner, positions: np.ndarray, logits: np.ndarray) -> Own:
    """Where a speaker's emotions lie, from recordings of several emotions.

    Args:
        positions: of the recordings, `(n, d)`.
        logits: the networks', with the speaker's offset, `(n, labels)`.
    """
    centre, count = positions.mean(axis=0), len(positions)
    share = manner.share * count / (count + manner.prior)
    about = positions - centre
    means, variances = manner.means, 1 + np.broadcast_to(manner.spread, manner.means.shape)
    for _ in range(ROUNDS):
        chances = _softmax(logits + share * _log_likelihoods(about, means, variances))
        certainty = chances.sum(axis=0)[:, None] + 1 / manner.spread
        means = (chances.T @ about + manner.means / manner.spread) / certainty
        variances = 1 + 1 / certainty
    offset = -0.5 * share * np.log(variances).sum(axis=1)
    return Own(means + centre, share / variances, offset - offset.mean())


def _log_likelihoods(positions: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    apart = (positions[:, None] - means) ** 2 / variances
    return -0.5 * (apart + np.log(variances)).sum(axis=-1)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
