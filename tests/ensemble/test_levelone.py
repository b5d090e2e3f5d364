"""How held-out recordings are divided to choose a combiner's settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tembr.ensemble.levelone import LEAST_LOG, inner_folds, log_posteriors
from tembr.ensemble.part import Part
from tests.ensemble.conftest import draw


def test_no_speaker_is_on_both_sides_where_speakers_are_unseen():
    part = draw(1.0, speakers=5)
    folds = inner_folds(part, 0, by_speaker=True)
    assert len(folds) == 5
    for learnt, held in folds:
        assert not set(part.speakers[learnt]) & set(part.speakers[held])


@pytest.mark.parametrize("by_speaker", [True, False])
def test_every_recording_judges_once(by_speaker):
    held = np.concatenate([held for _, held in inner_folds(draw(1.0), 0, by_speaker)])
    assert sorted(held) == list(range(120))


def test_folds_are_stratified_where_speakers_are_known():
    part = draw(1.0)
    for _, held in inner_folds(part, 0, by_speaker=False):
        assert np.bincount(part.classes[held], minlength=6).tolist() == [4] * 6


def test_a_recording_that_two_fittings_answer_is_on_one_side():
    part = draw(1.0)
    twice = part.at(np.tile(np.arange(120), 2))
    for learnt, held in inner_folds(twice, 0, by_speaker=False):
        assert not set(twice.indices[learnt]) & set(twice.indices[held])


@pytest.mark.parametrize(("speakers", "folds"), [(1, 0), (2, 0), (3, 3)])
def test_fewer_than_three_voices_say_nothing_of_unseen_ones(speakers, folds):
    part = draw(1.0, speakers=speakers)
    assert (len(inner_folds(part, 0, by_speaker=True)), len(inner_folds(part, 0, by_speaker=False))) == (folds, 5)


def test_an_emotion_of_one_recording_cannot_be_divided():
    part = draw(1.0)
    assert inner_folds(replace(part, classes=np.r_[0, np.ones(119, int)]), 0, by_speaker=False) == ()


def test_log_posteriors_by_hand():
    """Two members of two recordings each: of every recording what the one says, then the other, cut at the least."""
    logits = np.log(np.array([[[0.75, 0.25], [0.5, 0.5]], [[0.25, 0.75], [1.0, 1e-20]]]))
    expected = np.log([[0.75, 0.25, 0.25, 0.75], [0.5, 0.5, 1.0, np.exp(LEAST_LOG)]])
    np.testing.assert_allclose(log_posteriors(logits), expected, atol=1e-12)


def test_a_part_of_some_recordings_keeps_what_belongs_together():
    part = draw(1.0, 2.0)
    some = part.at(np.array([5, 3]))
    assert isinstance(some, Part) and some.indices.tolist() == [5, 3]
    np.testing.assert_array_equal(some.logits, part.logits[:, [5, 3]])
