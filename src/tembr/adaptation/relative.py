"""Emotions told from how a recording differs from the mean of its speaker's own.

Discriminants that were learnt on recordings less their speaker's mean heed what tells emotions apart within a voice,
and nothing of what tells voices apart. Of an unknown speaker they say anything; of one whose mean is known they are
better than those for everybody. The mean need not be taken from the states: of linear discriminants it is an offset of
their logits, told from the mixture of emotions that an enrolment holds as any other (`tembr.adaptation.offset`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tembr.adaptation.belief import softmax


class Relative(NamedTuple):
    """What is known of relative logits before an enrolment is heard.

    Attributes:
        typical: `(labels, labels)`, mean relative logits of recordings of each emotion (rows), of speakers that were
            not learnt from, about each speaker's own centre.
        share: what they count of an answer to a speaker of whom several emotions were heard in many recordings, 0 to 1;
            the ensemble's logits count the rest.
        mixture: see `tembr.adaptation.offset.Offsets`.
        prior: recordings that the belief in the ensemble's logits alone counts for: the mean of few is not the
            speaker's.
    """

    typical: np.ndarray
    share: float
    mixture: float
    prior: float = 0.0

    def share_of(self, count: int) -> float:
        """`share` for an enrolment of so many recordings."""
        return self.share * count / (count + self.prior)


def relative_offset(known: Relative, logits: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """What takes a speaker's mean away: `(labels,)`, of mean 0.

    Args:
        logits: of an enrolment, adapted as far as is known, `(n, labels)`: they tell its mixture of emotions.
        relative: relative logits of the same recordings, `(n, labels)`.
    """
    count, labels = logits.shape
    shares = (softmax(logits).sum(axis=0) + known.mixture) / (count + labels * known.mixture)
    bias = relative.mean(axis=0) - shares @ known.typical
    return bias.mean() - bias


def typical_relative(relative: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """`Relative.typical` from recordings of held-out speakers, speakers alike however much they said.

    Args:
        relative: `(n, labels)`.
        classes, speakers: `(n,)`.

    Returns:
        `(labels, labels)`; the row of an emotion that nobody showed beside another is 0.
    """
    labels = relative.shape[1]
    found: list[list[np.ndarray]] = [[] for _ in range(labels)]
    for speaker in np.unique(speakers):
        own, said = relative[speakers == speaker], classes[speakers == speaker]
        means = {label: own[said == label].mean(axis=0) for label in np.unique(said)}
        if len(means) > 1:
            centre = np.mean(list(means.values()), axis=0)
            for label, mean in means.items():
                found[label].append(mean - centre)
    return np.array([np.mean(rows, axis=0) if rows else np.zeros(labels) for rows in found])
