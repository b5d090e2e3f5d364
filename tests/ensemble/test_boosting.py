"""Boosting on made-up members: what trees can read, and when they keep quiet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tembr.ensemble import boosting
from tembr.ensemble.boosting import _rounds, fit_boosting
from tembr.ensemble.combiners import fit_uniform
from tembr.ensemble.part import Part
from tests.ensemble.conftest import draw, level_one


def off_by_one(part: Part) -> Part:
    return replace(part, logits=np.roll(part.logits, 1, axis=2))


def test_it_reads_members_that_mix_up_their_labels():
    """Every answer is off by one class: useless to a weighted sum, plain to who learns to read it."""
    learnt, asked = (off_by_one(draw(4.0, n=600, seed=seed)) for seed in (1, 2))
    posteriors = fit_boosting(level_one(learnt))(asked.logits)
    assert (posteriors.argmax(1) == asked.classes).mean() > 0.85
    np.testing.assert_allclose(posteriors.sum(1), 1)


def test_it_reads_which_member_to_believe_when():
    """Each member knows half of the emotions and takes the others for the next one, which no weights can mend."""

    def each_half(seed: int) -> Part:
        part = draw(0.0, 0.0, n=900, seed=seed)
        known = np.stack([part.classes < 3, part.classes >= 3])
        answered = np.where(known, part.classes, (part.classes + 1) % 6)
        for member in (0, 1):
            part.logits[member, np.arange(900), answered[member]] += 5
        return part

    learnt, asked = each_half(1), each_half(2)
    one = level_one(learnt)
    boosted, equal = ((fit(one)(asked.logits).argmax(1) == asked.classes).mean() for fit in (fit_boosting, fit_uniform))
    assert equal < 0.6 < 0.85 < boosted


@pytest.mark.parametrize("part", [draw(2.0, 2.0, n=36), draw(2.0).at(np.arange(0, 120, 6))])
def test_where_trees_teach_nothing_the_answer_is_that_of_equal_weights(part):
    """Of too few recordings to divide a leaf, and of one emotion alone."""
    one, asked = level_one(part), draw(*[1.0] * len(part.logits), seed=9)
    assert _rounds(one) == 0
    np.testing.assert_allclose(fit_boosting(one)(asked.logits), fit_uniform(one)(asked.logits), atol=1e-6)


def test_members_that_say_nothing_are_not_read_for_long():
    part = draw(0.0, 0.0, n=600)
    assert _rounds(level_one(replace(part, logits=0.01 * part.logits))) < 15


def test_an_emotion_that_was_never_heard_is_answered_all_the_same():
    part = draw(1.0, n=600)
    fewer = part.at(np.flatnonzero(part.classes != 5))
    posteriors = fit_boosting(level_one(fewer))(part.logits)
    assert posteriors.shape == (600, 6) and np.isfinite(posteriors).all()


def test_the_same_seed_gives_the_same_answers():
    part, asked = off_by_one(draw(2.0, n=300)), draw(2.0, seed=9)
    one, other = (fit_boosting(level_one(part))(asked.logits) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_it_begins_at_equal_weights(monkeypatch):
    """One round of small steps is better already, and not far from where it began."""
    monkeypatch.setattr(boosting, "MOST_ROUNDS", 1)
    one, asked = level_one(draw(3.0, 3.0, n=600)), draw(3.0, 3.0, seed=9)
    moved = fit_boosting(one)(asked.logits) - fit_uniform(one)(asked.logits)
    assert _rounds(one) == 1 and 0 < np.abs(moved).max() < 0.1
