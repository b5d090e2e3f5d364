"""Dynamic selection: neighbours and votes by hand, and a member that is right in one corner alone."""

from __future__ import annotations

import numpy as np

from tembr.ensemble.combiners import fit_uniform
from tembr.ensemble.knora import NEIGHBOURS, fit_knora, union
from tembr.ensemble.part import Part
from tests.ensemble.conftest import draw, level_one

SURE, LESS = (0.9, 0.1), (0.7, 0.3)


def part_of(*members: list[tuple[float, float]], classes: list[int]) -> Part:
    logits = np.log(np.array(members, dtype=np.float32))
    return Part(logits, np.array(classes), np.array(["S"] * len(classes)), np.arange(len(classes)))


KNOWN = part_of([SURE, SURE, SURE, SURE[::-1]], [SURE, LESS, LESS[::-1], LESS], classes=[0, 0, 0, 0])
"""The first member is right about three of four, the second about three; about the third only the first."""


def test_votes_by_hand():
    """Of the two nearest both are right about the first, and the first alone about the other: weights 2 : 1."""
    asked = np.log(np.array([[SURE], [(0.45, 0.55)]], dtype=np.float32))  # between the second and the third
    expected = 2 / 3 * np.array([SURE]) + 1 / 3 * np.array([[0.45, 0.55]])
    np.testing.assert_allclose(union(KNOWN, asked, 2), expected, atol=1e-6)


def test_where_nobody_was_right_all_count_alike():
    wrong = Part(KNOWN.logits[:, :1], np.array([1]), KNOWN.speakers[:1], KNOWN.indices[:1])
    asked = np.log(np.array([[SURE], [LESS]], dtype=np.float32))
    np.testing.assert_allclose(union(wrong, asked, 1), [[0.8, 0.2]], atol=1e-6)


def test_more_neighbours_than_there_are_are_all_of_them():
    asked = KNOWN.logits[:, :2]
    np.testing.assert_allclose(union(KNOWN, asked, 99), union(KNOWN, asked, 4))


def by_region(seed: int) -> Part:
    """In each of two regions another of two members is right; a third says where one is."""
    part = draw(0.0, 0.0, 0.0, n=600, seed=seed)
    region = np.random.default_rng(seed).integers(0, 2, 600)
    for member in (0, 1):
        right = region == member
        answered = np.where(right, part.classes, (part.classes + 1 + 2 * member) % 6)
        part.logits[member, np.arange(600), answered] += 6
    part.logits[2] = 4 * np.eye(6)[3 * region]
    return part


def test_the_members_that_are_right_nearby_are_believed():
    learnt, asked = by_region(1), by_region(2)
    one = level_one(learnt)
    near, equal = ((fit(one)(asked.logits).argmax(1) == asked.classes).mean() for fit in (fit_knora, fit_uniform))
    assert near > 0.9 and near > equal + 0.1


def test_members_that_are_right_everywhere_alike_are_asked_of_many_neighbours():
    """Then the answer is nearly that of equal weights."""
    part, asked = draw(2.0, 2.0, n=600), draw(2.0, 2.0, seed=9)
    one = level_one(part)
    assert np.abs(fit_knora(one)(asked.logits) - fit_uniform(one)(asked.logits)).mean() < 0.02


def test_of_equally_good_numbers_the_most_neighbours_are_asked():
    """One member answers the same whatever its votes."""
    part = draw(2.0)
    np.testing.assert_array_equal(fit_knora(level_one(part))(part.logits), union(part, part.logits, max(NEIGHBOURS)))
