"""Some of the members, some of the recordings: what belongs together stays together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tembr.ensemble.part import Part
from tests.ensemble.conftest import draw

RECORDINGS = 12
FACTS = ("classes", "speakers", "indices")


def part() -> Part:
    return draw(1.0, 0.5, 0.0, n=RECORDINGS)


def same(one: Part, other: Part) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("logits", *FACTS))


@pytest.mark.parametrize("members", [[1], [2, 0], (0, 1, 2), [0, 0], range(1, 3)])
def test_some_members_answer_the_same_recordings_in_the_order_asked_for(members):
    fewer = part().of(members)
    assert fewer.logits.shape == (len(members), RECORDINGS, 6) and fewer.logits.dtype == np.float32
    for number, member in enumerate(members):
        np.testing.assert_array_equal(fewer.logits[number], part().logits[member])
    assert all(np.array_equal(getattr(fewer, name), getattr(part(), name)) for name in FACTS)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, RECORDINGS - 1)))
def test_some_recordings_keep_their_answers_class_speaker_and_index(places):
    fewer = part().at(np.array(places, int))
    assert fewer.logits.shape == (3, len(places), 6)
    for number, place in enumerate(places):
        np.testing.assert_array_equal(fewer.logits[:, number], part().logits[:, place])
        for name in FACTS:
            assert getattr(fewer, name)[number] == getattr(part(), name)[place]


def test_recordings_may_be_marked_instead_of_counted():
    marked = part().speakers == "S1"
    assert same(part().at(marked), part().at(np.flatnonzero(marked))) and set(part().at(marked).speakers) == {"S1"}


def test_members_and_recordings_may_be_chosen_in_either_order():
    places = np.array([4, 0])
    assert same(part().of([2, 1]).at(places), part().at(places).of([2, 1]))


def test_what_was_chosen_from_stays_as_it_was():
    whole = part()
    whole.of([0]).logits[:] = 9
    whole.at(np.array([1])).classes[:] = 9
    assert same(whole, part())


def test_a_member_or_a_recording_that_there_is_not_is_an_error():
    for choose in (lambda: part().of([3]), lambda: part().at(np.array([RECORDINGS]))):
        with pytest.raises(IndexError):
            choose()
