"""From an enrolment to what is added to a speaker's logits: one formula for the laboratory and the recognizer.

Two things are learnt. The *offset*: what the ensemble says to this voice whatever is felt, the mean of its logits over
the enrolment, is taken away from every answer, shrunk towards nothing by a prior counted in recordings. And where the
ensemble has embeddings, the *speaker model*: where each emotion lies, see `tembr.adaptation.two_covariance`.

The enrolment is taken for a mixture of emotions about as wide as that of the training data. Recordings of one emotion
alone would be learnt as this speaker's neutral state.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tembr.adaptation.two_covariance import TwoCovariance, fit_speaker

FEW = 8
"""Recordings below which little can be learnt."""


class Knowledge(NamedTuple):
    """What adapting takes beside an enrolment.

    Attributes:
        offset_prior: recordings that the belief in no offset counts for, 0 or more.
        two_covariance: how speakers differ; None where the ensemble has no embedding.
    """

    offset_prior: float
    two_covariance: TwoCovariance | None = None


class Fitted(NamedTuple):
    """What is added to a speaker's logits: `offset − ½ Σ precisions · (embedding − means)²`.

    Attributes:
        offset: `(labels,)`, of mean 0.
        means, precisions: `(labels, d)`; None where the ensemble has no embedding.
    """

    offset: np.ndarray
    means: np.ndarray | None = None
    precisions: np.ndarray | None = None

    def added(self, embeddings: np.ndarray | None) -> np.ndarray:
        """`(n, d)` → `(n, labels)`, or `(labels,)` where there is no embedding."""
        if self.means is None:
            return self.offset
        apart = (self.precisions * (embeddings[:, None] - self.means) ** 2).sum(-1)
        return self.offset - 0.5 * apart


def fit_to_speaker(knowledge: Knowledge, logits: np.ndarray, embeddings: np.ndarray | None = None) -> Fitted:
    """Learn a speaker from an enrolment of several emotions, without labels.

    Args:
        logits: the ensemble's, `(n, labels)`; every recording counts once.
        embeddings: `(n, d)`; None where the ensemble has none.
    """
    offset = offset_of(logits, knowledge.offset_prior)
    if knowledge.two_covariance is None or embeddings is None:
        return Fitted(offset)
    model = fit_speaker(knowledge.two_covariance, embeddings, logits + offset)
    return Fitted(offset + model.offset, model.means, model.precisions)


def offset_of(logits: np.ndarray, prior: float) -> np.ndarray:
    """What takes a speaker's bias away: `(n, labels)` logits → `(labels,)`, of mean 0.

    Assumes that over the recordings no emotion prevails.
    """
    mean = logits.mean(axis=0)
    return -(mean - mean.mean()) * weight_of(len(logits), prior)


def weight_of(recordings: int, prior: float) -> float:
    """What `recordings` count for against a belief worth `prior` of them: from 0 to 1."""
    return recordings / (recordings + prior)
