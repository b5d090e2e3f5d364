"""Where one speaker's emotions lie, learnt from recordings that nobody has labelled.

An embedding is speaker and emotion and chance. What a bundle brings says where emotions lie about a speaker's centre on
average, and how far speakers differ from that (the between-speaker covariance) against how recordings of one emotion
differ (the within-speaker one, here the identity). Which emotion each recording is of and where this speaker's emotions
lie are found in turn, by expectation-maximisation (Dempster et al., 1977) with the average as prior of the means
(Gauvain & Lee, 1994, MAP adaptation).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tembr.adaptation.belief import softmax

ROUNDS = 20


class TwoCovariance(NamedTuple):
    """What is known of how speakers differ, in a space where recordings of one emotion vary by 1.

    Attributes:
        means: `(labels, d)`, positions of the emotions about a speaker's centre.
        spread: `(d,)`, variance of speakers' own means about these.
        share: what the logarithm of the likelihood weighs against the ensemble's logits, 0 or more.
        prior: recordings that saying nothing weighs against, 0 or more.
    """

    means: np.ndarray
    spread: np.ndarray
    share: float
    prior: float


class SpeakerModel(NamedTuple):
    """Where one speaker's emotions lie.

    Attributes:
        means: `(labels, d)`, positions.
        precisions: `(labels, d)`; −½ Σ precision · (embedding − mean)² is added to the logits.
        offset: `(labels,)`, added to the logits besides; of mean 0.
    """

    means: np.ndarray
    precisions: np.ndarray
    offset: np.ndarray


def fit_speaker(known: TwoCovariance, embeddings: np.ndarray, logits: np.ndarray) -> SpeakerModel:
    """Where a speaker's emotions lie, from recordings of several emotions.

    Args:
        embeddings: of the recordings, `(n, d)`.
        logits: the ensemble's, with the speaker's offset, `(n, labels)`.
    """
    centre, count = embeddings.mean(axis=0), len(embeddings)
    share = known.share * count / (count + known.prior)
    about = embeddings - centre
    means, variances = known.means, 1 + np.broadcast_to(known.spread, known.means.shape)
    for _ in range(ROUNDS):
        chances = softmax(logits + share * _log_likelihoods(about, means, variances))
        certainty = chances.sum(axis=0)[:, None] + 1 / known.spread
        means = (chances.T @ about + known.means / known.spread) / certainty
        variances = 1 + 1 / certainty
    offset = -0.5 * share * np.log(variances).sum(axis=1)
    return SpeakerModel(means + centre, share / variances, offset - offset.mean())


def _log_likelihoods(embeddings: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    apart = (embeddings[:, None] - means) ** 2 / variances
    return -0.5 * (apart + np.log(variances)).sum(axis=-1)
