"""Streams of clients: each its own, alive for a while after its socket so that a client can go on."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tembr.recognize.stream import Event, LiveStream
from tembr.serve.errors import Refusal
from tembr.serve.settings import Limits

KEPT = 2_000
"""Events that are kept for a client that comes back."""


class Conversation(Protocol):
    """A socket with a client at its other end."""

    async def finish(self, code: int) -> None:
        """Tell the last events, and close with `code`."""

    async def close(self, code: int) -> None:
        """Close at once."""


@dataclass(eq=False)
class Session:
    """One stream of one client.

    Attributes:
        id: by which the client comes back.
        client: whose it is.
        stream: what hears.
        decode: bytes of a message → samples `(samples, channels)`.
        conversation: in which it is answered now; None while its client is away.
        taken: samples per channel that were heard.
        told: events so far.
        lock: held while samples are heard.
    """

    id: str
    client: str
    stream: LiveStream
    decode: Callable[[bytes], np.ndarray]
    conversation: Conversation | None = None
    taken: int = 0
    told: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    timer: asyncio.TimerHandle | None = None
    _events: deque[dict] = field(default_factory=lambda: deque(maxlen=KEPT))

    def push(self, samples: np.ndarray) -> list[Event]:
        """What is told of the next samples `(samples, channels)`."""
        found = self.stream.push(samples)
        self.taken += len(samples)
        return found

    def number(self, events: list[Event]) -> list[dict]:
        """Events as messages, numbered from 1, and kept."""
        messages = [
            {"type": "event", "n": self.told + place, **event.as_dict()} for place, event in enumerate(events, start=1)
        ]
        self.told += len(messages)
        self._events.extend(messages)
        return messages

    def missed(self, received: int) -> list[dict]:
        """Messages after number `received`.

        Raises:
            Refusal: they are kept no longer.
        """
        first = self.told - len(self._events)
        if not first <= received <= self.told:
            raise Refusal(404, "session", f"events after {received} are not kept; start a new stream")
        return [message for message in self._events if message["n"] > received]


class Sessions:
    """The streams of a service.

    Args:
        limits: of the service.
    """

    def __init__(self, limits: Limits):
        self._limits = limits
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def connected(self) -> list[Session]:
        """Those whose client is there."""
        return [session for session in self._sessions.values() if session.conversation is not None]

    def make_room(self) -> None:
        """See that there is room for one more; a stream that waits for its client longest gives way.

        Raises:
            Refusal: there is none.
        """
        waiting = [session for session in self._sessions.values() if session.conversation is None]
        if len(self) >= self._limits.max_streams and waiting:
            self.discard(waiting[0])
        if len(self) >= self._limits.max_streams:
            raise Refusal(503, "busy", "as many streams as can be heard are open; try again later", 5)

    def open(self, client: str, stream: LiveStream, decode: Callable, conversation: Conversation) -> Session:
        """A new one; raises as `make_room`."""
        self.make_room()
        session = Session(secrets.token_urlsafe(16), client, stream, decode, conversation)
        self._sessions[session.id] = session
        return session

    def resume(self, name: str, client: str, conversation: Conversation) -> tuple[Session, Conversation | None]:
        """The session of a client that comes back, and the conversation it was in, if that has not ended.

        Raises:
            Refusal: there is none of that name, or it is another client's.
        """
        session = self._sessions.get(name)
        if session is None or session.client != client:
            raise Refusal(404, "session", "no such stream, or it waited too long; start a new one")
        before, session.conversation = session.conversation, conversation
        if session.timer is not None:
            session.timer.cancel()
        return session, before

    def leave(self, session: Session, conversation: Conversation) -> None:
        """The client is gone: unless it has come back already, the session waits, and is then discarded."""
        if session.conversation is not conversation or session.id not in self._sessions:
            return
        session.conversation = None
        self._sessions[session.id] = self._sessions.pop(session.id)  # behind those that wait longer
        session.timer = asyncio.get_running_loop().call_later(self._limits.session_seconds, self.discard, session)

    def discard(self, session: Session) -> None:
        """Forget a session."""
        self._sessions.pop(session.id, None)
        if session.timer is not None:
            session.timer.cancel()

    async def finish(self, code: int) -> None:
        """Have every client that is there told its last events, and close with `code`."""
        going = [session.conversation.finish(code) for session in self.connected]
        await asyncio.gather(*going, return_exceptions=True)
