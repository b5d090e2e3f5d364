"""Where one speaker's emotions lie, learnt from recordings that nobody has labelled.

An embedding is speaker and emotion and chance. What a bundle brings says where emotions lie about a speaker's centre on
average, and how far speakers differ from that (the between-speaker covariance) against how recordings of one emotion
differ (the within-speaker one, the identity on average). Some speakers say one emotion in more ways than others do,
loudly and softly say, and where that were taken for chance as small as theirs, it would be taken for two emotions. So
how this speaker's recordings of one emotion differ is estimated first, with the emotions that logits tell. Which
emotion each recording is of and where this speaker's emotions lie are found in turn then, by expectation-maximisation
(Dempster et al., 1977). Means and variances have the average as prior (Gauvain & Lee, 1994, MAP adaptation).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tembr.adaptation.belief import softmax

ROUNDS = 20

WITHIN = 10.0
"""Recordings that the belief in the average variance of recordings of one emotion counts for."""


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
    within = _within(known, about, softmax(logits))
    means, variances = known.means, within + np.broadcast_to(known.spread, known.means.shape)
    for _ in range(ROUNDS):
        chances = softmax(logits + share * _log_likelihoods(about, means, variances))
        means, doubt = _positions(known, about, chances, within)
        variances = within + doubt
    offset = -0.5 * share * np.log(variances).sum(axis=1)
    return SpeakerModel(means + centre, share / variances, offset - offset.mean())


def _within(known: TwoCovariance, about: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """How a speaker's recordings of one emotion vary, `(d,)`, if these are the emotions' `chances`, `(n, labels)`."""
    means, _ = _positions(known, about, chances, np.ones(about.shape[1]))
    apart = (chances[..., None] * (about[:, None] - means) ** 2).sum(axis=(0, 1))
    return (WITHIN + apart) / (WITHIN + len(about))


def _positions(
    known: TwoCovariance, about: np.ndarray, chances: np.ndarray, within: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where emotions lie about a speaker's centre, and the variance of what is known of that, `(labels, d)` each."""
    certainty = chances.sum(axis=0)[:, None] / within + 1 / known.spread
    return (chances.T @ about / within + known.means / known.spread) / certainty, 1 / certainty


def _log_likelihoods(embeddings: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    apart = (embeddings[:, None] - means) ** 2 / variances
    return -0.5 * (apart + np.log(variances)).sum(axis=-1)
