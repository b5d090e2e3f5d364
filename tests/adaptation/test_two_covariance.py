"""Where one speaker's emotions lie, on a line with two emotions."""

from __future__ import annotations

import numpy as np

from tembr.adaptation.two_covariance import TwoCovariance, fit_speaker

KNOWN = TwoCovariance(np.array([[-1.0], [1.0]]), np.array([1.0]), share=1.0, prior=0.0)


def sure(*labels: int) -> np.ndarray:
    """Logits that leave no doubt."""
    return np.where(np.eye(2)[list(labels)] > 0, 50.0, -50.0)


def placed(*places: float) -> np.ndarray:
    return np.array(places)[:, None]


def test_a_place_lies_between_the_average_and_the_recordings():
    model = fit_speaker(KNOWN, placed(7, 7, 13, 13), sure(0, 0, 1, 1))
    np.testing.assert_allclose(model.means[:, 0], [10 - (3 + 3 + 1) / 3, 10 + (3 + 3 + 1) / 3])


def test_of_an_emotion_that_was_not_heard_the_average_is_believed():
    model = fit_speaker(KNOWN, placed(4, 4), sure(0, 0))
    np.testing.assert_allclose(model.means[:, 0], [4 - 1 / 3, 5])


def test_what_was_heard_often_is_precise_and_no_likelier_for_it():
    model = fit_speaker(KNOWN, placed(-1, -1, -1, 3), sure(0, 0, 0, 1))
    np.testing.assert_allclose(model.precisions[:, 0], [1 / (1 + 1 / 4), 1 / (1 + 1 / 2)])
    np.testing.assert_allclose(model.offset, np.array([-0.25, 0.25]) * np.log(1.25 / 1.5))


def test_few_recordings_have_as_little_say_as_the_prior_leaves_them():
    enrolment = placed(9, 9, 11, 11), sure(0, 0, 1, 1)
    whole, half = fit_speaker(KNOWN, *enrolment), fit_speaker(KNOWN._replace(prior=4.0), *enrolment)
    np.testing.assert_allclose(half.precisions, whole.precisions / 2)
    np.testing.assert_allclose(whole.precisions, 0.75)


def test_recordings_without_a_guess_are_told_apart_by_where_they_lie():
    model = fit_speaker(KNOWN, placed(-6, 4), np.zeros((2, 2)))
    np.testing.assert_allclose(model.means[:, 0], [-1 - 3, -1 + 3], atol=1e-3)
