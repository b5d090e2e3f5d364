"""Where one speaker's emotions lie, on a line with two emotions."""

from __future__ import annotations

import numpy as np

from tembr.adaptation import two_covariance
from tembr.adaptation.belief import softmax
from tembr.adaptation.fitting import EnsembleOutputs, Fitted
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


def test_how_far_recordings_of_one_emotion_differ_is_told_from_them_and_the_average():
    """About places found by the average variance, -7/3 and 7/3, they vary by 4/9: four against the belief of twelve."""
    model = fit_speaker(KNOWN._replace(within_prior=12.0), placed(7, 7, 13, 13), sure(0, 0, 1, 1))
    within = (12 * 1 + 4 * 4 / 9) / 16
    np.testing.assert_allclose(model.precisions, 1 / (within + 1 / (2 / within + 1)))
    np.testing.assert_allclose(model.means[:, 0] - 10, np.array([-1, 1]) * (6 / within + 1) / (2 / within + 1))


def test_each_dimension_has_a_variance_of_its_own_which_is_that_of_all_emotions():
    """Ten recordings count as much as the belief in 1; places are believed to be known (no spread)."""
    known = TwoCovariance(np.zeros((2, 2)), np.full(2, 1e-9), share=1.0, prior=0.0, within_prior=10.0)
    places = np.array([[3.0, 0.5], [-3.0, -0.5]] * 5)
    model = fit_speaker(known, places, sure(*[0, 0, 1, 1, 0, 0, 1, 1, 0, 0]))
    np.testing.assert_allclose(1 / model.precisions, [[(1 + 9) / 2, (1 + 0.25) / 2]] * 2, rtol=1e-6)


def test_unsure_logits_share_a_recording_out_among_emotions(monkeypatch):
    """One round in full: variance by the chances of logits alone, positions by these and the likelihood."""
    monkeypatch.setattr(two_covariance, "ROUNDS", 1)
    known = TwoCovariance(np.array([[-1.0], [2.0]]), np.array([0.5]), share=0.6, prior=2.0, within_prior=3.0)
    places, logits = placed(-2, -1, 0, 4), np.array([[0.5, -0.5], [0.2, -0.2], [-0.3, 0.3], [-0.4, 0.4]])
    about, share, chances = places[:, 0] - 0.25, 0.6 * 4 / 6, softmax(logits)
    first = [(chances[:, k] @ about + known.means[k, 0] / 0.5) / (chances[:, k].sum() + 2) for k in (0, 1)]
    apart = sum(chances[n, k] * (about[n] - first[k]) ** 2 for n in range(4) for k in (0, 1))
    within = (3 + apart) / 7
    likelihood = -0.5 * (about[:, None] - known.means[:, 0]) ** 2 / (within + 0.5)
    chances = softmax(logits + share * likelihood)
    certainty = chances.sum(0) / within + 2
    model = fit_speaker(known, places, logits)
    np.testing.assert_allclose(
        model.means[:, 0], 0.25 + (chances.T @ about / within + known.means[:, 0] * 2) / certainty
    )
    np.testing.assert_allclose(model.precisions[:, 0], share / (within + 1 / certainty))


def test_what_is_known_of_few_recordings_is_no_likelier_for_its_doubt(monkeypatch):
    """In the second round emotions have variances of their own, and the logarithm of each counts."""
    monkeypatch.setattr(two_covariance, "ROUNDS", 2)
    logits = np.array([[2.0, -2.0]] * 6 + [[-0.1, 0.1]])
    places = placed(-1, -1, -1, -1, -1, -1, 1)
    about, chances = places[:, 0] - places.mean(), softmax(logits)
    means, variances = KNOWN.means[:, 0], np.full(2, 2.0)
    for _ in range(2):
        likelihood = -0.5 * ((about[:, None] - means) ** 2 / variances + np.log(variances))
        chances = softmax(logits + likelihood)
        certainty = chances.sum(0) + 1
        means, variances = (chances.T @ about + KNOWN.means[:, 0]) / certainty, 1 + 1 / certainty
    np.testing.assert_allclose(fit_speaker(KNOWN, places, logits).means[:, 0] - places.mean(), means)


def test_an_emotion_said_both_loudly_and_softly_is_not_taken_for_two():
    """Twenty recordings of one emotion, loud and soft ones, and five of another."""
    places = placed(*[-3.0, 3.0] * 10, *[0.0] * 5)
    logits = np.concatenate([np.tile([1.5, -1.5], (20, 1)), np.tile([-3.0, 3.0], (5, 1))])

    def answers(within_prior: float) -> list[int]:
        model = fit_speaker(KNOWN._replace(within_prior=within_prior), places, logits)
        added = Fitted(model.offset, model.means, model.precisions).added(EnsembleOutputs(logits, places))
        return (logits + added).argmax(1).tolist()

    assert answers(10.0) == [0] * 20 + [1] * 5
    assert 1 in answers(np.inf)[:20]
