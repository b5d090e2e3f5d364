"""From an enrolment to what is added to a speaker's logits."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.adaptation import fitting
from tembr.adaptation.fitting import EnsembleOutputs, Fitted, Knowledge, fit_to_speaker
from tembr.adaptation.offset import Offsets, fit_offset, offset_of
from tembr.adaptation.relative import Relative, relative_offset
from tembr.adaptation.two_covariance import TwoCovariance, fit_speaker

KNOWN = TwoCovariance(np.array([[-1.0], [1.0]]), np.array([1.0]), share=1.0, prior=0.0)
OFFSETS = Offsets(np.zeros((2, 2)), prior=2.0, mixture=1.0)
LOGITS = np.array([[8.0, 0.0], [-2.0, 0.0]])
EMBEDDINGS = np.array([[9.0], [12.0]])
SAID = EnsembleOutputs(LOGITS, EMBEDDINGS)
OFFSET = np.array([-0.75, 0.75])
"""Of these logits: half of their mean less its own, as two recordings weigh against two."""


@pytest.fixture
def one_round(monkeypatch):
    monkeypatch.setattr(fitting, "ROUNDS", 1)


def test_far_from_where_an_emotion_lies_its_logit_falls_with_the_square():
    fitted = Fitted(np.array([0.5, -0.5]), np.array([[0.0], [2.0]]), np.array([[1.0], [0.5]]))
    said = EnsembleOutputs(np.zeros((2, 2)), np.array([[0.0], [2.0]]))
    assert fitted.added(said).tolist() == [[0.5, -1.5], [-1.5, -0.5]]


def test_without_places_the_offset_alone_is_added():
    assert Fitted(np.array([1.0, -1.0])).added(EnsembleOutputs(np.zeros((1, 2)))).tolist() == [[1.0, -1.0]]


def test_relative_logits_count_their_share_in_place_of_the_logits():
    said = EnsembleOutputs(np.array([[4.0, 0.0]]), relative=np.array([[0.0, 2.0]]))
    assert Fitted(np.zeros(2), share=0.25).added(said).tolist() == [[-1.0, 0.5]]


@pytest.mark.parametrize(("known", "embeddings"), [(None, EMBEDDINGS), (KNOWN, None)])
def test_without_embeddings_or_a_model_of_them_an_offset_is_learnt(known, embeddings):
    fitted = fit_to_speaker(Knowledge(OFFSETS, known), EnsembleOutputs(LOGITS, embeddings))
    assert (fitted.offset.tolist(), fitted.means, fitted.precisions) == ([-0.75, 0.75], None, None)


def test_places_are_learnt_from_logits_that_have_the_offset_and_both_offsets_are_added(one_round):
    fitted = fit_to_speaker(Knowledge(OFFSETS, KNOWN), SAID)
    model = fit_speaker(KNOWN, EMBEDDINGS, LOGITS + OFFSET)
    np.testing.assert_array_equal(fitted.means, model.means)
    np.testing.assert_array_equal(fitted.precisions, model.precisions)
    np.testing.assert_allclose(fitted.offset, OFFSET + model.offset)


BESIDE = EnsembleOutputs(LOGITS, EMBEDDINGS, np.array([[3.0, 1.0], [0.0, 5.0]]))
RELATIVE = Relative(np.array([[1.0, -1.0], [-1.0, 1.0]]), share=0.5, mixture=1.0)


def test_an_enrolment_of_several_emotions_has_relative_logits_less_their_own_mean(one_round):
    """Whose offset and share are as the formulas say; the speaker model takes all of it together."""
    fitted = fit_to_speaker(Knowledge(OFFSETS, KNOWN, relative=RELATIVE), BESIDE)
    own = relative_offset(RELATIVE, LOGITS + OFFSET, BESIDE.relative)
    offset = 0.5 * OFFSET + 0.5 * own
    model = fit_speaker(KNOWN, EMBEDDINGS, 0.5 * LOGITS + 0.5 * BESIDE.relative + offset)
    assert fitted.share == 0.5
    np.testing.assert_allclose(fitted.offset, offset + model.offset)
    np.testing.assert_allclose(fitted.means, model.means)


def test_what_was_learnt_tells_the_mixture_of_emotions_once_more():
    """The second round: both offsets, and the speaker model, from logits with all that the first one learnt."""
    offsets = OFFSETS._replace(typical=2 * np.eye(2))
    alone = fit_offset(offsets, LOGITS)
    logits = LOGITS + alone
    for _ in range(2):
        offset = 0.5 * offset_of(offsets, LOGITS, logits) + 0.5 * relative_offset(RELATIVE, logits, BESIDE.relative)
        model = fit_speaker(KNOWN, EMBEDDINGS, 0.5 * LOGITS + 0.5 * BESIDE.relative + offset)
        fitted = Fitted(offset + model.offset, model.means, model.precisions, 0.5)
        logits = LOGITS + fitted.added(BESIDE)
    found = fit_to_speaker(Knowledge(offsets, KNOWN, relative=RELATIVE), BESIDE)
    np.testing.assert_allclose(found.offset, fitted.offset)
    np.testing.assert_allclose(found.means, fitted.means)


def test_relative_logits_count_less_where_recordings_are_few():
    assert fit_to_speaker(Knowledge(OFFSETS, relative=RELATIVE._replace(prior=2.0)), BESIDE).share == 0.25


def test_an_enrolment_of_one_emotion_has_no_relative_logits():
    one = EnsembleOutputs(np.tile(LOGITS[0], (2, 1)), relative=BESIDE.relative)
    fitted = fit_to_speaker(Knowledge(OFFSETS, relative=RELATIVE), one)
    assert fitted.share == 0
    np.testing.assert_allclose(fitted.offset, fit_to_speaker(Knowledge(OFFSETS), one).offset)


@pytest.mark.parametrize("relative", [None, RELATIVE])
@pytest.mark.parametrize("known", [None, KNOWN])
def test_all_that_is_added_counts_for_the_strength(known, relative):
    whole, half, nothing = (fit_to_speaker(Knowledge(OFFSETS, known, s, relative), BESIDE) for s in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(half.added(BESIDE), whole.added(BESIDE) / 2)
    assert not nothing.added(BESIDE).any()


def test_one_emotion_alone_gets_the_offset_alone():
    logits, embeddings = np.tile(LOGITS[0], (2, 1)), EMBEDDINGS
    fitted = fit_to_speaker(Knowledge(OFFSETS, KNOWN), EnsembleOutputs(logits, embeddings))
    assert not fitted.precisions.any()
    np.testing.assert_allclose(fitted.offset, fit_to_speaker(Knowledge(OFFSETS), EnsembleOutputs(logits)).offset)
