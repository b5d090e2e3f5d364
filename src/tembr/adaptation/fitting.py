"""From an enrolment to what is added to a speaker's logits: one formula for the laboratory and the recognizer.

Two things are learnt. The *offset* (`tembr.adaptation.offset`): what the ensemble says to this voice whatever is felt,
less what the emotions of the enrolment would give. And where the ensemble has embeddings, the *speaker model*
(`tembr.adaptation.two_covariance`): where each emotion lies, weighed by how far the enrolment is to be believed
(`tembr.adaptation.belief`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tembr.adaptation.belief import belief
from tembr.adaptation.offset import Offsets, fit_offset
from tembr.adaptation.two_covariance import TwoCovariance, fit_speaker

FEW = 8
"""Recordings below which little can be learnt."""


class Knowledge(NamedTuple):
    """What adapting takes beside an enrolment.

    Attributes:
        offsets: what the ensemble's logits are on average.
        two_covariance: how speakers differ; None where the ensemble has no embedding.
        strength: what is learnt of a speaker counts for this much, 0 to 1: as much as made the answers to held-out
            speakers better.
    """

    offsets: Offsets
    two_covariance: TwoCovariance | None = None
    strength: float = 1.0


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
    """Learn a speaker from an enrolment without labels; the more it shows of the emotions, the more is learnt.

    Args:
        logits: the ensemble's, `(n, labels)`; every recording counts once.
        embeddings: `(n, d)`; None where the ensemble has none.
    """
    offset, known, strength = fit_offset(knowledge.offsets, logits), knowledge.two_covariance, knowledge.strength
    if known is None or embeddings is None:
        return Fitted(strength * offset)
    share = known.share * belief(logits, embeddings, known.centres, known.centre_spread)
    model = fit_speaker(known._replace(share=share), embeddings, logits + offset)
    return Fitted(strength * (offset + model.offset), model.means, strength * model.precisions)
