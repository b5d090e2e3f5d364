"""What every comparison is held against: always the commonest emotion, and forty averages with an SVM."""

from __future__ import annotations

import time

import numpy as np
from scipy.special import softmax
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tembr.features.store import FeatureTable
from tembr.train.fit import Trained

BASELINES = ("majority", "svm")


def mean_over_time(table: FeatureTable) -> np.ndarray:
    """Time-mean of each bin of each recording, `(recordings, bins)`: all that the SVM is told."""
    return np.stack([table[index].mean(axis=-1) for index in range(len(table))])


def fit_baseline(
    name: str, mfcc: FeatureTable, classes: np.ndarray, parts: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> Trained:
    """Fit 'majority' or 'svm' (RBF, C = 10, on standardised time-means of MFCC) and predict the test part.

    Nothing is chosen on the validation part, so baselines learn from training and validation together. The SVM's
    posteriors are the softmax of its decision function: an order of the classes rather than probabilities.
    """
    train, validation, test = parts
    learnt = np.concatenate([train, validation])
    averages = mean_over_time(mfcc)
    model = DummyClassifier(strategy="prior") if name == "majority" else _svm()
    started = time.perf_counter()
    model.fit(averages[learnt], classes[learnt])
    seconds = time.perf_counter() - started
    scores = np.full((len(test), int(classes.max()) + 1), -np.inf)
    scores[:, model.classes_] = _scores(model, averages[test])
    return Trained(softmax(scores, axis=1), [{"seconds": seconds}], 0)


def _svm():
    return make_pipeline(StandardScaler(), SVC(C=10, kernel="rbf", break_ties=True))


def _scores(model, averages: np.ndarray) -> np.ndarray:
    if isinstance(model, DummyClassifier):
        return np.log(model.predict_proba(averages))
    decision = model.decision_function(averages)
    return np.column_stack([-decision, decision]) if decision.ndim == 1 else decision
