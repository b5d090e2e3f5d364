"""From an enrolment to what is added to a speaker's logits."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation.fitting import Fitted, Knowledge, fit_to_speaker
from tembr.adaptation.offset import Offsets
from tembr.adaptation.two_covariance import TwoCovariance, fit_speaker

KNOWN = TwoCovariance(
    np.array([[-1.0], [1.0]]), np.array([1.0]), np.array([[10.0]]), np.array([1.0]), share=1.0, prior=0.0
)
OFFSETS = Offsets(np.zeros((2, 2)), prior=2.0, mixture=1.0)
LOGITS = np.array([[8.0, 0.0], [-2.0, 0.0]])
EMBEDDINGS = np.array([[9.0], [12.0]])
OFFSET = np.array([-0.75, 0.75])
"""Of these logits: half of their mean less its own, as two recordings weigh against two."""


def test_far_from_where_an_emotion_lies_its_logit_falls_with_the_square():
    fitted = Fitted(np.array([0.5, -0.5]), np.array([[0.0], [2.0]]), np.array([[1.0], [0.5]]))
    assert fitted.added(np.array([[0.0], [2.0]])).tolist() == [[0.5, -1.5], [-1.5, -0.5]]


def test_without_places_the_offset_alone_is_added():
    assert Fitted(np.array([1.0, -1.0])).added(None).tolist() == [1.0, -1.0]


@pytest.mark.parametrize(("known", "embeddings"), [(None, EMBEDDINGS), (KNOWN, None)])
def test_without_embeddings_or_a_model_of_them_an_offset_is_learnt(known, embeddings):
    fitted = fit_to_speaker(Knowledge(OFFSETS, known), LOGITS, embeddings)
    assert (fitted.offset.tolist(), fitted.means, fitted.precisions) == ([-0.75, 0.75], None, None)


def test_places_are_learnt_from_logits_that_have_the_offset_and_both_offsets_are_added():
    fitted = fit_to_speaker(Knowledge(OFFSETS, KNOWN), LOGITS, EMBEDDINGS)
    model = fit_speaker(KNOWN, EMBEDDINGS, LOGITS + OFFSET)
    np.testing.assert_array_equal(fitted.means, model.means)
    np.testing.assert_array_equal(fitted.precisions, model.precisions)
    np.testing.assert_allclose(fitted.offset, OFFSET + model.offset)


@pytest.mark.parametrize("known", [None, KNOWN])
def test_all_that_is_added_counts_for_the_strength(known):
    whole, half = (fit_to_speaker(Knowledge(OFFSETS, known, s), LOGITS, EMBEDDINGS) for s in (1.0, 0.5))
    np.testing.assert_allclose(half.added(EMBEDDINGS), whole.added(EMBEDDINGS) / 2)
    assert not fit_to_speaker(Knowledge(OFFSETS, known, 0.0), LOGITS, EMBEDDINGS).added(EMBEDDINGS).any()


@pytest.mark.parametrize(
    ("logits", "embeddings"), [(LOGITS, EMBEDDINGS + 100), (np.tile(LOGITS[0], (2, 1)), EMBEDDINGS)]
)
def test_a_voice_from_elsewhere_or_one_emotion_alone_gets_the_offset_alone(logits, embeddings):
    fitted = fit_to_speaker(Knowledge(OFFSETS, KNOWN), logits, embeddings)
    assert not fitted.precisions.any()
    np.testing.assert_allclose(fitted.offset, fit_to_speaker(Knowledge(OFFSETS), logits).offset)
