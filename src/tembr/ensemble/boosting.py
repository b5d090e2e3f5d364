"""Boosting: small trees on the members' log-posteriors correct equal weights where held-out recordings say how."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from tembr.ensemble.levelone import LevelOne, Posteriors, log_posteriors
from tembr.ensemble.weighted import FLOOR
from tembr.ensemble.weighting import negative_log_likelihood

if TYPE_CHECKING:
    import lightgbm

MOST_ROUNDS, PATIENCE = 300, 20

PARAMETERS = {
    "objective": "multiclass",
    "learning_rate": 0.05,
    "num_leaves": 4,
    "min_data_in_leaf": 20,
    "feature_fraction": 0.5,
    "lambda_l2": 1.0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


def fit_boosting(level_one: LevelOne) -> Posteriors:
    """Boost from the posteriors of equal weights (Ke et al. 2017, "LightGBM"), for as many rounds as inner folds allow.

    Where no round makes the inner folds likelier, or there are none, the answer is that of equal weights.
    """
    rounds = _rounds(level_one)
    if not rounds:
        return lambda logits: np.exp(_equal(logits))
    import lightgbm

    model = lightgbm.train(_parameters(level_one), _dataset(level_one), rounds)

    def posteriors(logits: np.ndarray) -> np.ndarray:
        raw = model.predict(log_posteriors(logits), raw_score=True, num_threads=1)
        return softmax(_equal(logits) + raw, axis=1)

    return posteriors


def _rounds(level_one: LevelOne) -> int:
    """The number at which the inner folds are likeliest on average; 0 where none is better than equal weights."""
    import lightgbm

    part, folds = level_one.part, level_one.folds
    if not folds:
        return 0
    curve = lightgbm.cv(
        _parameters(level_one),
        _dataset(level_one),
        MOST_ROUNDS,
        folds=folds,
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )["valid multi_logloss-mean"]
    equal = np.exp(_equal(part.logits))
    before = np.mean([negative_log_likelihood(equal[held], part.classes[held]) for _, held in folds])
    return int(np.argmin(curve)) + 1 if min(curve) < before else 0


def _parameters(level_one: LevelOne) -> dict:
    return PARAMETERS | {"num_class": level_one.part.logits.shape[2], "seed": level_one.seed}


def _dataset(level_one: LevelOne) -> lightgbm.Dataset:
    import lightgbm

    part = level_one.part
    start = _equal(part.logits).ravel(order="F")  # class by class, as LightGBM reads it
    return lightgbm.Dataset(log_posteriors(part.logits), part.classes, init_score=start, params={"verbose": -1})


def _equal(logits: np.ndarray) -> np.ndarray:
    """Log-posteriors of equal weights, `(n, classes)`."""
    return np.log(np.maximum(softmax(logits.astype(np.float64), axis=2).mean(axis=0), FLOOR))
