"""Streams that outlive their sockets: what is kept for a client, who may come back, who gives way."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recognize.fake_bundle import RATE, make_bundle, tone

from tembr.errors import AudioError
from tembr.recognize import Recognizer, load
from tembr.recognize.prediction import Prediction
from tembr.recognize.stream import Event
from tembr.serve.errors import Refusal
from tembr.serve.sessions import KEPT, Session, Sessions
from tembr.serve.settings import Limits

EVENT = Event("answer", 1.0, Prediction("fear", 0.75, {"anger": 0.25, "fear": 0.75}, 0.0, 1.0))


class Conversation:
    """Keeps the codes it was ended with; a broken one cannot be ended."""

    def __init__(self, broken: bool = False):
        self.codes, self._broken = [], broken

    async def finish(self, code: int) -> None:
        if self._broken:
            raise RuntimeError("broken")
        self.codes.append(code)

    async def close(self, code: int) -> None:
        self.codes.append(code)


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> Recognizer:
    return load(make_bundle(tmp_path_factory.mktemp("bundle") / "fake"))


def session() -> Session:
    return Session("x", "client", None, bytes)


def sessions(streams: int = 2, seconds: float = 60.0) -> Sessions:
    return Sessions(Limits(max_streams=streams, session_seconds=seconds))


def opened(all_of_them: Sessions, client: str = "a", conversation: Conversation | None = None) -> Session:
    return all_of_them.open(client, None, bytes, conversation or Conversation())


def numbers(messages: list[dict]) -> list[int]:
    return [message["n"] for message in messages]


def test_samples_are_heard_and_counted_for_each_channel(recognizer):
    one = Session("x", "client", recognizer.stream(RATE, speech_only=False), bytes)
    both = np.stack([tone("anger", 4)] * 2, axis=1)
    told = [event for block in np.split(both, 8) for event in one.push(block)]
    assert one.taken == 4 * RATE and {event.label for event in told} == {"anger"}


def test_samples_that_are_refused_are_not_counted(recognizer):
    one = Session("x", "client", recognizer.stream(RATE), bytes)
    one.push(tone("anger", 1))
    with pytest.raises(AudioError, match="NaN"):
        one.push(np.full((9, 1), np.nan, np.float32))
    assert one.taken == RATE


def test_a_message_is_the_event_with_its_number():
    one = session()
    assert one.number([EVENT]) == [{"type": "event", "n": 1, **EVENT.as_dict()}]
    assert numbers(one.number([EVENT, EVENT])) == [2, 3] and one.number([]) == [] and one.told == 3


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=5), st.integers(-2, 16))
def test_whoever_comes_back_is_told_the_rest_and_nothing_twice(batches, received):
    one = session()
    sent = [message for count in batches for message in one.number([EVENT] * count)]
    if 0 <= received <= len(sent):
        assert one.missed(received) == sent[received:]
    else:
        with pytest.raises(Refusal, match=f"events after {received} are not kept; start a new stream"):
            one.missed(received)


def test_only_the_last_events_are_kept():
    one = session()
    one.number([EVENT] * (KEPT + 5))
    assert numbers(one.missed(5)) == list(range(6, KEPT + 6))
    with pytest.raises(Refusal) as error:
        one.missed(4)
    assert (error.value.status, error.value.code) == (404, "session")


def test_streams_have_names_that_nobody_guesses():
    all_of_them = sessions(streams=20)
    names = {opened(all_of_them).id for _ in range(20)}
    assert len(names) == len(all_of_them) == 20 and min(map(len, names)) >= 22  # 128 bits, 6 a character


def test_no_more_are_opened_than_allowed_while_their_clients_are_there():
    all_of_them = sessions(streams=2)
    first = opened(all_of_them)
    opened(all_of_them)
    with pytest.raises(Refusal) as error:
        opened(all_of_them)
    assert (error.value.status, error.value.code, error.value.retry_after) == (503, "busy", 5)
    all_of_them.discard(first)
    assert opened(all_of_them) and len(all_of_them) == 2


def test_where_no_streams_are_allowed_none_is_opened():
    with pytest.raises(Refusal, match="open"):
        opened(sessions(streams=0))


def test_the_stream_that_waits_longest_gives_way():
    async def leave_and_open() -> None:
        all_of_them = sessions(streams=3)
        one, two, three = (opened(all_of_them) for _ in range(3))
        all_of_them.leave(two, two.conversation)
        all_of_them.leave(one, one.conversation)
        opened(all_of_them)
        assert all_of_them.resume(one.id, "a", Conversation())
        with pytest.raises(Refusal):
            all_of_them.resume(two.id, "a", Conversation())
        with pytest.raises(Refusal, match="as many streams"):
            all_of_them.make_room()
        assert three in all_of_them.connected

    asyncio.run(leave_and_open())


def test_nobody_gives_way_while_there_is_room():
    async def leave_and_open() -> None:
        all_of_them = sessions(streams=2)
        one = opened(all_of_them)
        all_of_them.leave(one, one.conversation)
        opened(all_of_them)
        assert len(all_of_them) == 2

    asyncio.run(leave_and_open())


def test_a_client_that_comes_back_takes_over():
    all_of_them, before, after = sessions(), Conversation(), Conversation()
    one = opened(all_of_them, "a", before)
    assert all_of_them.resume(one.id, "a", after) == (one, before) and one.conversation is after


@pytest.mark.parametrize(("name", "client"), [(None, "b"), ("nothing", "a"), ("", "a")])
def test_a_stream_of_another_client_is_as_if_there_were_none(name, client):
    all_of_them, before = sessions(), Conversation()
    one = opened(all_of_them, "a", before)
    with pytest.raises(Refusal, match="^no such stream, or it waited too long; start a new one$") as error:
        all_of_them.resume(one.id if name is None else name, client, Conversation())
    assert (error.value.status, error.value.code) == (404, "session") and one.conversation is before


def test_a_stream_waits_for_its_client_and_is_then_forgotten():
    async def leave_and_wait() -> None:
        all_of_them = sessions(seconds=0.02)
        one = opened(all_of_them)
        all_of_them.leave(one, one.conversation)
        assert len(all_of_them) == 1 and all_of_them.connected == []
        await asyncio.sleep(0.05)
        assert len(all_of_them) == 0

    asyncio.run(leave_and_wait())


def test_a_stream_whose_client_came_back_is_not_forgotten():
    async def leave_and_return() -> None:
        all_of_them = sessions(seconds=0.02)
        one = opened(all_of_them)
        all_of_them.leave(one, one.conversation)
        assert all_of_them.resume(one.id, "a", Conversation()) == (one, None)
        await asyncio.sleep(0.05)
        assert all_of_them.connected == [one]

    asyncio.run(leave_and_return())


def test_a_socket_that_was_taken_over_leaves_nothing_behind():
    async def take_over_and_leave() -> None:
        all_of_them, before, after = sessions(), Conversation(), Conversation()
        one = opened(all_of_them, "a", before)
        all_of_them.resume(one.id, "a", after)
        all_of_them.leave(one, before)
        assert one.conversation is after and one.timer is None

    asyncio.run(take_over_and_leave())


def test_a_stream_that_was_discarded_does_not_come_back_when_its_client_leaves():
    async def discard_and_leave() -> None:
        all_of_them = sessions()
        one = opened(all_of_them)
        all_of_them.discard(one)
        all_of_them.discard(one)
        all_of_them.leave(one, one.conversation)
        assert len(all_of_them) == 0 and one.timer is None

    asyncio.run(discard_and_leave())


def test_everybody_who_is_there_is_told_the_end_though_one_fails():
    async def finish() -> list[list[int]]:
        all_of_them = sessions(streams=4)
        talks = [Conversation(), Conversation(broken=True), Conversation(), Conversation()]
        made = [opened(all_of_them, "a", talk) for talk in talks]
        all_of_them.leave(made[2], talks[2])
        await all_of_them.finish(1001)
        return [talk.codes for talk in talks]

    assert asyncio.run(finish()) == [[1001], [], [], [1001]]
