"""Where one speaker's emotions lie, on a line with two emotions."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation import two_covariance
from tembr.adaptation.two_covariance import WITHIN, TwoCovariance, fit_speaker

KNOWN = TwoCovariance(np.array([[-1.0], [1.0]]), np.array([1.0]), share=1.0, prior=0.0)


def sure(*labels: int) -> np.ndarray:
    """Logits that leave no doubt."""
    return np.where(np.eye(2)[list(labels)] > 0, 50.0, -50.0)


def placed(*places: float) -> np.ndarray:
    return np.array(places)[:, None]


@pytest.fixture
def of_average_variance(monkeypatch):
    """Whatever is said, recordings of one emotion vary as the average speaker's do."""
    monkeypatch.setattr(two_covariance, "WITHIN", 1e12)


@pytest.mark.usefixtures("of_average_variance")
def test_a_place_lies_between_the_average_and_the_recordings():
    model = fit_speaker(KNOWN, placed(7, 7, 13, 13), sure(0, 0, 1, 1))
    np.testing.assert_allclose(model.means[:, 0], [10 - (3 + 3 + 1) / 3, 10 + (3 + 3 + 1) / 3])


@pytest.mark.usefixtures("of_average_variance")
def test_of_an_emotion_that_was_not_heard_the_average_is_believed():
    model = fit_speaker(KNOWN, placed(4, 4), sure(0, 0))
    np.testing.assert_allclose(model.means[:, 0], [4 - 1 / 3, 5])


@pytest.mark.usefixtures("of_average_variance")
def test_what_was_heard_often_is_precise_and_no_likelier_for_it():
    model = fit_speaker(KNOWN, placed(-1, -1, -1, 3), sure(0, 0, 0, 1))
    np.testing.assert_allclose(model.precisions[:, 0], [1 / (1 + 1 / 4), 1 / (1 + 1 / 2)])
    np.testing.assert_allclose(model.offset, np.array([-0.25, 0.25]) * np.log(1.25 / 1.5))


@pytest.mark.usefixtures("of_average_variance")
def test_few_recordings_have_as_little_say_as_the_prior_leaves_them():
    enrolment = placed(9, 9, 11, 11), sure(0, 0, 1, 1)
    whole, half = fit_speaker(KNOWN, *enrolment), fit_speaker(KNOWN._replace(prior=4.0), *enrolment)
    np.testing.assert_allclose(half.precisions, whole.precisions / 2)
    np.testing.assert_allclose(whole.precisions, 0.75)


@pytest.mark.usefixtures("of_average_variance")
def test_recordings_without_a_guess_are_told_apart_by_where_they_lie():
    model = fit_speaker(KNOWN, placed(-6, 4), np.zeros((2, 2)))
    np.testing.assert_allclose(model.means[:, 0], [-1 - 3, -1 + 3], atol=1e-3)


def test_how_recordings_of_one_emotion_vary_is_told_from_them_and_the_average():
    model = fit_speaker(KNOWN, placed(7, 7, 13, 13), sure(0, 0, 1, 1))
    within = (WITHIN + 4 * (3 - 7 / 3) ** 2) / (WITHIN + 4)
    np.testing.assert_allclose(model.precisions, 1 / (within + 1 / (2 / within + 1)))
    np.testing.assert_allclose(
        model.means[:, 0], [10 - (6 / within + 1) / (2 / within + 1), 10 + (6 / within + 1) / (2 / within + 1)]
    )


def test_one_emotion_said_loudly_and_softly_is_not_taken_for_two():
    places, logits = placed(*[-3.0, 3.0] * 20), np.tile([1.5, -1.5], (40, 1))

    def answers() -> np.ndarray:
        model = fit_speaker(KNOWN, places, logits)
        return (logits + model.offset - 0.5 * (model.precisions * (places[:, None] - model.means) ** 2).sum(-1)).argmax(
            1
        )

    assert (answers() == 0).all()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(two_covariance, "WITHIN", 1e12)
        assert (answers() == np.tile([0, 1], 20)).all()
