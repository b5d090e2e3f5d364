"""Who is let in, who is told to come back, and that every place that was taken is given back."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tembr.serve.admission import Admission
from tembr.serve.errors import Refusal
from tembr.serve.settings import Limits

CLIENTS = "abc"


def admission(everybody: int = 3, each: int = 2) -> Admission:
    return Admission(Limits(max_requests=everybody, max_requests_per_client=each))


def refused(one: Admission, client: str) -> tuple[int, str, int | None]:
    with pytest.raises(Refusal) as error, one.enter(client):
        pytest.fail("let in")
    return error.value.status, error.value.code, error.value.retry_after


def test_a_client_has_so_many_requests_and_another_client_its_own():
    one = admission()
    with one.enter("a"), one.enter("a"):
        assert refused(one, "a") == (429, "too_many", 1)
        with one.enter("b"):
            assert one.under_way == 3
    assert one.under_way == 0


def test_more_than_can_be_answered_are_refused_whoever_asks():
    one = admission(everybody=2)
    with one.enter("a"), one.enter("b"):
        assert refused(one, "c") == (503, "busy", 1)
        assert one.under_way == 2
    with one.enter("c"):
        assert one.under_way == 1


def test_a_request_that_fails_gives_its_place_back():
    one = admission(each=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"), one.enter("a"):
            raise ValueError("broken")
    assert one.under_way == 0


def test_a_service_that_stops_lets_nobody_in_and_keeps_those_who_are():
    one = admission()
    with one.enter("a"):
        one.closing = True
        assert refused(one, "b") == (503, "stopping", 5)
        with pytest.raises(Refusal, match="stopping"):
            one.check_open()
        assert one.under_way == 1
    assert one.under_way == 0


def test_an_open_service_says_nothing():
    assert admission().check_open() is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CLIENTS), st.booleans())), st.integers(1, 5), st.integers(1, 5))
def test_whoever_comes_and_goes_the_bounds_hold(steps, everybody, each):
    one, inside = admission(everybody, each), {client: [] for client in CLIENTS}
    for client, comes in steps:
        if comes:
            counted = Counter({name: len(stays) for name, stays in inside.items()})
            stay = ExitStack()
            try:
                stay.enter_context(one.enter(client))
                inside[client].append(stay)
            except Refusal as error:
                own = counted[client] == each
                assert own or counted.total() == everybody
                assert error.status == (429 if own else 503)
        elif inside[client]:
            inside[client].pop().close()
        assert one.under_way == sum(map(len, inside.values())) <= everybody
        assert max(map(len, inside.values())) <= each
