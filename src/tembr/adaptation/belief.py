"""How far an enrolment is believed: whether it shows several emotions.

Where a speaker's emotions lie can be found in a mixture of them alone: in recordings of one emotion the model of a
speaker would find the others too.
"""

from __future__ import annotations

import numpy as np

SEVERAL = (0.2, 0.4)
"""Nats of mutual information: up to the first an enrolment shows one emotion, from the second on several."""


def several(logits: np.ndarray) -> float:
    """How far an enrolment, `(n, labels)` logits, shows several emotions, 0 to 1."""
    low, high = SEVERAL
    return float(np.clip((mutual_information(logits) - low) / (high - low), 0, 1))


def mutual_information(logits: np.ndarray) -> float:
    """Of emotion and recording, nats: the entropy of the mean posterior less the mean entropy of the posteriors.

    0 where every recording gets the same answer, log(labels) where they share the emotions out evenly and surely; of
    acted emotions of one speaker 0.4 and more, of one emotion 0.2 and less.
    """
    posteriors = softmax(logits)
    return float(_entropy(posteriors.mean(axis=0)) - _entropy(posteriors).mean())


def softmax(logits: np.ndarray) -> np.ndarray:
    """`(n, labels)` → rows that sum to 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _entropy(posteriors: np.ndarray) -> np.ndarray:
    return -(posteriors * np.log(np.maximum(posteriors, 1e-12))).sum(axis=-1)
