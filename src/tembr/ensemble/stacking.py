"""Stacking: a logistic regression on the members' log-posteriors, learnt where no member was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from tembr.ensemble.levelone import LevelOne, Posteriors, log_posteriors
from tembr.ensemble.weighting import negative_log_likelihood

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse regularisation strengths (scikit-learn's C) to choose from."""


def fit_stacking(level_one: LevelOne) -> Posteriors:
    """Learn to read the members (Wolpert 1992), as strongly regularised as makes the inner folds likeliest.

    Without inner folds regularisation is the strongest.
    """
    part = level_one.part
    features, size = log_posteriors(part.logits), part.logits.shape[2]
    if len(np.unique(part.classes)) < 2:  # nothing to tell apart
        return lambda logits: np.tile(np.eye(size)[part.classes[0]], (logits.shape[1], 1))
    losses = [_loss(features, part.classes, level_one.folds, strength, size) for strength in STRENGTHS]
    model = _model(STRENGTHS[int(np.argmin(losses))]).fit(features, part.classes)
    return lambda logits: _posteriors(model, log_posteriors(logits), size)


def _model(strength: float) -> LogisticRegression:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=2_000)


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
