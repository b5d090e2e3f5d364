from __future__ import annotations

import numpy as np

from tembr.train.baselines import fit_baseline, mean_over_time


def test_majority_answers_the_commonest_emotion(tables, classes, parts):
    train, validation, _ = parts
    result = fit_baseline("majority", tables["mfcc"], classes, parts)
    commonest = np.bincount(classes[np.concatenate([train, validation])]).argmax()
    assert (result.posteriors.argmax(1) == commonest).all()
    np.testing.assert_allclose(result.posteriors.sum(1), 1)


def test_the_svm_is_told_forty_numbers(tables):
    assert mean_over_time(tables["mfcc"]).shape == (180, 40)


def test_the_svm_answers_as_scikit_learns_own(tables, classes, parts):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    train, validation, test = parts
    averages = mean_over_time(tables["mfcc"])
    learnt = np.concatenate([train, validation])
    model = make_pipeline(StandardScaler(), SVC(C=10, break_ties=True)).fit(averages[learnt], classes[learnt])
    predicted = fit_baseline("svm", tables["mfcc"], classes, parts).posteriors.argmax(1)
    assert (predicted == model.predict(averages[test])).all()


def test_an_emotion_missing_from_training_gets_no_posterior(tables, classes, parts):
    train, validation, test = parts
    without = [part[classes[part] != 0] for part in (train, validation)]
    result = fit_baseline("svm", tables["mfcc"], classes, (*without, test))
    assert (result.posteriors[:, 0] == 0).all()
