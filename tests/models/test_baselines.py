"""Baselines against scikit-learn's own answers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tembr.errors import CorpusError
from tembr.models import fit_member, member_settings
from tembr.models.data import mean_over_time
from tembr.progress import Progress
from tests.models.conftest import FEATURES, fold_data

MFCC = {"representation": "mfcc"}


def answers(kind: str, data, test: np.ndarray, **settings) -> np.ndarray:
    """Logits of `test`, by a baseline fitted on `data`."""
    chosen = member_settings({"kind": kind, "name": kind} | settings)
    return fit_member(chosen, FEATURES, data, 0, Progress()).answer(data.tables, test)[0]


def test_majority_answers_the_commonest_emotion(demo, tmp_path):
    data = fold_data(demo, np.arange(0, 100), tmp_path)
    logits = answers("majority", data, np.arange(100, 180))
    assert (logits.argmax(1) == np.bincount(demo.classes[:100]).argmax()).all()
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("emotions", [2, 3, 6])
def test_the_svm_answers_as_scikit_learns_own(demo, tmp_path, emotions):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    chosen = np.flatnonzero(demo.classes < emotions)
    learnt, test = chosen[::2], chosen[1::2]
    data = fold_data(demo, learnt, tmp_path)
    means = mean_over_time(data.tables[demo.inputs["mfcc"]], np.arange(180))
    model = make_pipeline(StandardScaler(), SVC(C=10, break_ties=True)).fit(means[learnt], demo.classes[learnt])
    logits = answers("svm", data, test)
    assert (logits.argmax(1) == model.predict(means[test])).all()
    if emotions > 2:
        np.testing.assert_allclose(logits[:, :emotions], model.decision_function(means[test]), atol=1e-3)


def test_an_emotion_missing_from_training_is_never_answered(demo, tmp_path):
    learnt = np.flatnonzero(demo.classes != 0)
    for kind in ("majority", "svm", "discriminants"):
        logits = answers(kind, fold_data(demo, learnt, tmp_path), np.arange(180), **MFCC)
        assert (torch.softmax(torch.from_numpy(logits), 1)[:, 0] < 1e-6).all(), kind


def test_discriminants_of_one_recording_each_are_refused():
    settings = member_settings({"kind": "discriminants", "name": "d"})
    module = SimpleNamespace(classes=3)
    with pytest.raises(CorpusError, match="d: needs several recordings of an emotion by one speaker"):
        settings._fit(module, np.zeros((3, 2)), np.arange(3), np.array(["a", "a", "b"]))


def test_discriminants_are_those_of_speaker_and_emotion_together(demo, tmp_path):
    from scipy.special import logsumexp
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.preprocessing import StandardScaler

    learnt, test = np.arange(0, 180, 2), np.arange(1, 180, 2)
    data = fold_data(demo, learnt, tmp_path)
    means = mean_over_time(data.tables[demo.inputs["mfcc"]], np.arange(180))
    scaler = StandardScaler().fit(means[learnt])
    groups = np.char.add(demo.speakers, demo.classes.astype(str))
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.01)
    model.fit(scaler.transform(means[learnt]), groups[learnt])
    scores = model.decision_function(scaler.transform(means[test]))
    emotion = np.array([int(group[-1]) for group in model.classes_])
    expected = np.stack([logsumexp(scores[:, emotion == k], axis=1) for k in range(6)], axis=1)
    np.testing.assert_allclose(answers("discriminants", data, test, **MFCC), expected, rtol=1e-3, atol=1e-2)
