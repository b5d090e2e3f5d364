"""Adapting to a speaker in the laboratory: who is scored, what is taken away, and the temperature, by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tembr.ensemble.adapted import (
    AdaptedAnswers,
    Answers,
    _relative,
    _typical,
    adapt_answers,
    adapt_fold,
    fit_strength,
    fit_temperature,
    knowledge_of,
)
from tembr.ensemble.heldout import FoldParts
from tembr.ensemble.projection import Projection, SpeakerSpace
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.weighting import weigh
from tembr.errors import ConfigError
from tembr.splits import Fold
from tests.ensemble.conftest import draw

SURE = 2 * np.log(3) * np.array([1.0, 0.0])
"""Logits of 9 to 1; right three times of four they should be 3 to 1, which a temperature of 2 makes of them."""


TYPICAL = np.array([[1.0, -1.0], [-1.0, 1.0]])


def answers(*speakers: str) -> Answers:
    count = len(speakers)
    return Answers(np.tile([2.0, 0.0], (count, 1)), None, np.zeros(count, int), np.array(speakers), np.arange(count))


def adapted(given: Answers, **settings) -> AdaptedAnswers:
    known = given.said(None), TYPICAL, None, None
    return adapt_answers(given, *known, EnsembleSettings(**settings), np.random.default_rng(0))


def fold_of(parts: FoldParts) -> Fold:
    nothing = np.empty(0, int)
    return Fold(parts.name, nothing, nothing, parts.test.indices, nothing, (SimpleNamespace(train=nothing),))


def test_a_temperature_makes_confidence_the_share_that_is_right():
    assert fit_temperature(np.tile(SURE, (4, 1)), np.array([0, 0, 0, 1]), np.array(list("AAAA"))) == pytest.approx(
        2, rel=1e-3
    )


@pytest.mark.parametrize(("classes", "limit"), [([0, 0], 0.05), ([1, 1], 20)])
def test_a_temperature_stays_within_its_limits(classes, limit):
    assert fit_temperature(np.array([[0.1, 0.0]] * 2), np.array(classes), np.array(["A", "A"])) == pytest.approx(
        limit, rel=1e-3
    )


def moved(truth: list[int], logits: list[float], added: list[float]) -> AdaptedAnswers:
    count = len(truth)
    values = (np.tile(np.array(row, float), (count, 1)) for row in (logits, added))
    return AdaptedAnswers(*values, np.array(truth), np.array(["A"] * count), np.arange(count))


def test_adapting_counts_for_nothing_where_it_makes_the_truth_less_likely():
    strength, temperature = fit_strength(moved([0, 0, 0, 1], SURE.tolist(), [-9.0, 0.0]))
    assert strength == 0 and temperature == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize(("too_much", "strength"), [(1, 1.0), (2, 0.5), (4, 0.25)])
def test_adapting_counts_for_as_much_as_makes_the_truth_likeliest(too_much, strength):
    found = moved([0, 0, 1, 1, 2], np.log([0.5, 0.25, 0.25]).tolist(), [0.0, too_much * np.log(2), 0.0])
    assert fit_strength(found) == (strength, pytest.approx(1, rel=1e-3))
    np.testing.assert_allclose(found.posteriors(strength, 1.0)[0], [0.4, 0.4, 0.2])  # as often as each is true


def test_of_equally_good_strengths_the_whole_is_taken():
    assert fit_strength(moved([0, 0, 0, 1], [0.0, 0.0], SURE.tolist())) == (1.0, pytest.approx(2, rel=1e-3))


def test_parts_are_joined_in_their_order():
    joined = AdaptedAnswers.joined([moved([0], [1, 2], [3, 4]), moved([1, 1], [5, 6], [7, 8])])
    assert joined.classes.tolist() == [0, 1, 1] and joined.logits[:, 0].tolist() == [1, 5, 5]
    assert joined.added[:, 1].tolist() == [4, 8, 8] and joined.indices.tolist() == [0, 0, 1]


def test_recordings_that_were_adapted_to_are_not_scored():
    indices = adapted(answers(*"AAAAABBB"), adapt=2).indices
    assert [np.sum(indices < 5), np.sum(indices >= 5)] == [3, 1]


def test_of_a_speaker_with_too_few_recordings_half_are_left_to_score():
    indices = adapted(answers(*"AABBBBBB"), adapt=5).indices
    assert [np.sum(indices < 2), np.sum(indices >= 2)] == [1, 1]
    indices = adapted(answers(*"AAABBBBB"), adapt=5).indices
    assert [np.sum(indices < 3), np.sum(indices >= 3)] == [2, 3]


def test_a_speaker_with_one_recording_is_left_out():
    found = adapted(answers(*"AAB"), adapt=1)
    assert len(found.indices) == 1 and found.indices[0] < 2 and np.isfinite(found.added).all()
    assert found.speakers.tolist() == ["A"]


def test_where_nobody_has_two_recordings_that_is_said():
    parts = FoldParts("F", *(draw(1.0, n=4, speakers=4) for _ in range(2)))
    weighting = weigh({"a": 1.0}, 1.0, parts.heldout, 0.0)
    with pytest.raises(ConfigError, match="fold F: no speaker has .* use --adapt 0"):
        adapt_fold(parts, fold_of(parts), weighting, ["a"], [], None, EnsembleSettings(), 0)


def test_what_a_speaker_is_told_whatever_is_felt_is_taken_away():
    settings = EnsembleSettings(adapt=2, offset_prior=2.0)
    given = answers(*"AAA")
    found = adapt_answers(given, given.said(None), np.zeros((2, 2)), None, None, settings, np.random.default_rng(0))
    np.testing.assert_allclose(found.logits + found.added, [[1.5, 0.5]])  # half of (2, 0) - 1: two against two


def test_typical_logits_are_of_other_heldout_speakers_where_there_are_any():
    heldout = answers(*"AB")
    heldout.logits[1] = [0.0, 4.0]
    assert _typical(heldout, ["A"]).tolist() == [[0.0, 4.0]] * 2
    assert _typical(heldout, ["A", "B"]).tolist() == [[1.0, 2.0]] * 2


def test_without_a_space_the_offset_is_all_that_is_known():
    known = knowledge_of(None, TYPICAL, None, EnsembleSettings(offset_prior=5.0, mixture_prior=7.0))
    assert (known.offsets.prior, known.offsets.mixture) == (5.0, 7.0)
    assert (known.two_covariance, known.relative) == (None, None)


def test_relative_logits_are_known_by_share_and_prior_of_the_settings():
    settings = EnsembleSettings(relative_share=0.25, mixture_prior=7.0, relative_prior=3.0)
    known = knowledge_of(None, TYPICAL, 2 * TYPICAL, settings).relative
    assert (known.share, known.mixture, known.prior) == (0.25, 7.0, 3.0) and known.typical.tolist() == [
        [2, -2],
        [-2, 2],
    ]


def test_a_space_is_known_by_share_and_priors_of_the_settings():
    space = SpeakerSpace(Projection(2, 1), np.zeros((2, 1)), np.ones(1))
    settings = EnsembleSettings(speaker_share=0.25, speaker_prior=3.0, within_prior=7.0)
    known = knowledge_of(space, TYPICAL, None, settings).two_covariance
    assert known.means is space.means and known.spread is space.spread
    assert (known.share, known.prior, known.within_prior) == (0.25, 3.0, 7.0)


def test_a_fold_scores_its_test_part_and_fits_its_strength_on_the_heldout_one():
    parts = FoldParts("F0", draw(2.0, n=40), draw(2.0, n=60, seed=1))
    weighting = weigh({"a": 1.0}, 1.0, parts.heldout, 0.0)
    found = adapt_fold(parts, fold_of(parts), weighting, ["a"], [], None, EnsembleSettings(adapt=3), 0)
    assert found.posteriors.shape == (60 - 4 * 3, 6) and len(found.heldout.classes) == 40 - 4 * 3
    assert (found.strength, found.temperature) == fit_strength(found.heldout)
    np.testing.assert_allclose(found.posteriors.sum(1), 1)


def test_every_fold_draws_recordings_of_its_own():
    parts = FoldParts("F0", draw(2.0), draw(2.0))
    chosen = (parts, fold_of(parts), weigh({"a": 1.0}, 1.0, parts.heldout, 0.0), ["a"], [], None, EnsembleSettings())
    one, again, other = (adapt_fold(*chosen, number).scored.indices for number in (0, 0, 1))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def told(relative: list[float] | None, speaker: str):
    """An inner part of one speaker with two recordings."""
    part = Answers(np.zeros((2, 2)), None, np.array([0, 1]), np.array([speaker] * 2), np.arange(2))
    values = None if relative is None else np.array([[relative[0], 0.0], [relative[1], 0.0]])
    return part, None, SimpleNamespace(relative=values)


def test_typical_relative_logits_are_of_other_heldout_speakers_where_there_are_any():
    parts = [told([0.0, 2.0], "A"), told([0.0, 6.0], "B")]
    assert _relative(parts, ["A"])[:, 0].tolist() == [-3, 3]
    assert _relative(parts, ["A", "B"])[:, 0].tolist() == [-2, 2]
    assert _relative([told(None, "A")]) is None
