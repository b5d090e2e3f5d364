"""Dynamic selection: each recording is answered by the members that were right about held-out ones like it.

KNORA-Union of Ko, Sabourin & Britto (2008, "From dynamic classifier selection to dynamic ensemble selection"), with
posteriors instead of votes.
"""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from tembr.ensemble.levelone import LevelOne, Posteriors
from tembr.ensemble.part import Part
from tembr.ensemble.weighting import negative_log_likelihood

NEIGHBOURS = (160, 80, 40, 20, 10, 5)
"""To choose from; of equally good ones the most."""


def fit_knora(level_one: LevelOne) -> Posteriors:
    """Weigh each member by the number of neighbours it was right about; how many are asked, inner folds choose.

    Neighbours are the held-out recordings about which all members together say the most similar things: the Euclidean
    distance between their posteriors.
    """
    part, folds = level_one.part, level_one.folds
    losses = [_loss(part, folds, count) for count in NEIGHBOURS]
    best = NEIGHBOURS[int(np.argmin(losses))]
    return lambda logits: union(part, logits, best)


def union(part: Part, logits: np.ndarray, count: int) -> np.ndarray:
    """Posteriors `(n, classes)` of recordings with these `logits`, from their `count` neighbours in `part`.

    Where no member was right about any of them, all count alike.
    """
    right = part.logits.argmax(axis=2) == part.classes  # (members, held-out)
    votes = right[:, _nearest(part.logits, logits, count)].sum(axis=2).astype(np.float64)  # (members, n)
    votes[:, votes.sum(axis=0) == 0] = 1
    weights = votes / votes.sum(axis=0)
    return np.einsum("mn,mnc->nc", weights, softmax(logits.astype(np.float64), axis=2))


def _nearest(known: np.ndarray, asked: np.ndarray, count: int) -> np.ndarray:
    """Places of the nearest known recordings, `(n, count)`."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=min(count, known.shape[1])).fit(_place(known))
    return index.kneighbors(_place(asked), return_distance=False)


def _place(logits: np.ndarray) -> np.ndarray:
    posteriors = softmax(logits.astype(np.float64), axis=2)
    return posteriors.transpose(1, 0, 2).reshape(logits.shape[1], -1)


def _loss(part: Part, folds, count: int) -> float:
    held = [
        negative_log_likelihood(union(part.at(learnt), part.logits[:, held], count), part.classes[held])
        for learnt, held in folds
    ]
    return float(np.mean(held)) if held else 0.0
