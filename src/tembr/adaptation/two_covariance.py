"""Where one speaker's emotions lie, learnt from recordings that nobody has labelled.

An embedding is speaker and emotion and chance. What a bundle brings says where emotions lie about a speaker's centre on
average, and how far speakers differ from that (the between-speaker covariance) against how recordings of one emotion
differ (the within-speaker one, on average the identity). Some speakers vary an emotion more than others do: they say it
loudly and softly. With a variance that is too small for them one emotion looks like two. So how far this speaker's
recordings of one emotion differ is estimated first, with the emotions that logits tell; where these are unsure, what
emotions differ by counts as well, and the model has less to say. Which emotion each recording is of and where this
speaker's emotions lie are then found in turn, by expectation-maximisation (Dempster et al., 1977). Means and variances
have the average as prior (Gauvain & Lee, 1994, MAP adaptation).
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from tembr.adaptation.belief import softmax
from tembr.adaptation.offset import weight_of

ROUNDS = 20


class TwoCovariance(NamedTuple):
    """What is known of how speakers differ, in a space where recordings of one emotion vary by 1 on average.

    Attributes:
        means: `(labels, d)`, positions of the emotions about a speaker's centre.
        spread: `(d,)`, variance of speakers' own means about these.
        share: what the logarithm of the likelihood weighs against the ensemble's logits, 0 or more.
        prior: recordings that saying nothing weighs against, 0 or more.
        within_prior: recordings that the belief in that average variance counts for, 0 or more; where it is infinite,
            all speakers' recordings of an emotion are taken to vary by 1.
    """

    means: np.ndarray
    spread: np.ndarray
    share: float
    prior: float
    within_prior: float = inf


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
    share = known.share * weight_of(count, known.prior)
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
    """Variance of a speaker's recordings of one emotion about where it lies, the same for all emotions.

    Args:
        about: embeddings less the speaker's centre, `(n, d)`.
        chances: of each emotion for each recording, `(n, labels)`.

    Returns:
        `(d,)`, shrunk towards 1; positions are those that the average variance gives.
    """
    means, _ = _positions(known, about, chances, np.ones(about.shape[1]))
    apart = np.einsum("nk,nkd->d", chances, (about[:, None] - means) ** 2)
    return 1 + weight_of(len(about), known.within_prior) * (apart / len(about) - 1)


def _positions(
    known: TwoCovariance, about: np.ndarray, chances: np.ndarray, within: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where emotions lie about a speaker's centre, and the variance of what is known of that, `(labels, d)` each."""
    certainty = chances.sum(axis=0)[:, None] / within + 1 / known.spread
    return (chances.T @ about / within + known.means / known.spread) / certainty, 1 / certainty


def _log_likelihoods(embeddings: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    apart = (embeddings[:, None] - means) ** 2 / variances
    return -0.5 * (apart + np.log(variances)).sum(axis=-1)
