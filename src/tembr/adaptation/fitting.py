"""From an enrolment to what is added to a speaker's logits: one formula for the laboratory and the recognizer.

Three things are learnt. The *offset* (`tembr.adaptation.offset`): what the ensemble says to this voice whatever is
felt, less what the emotions of the enrolment would give. Where the ensemble has embeddings, *relative logits*
(`tembr.adaptation.relative`): what emotion a recording is by how it differs from the speaker's mean. And the *speaker
model* (`tembr.adaptation.two_covariance`): where each emotion lies, and how far recordings of one differ. Both are
weighed by how far the enrolment is to be believed (`tembr.adaptation.belief`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tembr.adaptation.belief import several
from tembr.adaptation.offset import Offsets, fit_offset, offset_of
from tembr.adaptation.relative import Relative, relative_offset
from tembr.adaptation.two_covariance import TwoCovariance, fit_speaker

FEW = 8
"""Recordings below which little can be learnt."""

ROUNDS = 2
"""What is learnt tells which emotions an enrolment holds better than logits do, and so what is to be learnt."""


class EnsembleOutputs(NamedTuple):
    """What an ensemble says of n recordings.

    Attributes:
        logits: `(n, labels)`.
        embeddings: `(n, d)`; None where it has none.
        relative: relative logits, `(n, labels)`; None where it has none.
    """

    logits: np.ndarray
    embeddings: np.ndarray | None = None
    relative: np.ndarray | None = None

    def at(self, places: np.ndarray) -> EnsembleOutputs:
        """The same of some of the recordings only."""
        return EnsembleOutputs(*(None if values is None else values[places] for values in self))


class Knowledge(NamedTuple):
    """What adapting takes beside an enrolment.

    Attributes:
        offsets: what the ensemble's logits are on average.
        two_covariance: how speakers differ; None where the ensemble has no embedding.
        strength: what is learnt of a speaker counts for this much, 0 to 1: as much as made the answers to held-out
            speakers better.
        relative: of relative logits; None where the ensemble has none.
    """

    offsets: Offsets
    two_covariance: TwoCovariance | None = None
    strength: float = 1.0
    relative: Relative | None = None


class Fitted(NamedTuple):
    """What is added to logits: `offset + share · (relative − logits) − ½ Σ precisions · (embedding − means)²`.

    Attributes:
        offset: `(labels,)`, of mean 0.
        means, precisions: `(labels, d)`; None where the ensemble has no embedding.
        share: of relative logits, 0 to 1.
    """

    offset: np.ndarray
    means: np.ndarray | None = None
    precisions: np.ndarray | None = None
    share: float = 0.0

    def added(self, said: EnsembleOutputs) -> np.ndarray:
        """What is added to the logits of n recordings, `(n, labels)`."""
        found = np.broadcast_to(self.offset, said.logits.shape)
        if said.relative is not None:
            found = found + self.share * (said.relative - said.logits)
        if self.means is not None:
            found = found - 0.5 * (self.precisions * (said.embeddings[:, None] - self.means) ** 2).sum(-1)
        return found

    def times(self, strength: float) -> Fitted:
        """What adds `strength` times as much."""
        precisions = None if self.precisions is None else strength * self.precisions
        return Fitted(strength * self.offset, self.means, precisions, strength * self.share)


def fit_to_speaker(knowledge: Knowledge, said: EnsembleOutputs) -> Fitted:
    """Learn a speaker from an enrolment without labels; the more it shows of the emotions, the more is learnt.

    Args:
        said: of the enrolment; every recording counts once.
    """
    fitted = alone = Fitted(fit_offset(knowledge.offsets, said.logits))
    for _ in range(ROUNDS):
        fitted = _fit(knowledge, said, alone.offset, said.logits + fitted.added(said))
    return fitted.times(knowledge.strength)


def _fit(knowledge: Knowledge, said: EnsembleOutputs, alone: np.ndarray, adapted: np.ndarray) -> Fitted:
    """One round: all that is learnt, where `adapted` logits tell which emotion each recording is of.

    Args:
        alone: offset that the logits tell by themselves, `(labels,)`.
        adapted: by what was learnt before, `(n, labels)`.
    """
    logits, believed, share = said.logits, several(said.logits), 0.0
    offset = (1 - believed) * alone + believed * offset_of(knowledge.offsets, logits, adapted)
    if knowledge.relative is not None and said.relative is not None:
        share = knowledge.relative.share_of(len(logits)) * believed
        offset = (1 - share) * offset + share * relative_offset(knowledge.relative, adapted, said.relative)
    fitted, known = Fitted(offset, share=share), knowledge.two_covariance
    if known is None or said.embeddings is None:
        return fitted
    adapted = logits + fitted.added(said)
    model = fit_speaker(known._replace(share=known.share * believed), said.embeddings, adapted)
    return Fitted(offset + model.offset, model.means, model.precisions, share)
