"""How far an enrolment is believed: whether it shows several emotions, and whether the voice is like those learnt from.

Where a speaker's emotions lie can be found in a mixture of them alone: in recordings of one emotion the model of a
speaker would find the others too. And it holds for voices, rooms and languages like those it was learnt from.
"""

from __future__ import annotations

import numpy as np

SEVERAL = (0.2, 0.4)
"""Nats of mutual information: up to the first an enrolment shows one emotion, from the second on several."""

FAMILIAR = (1.3, 1.6)
"""Deviations of speakers' centres: up to the first a voice is like those learnt from, from the second on it is not."""


def belief(logits: np.ndarray, embeddings: np.ndarray, centres: np.ndarray, centre_spread: np.ndarray) -> float:
    """How far a model of where a speaker's emotions lie is to be believed, 0 to 1.

    Args:
        logits: of an enrolment, `(n, labels)`.
        embeddings: `(n, d)`.
        centres, centre_spread: see `tembr.adaptation.two_covariance.TwoCovariance`.
    """
    return several(logits) * (1 - _ramp(novelty(embeddings, centres, centre_spread), *FAMILIAR))


def several(logits: np.ndarray) -> float:
    """How far an enrolment, `(n, labels)` logits, shows several emotions, 0 to 1."""
    return _ramp(mutual_information(logits), *SEVERAL)


def mutual_information(logits: np.ndarray) -> float:
    """Of emotion and recording, nats: the entropy of the mean posterior less the mean entropy of the posteriors.

    0 where every recording gets the same answer, log(labels) where they share the emotions out evenly and surely; of
    acted emotions of one speaker 0.4 and more, of one emotion 0.2 and less.
    """
    posteriors = softmax(logits)
    return float(_entropy(posteriors.mean(axis=0)) - _entropy(posteriors).mean())


def novelty(embeddings: np.ndarray, centres: np.ndarray, centre_spread: np.ndarray) -> float:
    """How far the mean of an enrolment lies from the nearest corpus' centre, in deviations of a speaker's own.

    Root of the mean over dimensions of the squared distance (Mahalanobis, with a diagonal covariance): about 1 for a
    voice of a corpus that was learnt from.
    """
    apart = (embeddings.mean(axis=0) - centres) ** 2 / centre_spread
    return float(np.sqrt(apart.mean(axis=1).min()))


def softmax(logits: np.ndarray) -> np.ndarray:
    """`(n, labels)` → rows that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _entropy(posteriors: np.ndarray) -> np.ndarray:
    return -(posteriors * np.log(np.maximum(posteriors, 1e-12))).sum(axis=-1)


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))
