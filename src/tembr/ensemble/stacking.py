"""Stacking: a logistic regression on the members' log-posteriors, learnt where no member was trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_softmax, softmax

from tembr.ensemble.heldout import Part
from tembr.ensemble.weighting import negative_log_likelihood

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisation strengths (scikit-learn's C) to choose from."""

INNER_FOLDS = 5
LEAST_LOG = -12.0
"""Log-posteriors are cut here: a network that is certain says no more by being ten times as certain."""


def fit_stacking(part: Part, seed: int, by_speaker: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Learn to read the members on `part`; what comes back turns logits `(members, n, classes)` into posteriors.

    The strength of regularisation is the one with the likeliest answers in folds within `part`.

    Args:
        seed: of the inner folds.
        by_speaker: no speaker on both sides of an inner fold, where `part` has several (Wolpert 1992, "Stacked
            generalization", with groups).
    """
    features, size = _features(part.logits), part.logits.shape[2]
    if len(np.unique(part.classes)) < 2:  # nothing to tell apart
        return lambda logits: np.tile(np.eye(size)[part.classes[0]], (logits.shape[1], 1))
    folds = _inner_folds(part, seed, by_speaker)
    losses = [_loss(features, part.classes, folds, strength, size) for strength in STRENGTHS]
    model = _model(STRENGTHS[int(np.argmin(losses))]).fit(features, part.classes)
    return lambda logits: _posteriors(model, _features(logits), size)


def _features(logits: np.ndarray) -> np.ndarray:
    """`(members, n, classes)` → log-posteriors `(n, members · classes)`."""
    scaled = np.maximum(log_softmax(logits, axis=-1), LEAST_LOG)
    return scaled.transpose(1, 0, 2).reshape(logits.shape[1], -1)


def _model(strength: float) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=2_000)


def _inner_folds(part: Part, seed: int, by_speaker: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import GroupKFold, StratifiedKFold

    speakers = len(np.unique(part.speakers))
    if by_speaker and speakers > 1:
        splits = GroupKFold(min(INNER_FOLDS, speakers)).split(part.classes, groups=part.speakers)
    else:
        scarcest = np.unique(part.classes, return_counts=True)[1].min()
        if scarcest < 2:
            return []
        splitter = StratifiedKFold(min(INNER_FOLDS, scarcest), shuffle=True, random_state=seed)
        splits = splitter.split(part.classes, part.classes)
    return [(learnt, held) for learnt, held in splits if len(np.unique(part.classes[learnt])) > 1]


def _loss(features, classes, folds, strength: float, size: int) -> float:
    held = [
        negative_log_likelihood(
            _posteriors(_model(strength).fit(features[learnt], classes[learnt]), features[held], size), classes[held]
        )
        for learnt, held in folds
    ]
    return float(np.mean(held)) if held else 0.0


def _posteriors(model: LogisticRegression, features: np.ndarray, size: int) -> np.ndarray:
    """`(n, classes)`; a class the model never met has posterior 0."""
    decision = model.decision_function(features)
    decision = np.column_stack([-decision / 2, decision / 2]) if decision.ndim == 1 else decision
    scores = np.full((len(features), size), -np.inf)
    scores[:, model.classes_] = decision
    return softmax(scores, axis=1)
