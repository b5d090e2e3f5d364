"""What an ensemble says to one voice whatever is felt, told from what an enrolment happens to hold.

The mean of the logits over an enrolment is of both: of the voice, the room and the language, and of the emotions that
were recorded. So the emotions' shares and the offset are estimated in turn: what the estimated mixture would give on
average (`Offsets.typical`) is no bias, the rest is. Recordings of one emotion then change little, and those of a few
are not taken for all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tembr.adaptation.belief import softmax

ROUNDS = 30


class Offsets(NamedTuple):
    """What is known of an ensemble's logits before an enrolment is heard.

    Attributes:
        typical: `(labels, labels)`, mean logits of recordings of each emotion (rows), of speakers that no member learnt
            from, speakers alike however much they said.
        prior: recordings that the belief in no offset counts for, 0 or more.
        mixture: recordings of each emotion that the belief in an even mixture counts for, above 0.
    """

    typical: np.ndarray
    prior: float
    mixture: float


def fit_offset(known: Offsets, logits: np.ndarray) -> np.ndarray:
    """What takes a speaker's bias away: `(n, labels)` logits → `(labels,)`, of mean 0."""
    offset = np.zeros(logits.shape[1])
    for _ in range(ROUNDS):
        offset = offset_of(known, logits, logits + offset)
    return offset


def offset_of(known: Offsets, logits: np.ndarray, adapted: np.ndarray) -> np.ndarray:
    """What takes a speaker's bias away, the mixture of emotions being what `adapted` logits, `(n, labels)`, tell."""
    count, labels = logits.shape
    shares = (softmax(adapted).sum(axis=0) + known.mixture) / (count + labels * known.mixture)
    bias = logits.mean(axis=0) - shares @ known.typical
    return -(bias - bias.mean()) * weight_of(count, known.prior)


def typical_logits(logits: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """`Offsets.typical` from recordings of held-out speakers.

    Args:
        logits: `(n, labels)`.
        classes, speakers: `(n,)`.

    Returns:
        `(labels, labels)`; the row of an emotion that is not there is the mean of the others.
    """
    rows = np.full((logits.shape[1],) * 2, np.nan)
    for label in np.unique(classes):
        own = [logits[(classes == label) & (speakers == s)] for s in np.unique(speakers[classes == label])]
        rows[label] = np.mean([values.mean(axis=0) for values in own], axis=0)
    return np.where(np.isnan(rows), np.nanmean(rows, axis=0), rows)


def weight_of(recordings: int, prior: float) -> float:
    """What `recordings` count for against a belief worth `prior` of them: from 0 to 1."""
    return recordings / (recordings + prior)
