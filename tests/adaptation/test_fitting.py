"""From an enrolment to what is added to a speaker's logits."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation.fitting import Fitted, Knowledge, fit_to_speaker, offset_of, weight_of
from tembr.adaptation.two_covariance import TwoCovariance, fit_speaker

KNOWN = TwoCovariance(np.array([[-1.0], [1.0]]), np.array([1.0]), share=1.0, prior=0.0)
LOGITS = np.array([[2.0, 0.0], [4.0, 0.0]])
EMBEDDINGS = np.array([[9.0], [12.0]])
OFFSET = np.array([-0.75, 0.75])
"""Of these logits where the prior is worth two recordings."""


@pytest.mark.parametrize(("recordings", "prior", "weight"), [(30, 10, 0.75), (1, 1, 0.5), (5, 0, 1.0), (0, 3, 0.0)])
def test_recordings_weigh_against_the_prior(recordings, prior, weight):
    assert weight_of(recordings, prior) == weight


def test_an_offset_takes_the_bias_away_as_far_as_the_recordings_weigh():
    assert offset_of(LOGITS, prior=0).tolist() == [-1.5, 1.5]
    assert offset_of(LOGITS, prior=2).tolist() == [-0.75, 0.75]


def test_what_is_the_same_for_all_emotions_is_no_bias():
    np.testing.assert_allclose(offset_of(LOGITS + 7, 2), offset_of(LOGITS, 2))


def test_far_from_where_an_emotion_lies_its_logit_falls_with_the_square():
    fitted = Fitted(np.array([0.5, -0.5]), np.array([[0.0], [2.0]]), np.array([[1.0], [0.5]]))
    assert fitted.added(np.array([[0.0], [2.0]])).tolist() == [[0.5, -1.5], [-1.5, -0.5]]


def test_without_places_the_offset_alone_is_added():
    assert Fitted(np.array([1.0, -1.0])).added(None).tolist() == [1.0, -1.0]


@pytest.mark.parametrize(("known", "embeddings"), [(None, EMBEDDINGS), (KNOWN, None)])
def test_without_embeddings_or_a_model_of_them_an_offset_is_learnt(known, embeddings):
    fitted = fit_to_speaker(Knowledge(2.0, known), LOGITS, embeddings)
    assert (fitted.offset.tolist(), fitted.means, fitted.precisions) == ([-0.75, 0.75], None, None)


def test_places_are_learnt_from_logits_that_have_the_offset_and_both_offsets_are_added():
    fitted = fit_to_speaker(Knowledge(2.0, KNOWN), LOGITS, EMBEDDINGS)
    model = fit_speaker(KNOWN, EMBEDDINGS, LOGITS + OFFSET)
    np.testing.assert_array_equal(fitted.means, model.means)
    np.testing.assert_array_equal(fitted.precisions, model.precisions)
    np.testing.assert_allclose(fitted.offset, OFFSET + model.offset)
