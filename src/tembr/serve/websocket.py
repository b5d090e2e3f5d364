"""The WebSocket of a stream: samples in, events out, and after a lost connection the same stream again."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from functools import partial

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.responses import JSONResponse

from tembr.errors import TembrError
from tembr.serve import protocol
from tembr.serve.errors import Refusal, content, refusal_of
from tembr.serve.service import Service, bearer, check_origin, known_client, service_of
from tembr.serve.sessions import Session

router = APIRouter()

DONE, STOPPING, WRONG, BUSY, TAKEN = 1000, 1001, 1008, 1013, 4000
"""Codes a socket is closed with (RFC 6455, 7.4); 4000 where the client came back on another one."""


@router.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """Hears a client from its first message to its last."""
    service = service_of(socket)
    try:
        check_origin(socket)
        service.admission.check_open()
    except Refusal as error:
        await socket.send_denial_response(JSONResponse(content(error), error.status, error.headers))
        return
    await socket.accept()
    conversation = Conversation(socket, service)
    try:
        await conversation.begin()
        await conversation.go_on()
    except (WebSocketDisconnect, RuntimeError, TimeoutError):  # RuntimeError: starlette's, of a socket that is closed
        pass
    except TembrError as error:
        await conversation.refuse(refusal_of(error))
    finally:
        conversation.leave()


class Conversation:
    """A socket and the session that is heard on it.

    Args:
        socket: accepted.
        service: it came to.
    """

    def __init__(self, socket: WebSocket, service: Service):
        self._socket, self._service = socket, service
        self._session: Session | None = None

    async def begin(self) -> None:
        """Take the first message, and open or find the session."""
        received = await self._receive()
        if received.get("text") is None:
            raise Refusal(400, "protocol", "the first message is text: start or resume")
        message = protocol.first(received["text"])
        client = known_client(self._socket, message.key or bearer(self._socket))
        begin = self._start if isinstance(message, protocol.Start) else self._resume
        await begin(message, client)

    async def _start(self, message: protocol.Start, client: str) -> None:
        recognizer = self._service.executor.of(message.enrolled)
        self._service.sessions.make_room()
        stream = recognizer.stream(**message.options)
        self._session = self._service.sessions.open(client, stream, message.decode, self)
        started = {"type": "started", "session": self._session.id, **self._service.name}
        await self._send(started | {"labels": list(recognizer.labels)})

    async def _resume(self, message: protocol.Resume, client: str) -> None:
        session, before = self._service.sessions.resume(message.session, client, self)
        self._session = session
        if before is not None:
            with suppress(RuntimeError, WebSocketDisconnect):  # it may be closed or lost already
                await before.close(TAKEN)
        async with session.lock:  # what is being heard on the other socket comes to its end
            missed = session.missed(message.received)
            resumed = {"type": "resumed", "session": session.id, **self._service.name, "samples": session.taken}
            for each in (resumed | {"received": message.received}, *missed):
                await self._send(each)

    async def go_on(self) -> None:
        """Hear samples until the client has finished or the service stops."""
        while True:
            received = await self._receive()
            if received.get("bytes") is not None:
                await self._hear(received["bytes"])
            elif isinstance(protocol.later(received.get("text") or ""), protocol.Ping):
                await self._send({"type": "pong", "seconds": self._session.stream.seconds})
            else:
                return await self.finish(DONE)

    async def finish(self, code: int) -> None:
        """Tell the last events, and close."""
        session = self._session
        async with session.lock:
            events = await self._service.executor.run(session.stream.finish)
            await self._tell(events)
        await self._send({"type": "finished", "seconds": session.stream.seconds})
        self._service.sessions.discard(session)
        await self.close(code)

    async def close(self, code: int) -> None:
        """Close the socket."""
        await self._socket.close(code)

    async def _hear(self, content: bytes) -> None:
        session = self._session
        samples, second = session.decode(content), session.stream.sample_rate
        for begin in range(0, len(samples), second):  # others have their turn between
            part = samples[begin : begin + second]
            async with session.lock:
                if session.conversation is not self:
                    return
                events = await self._service.executor.run(partial(session.push, part))
                self._service.metrics.audio.labels("/v1/stream").inc(len(part) / second)
                await self._tell(events)

    async def _tell(self, events: list) -> None:
        for event in events:
            self._service.metrics.events.labels(event.kind).inc()
        for message in self._session.number(events):
            await self._send(message)

    async def _receive(self) -> dict:
        """The next message.

        Raises:
            Refusal: none came for too long. WebSocketDisconnect: the client went away.
        """
        limit = self._service.limits.idle_seconds
        try:
            received = await asyncio.wait_for(self._socket.receive(), limit)
        except TimeoutError as error:
            raise Refusal(408, "idle", f"nothing came for {limit:g} s; send samples, silence or ping") from error
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", DONE))
        return received

    async def _send(self, message: dict) -> None:
        text = json.dumps(message, ensure_ascii=False)
        await asyncio.wait_for(self._socket.send_text(text), self._service.limits.send_seconds)

    async def refuse(self, error: Refusal) -> None:
        """Say what was wrong, and close; the session is over: what was too slow may still be heard in its thread."""
        if self._session is not None and self._session.conversation is self:
            self._service.sessions.discard(self._session)
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            await self._send({"type": "error", "code": error.code, "message": str(error)})
            await self._socket.close(BUSY if error.status in (429, 503) else WRONG)

    def leave(self) -> None:
        """The socket is gone; its session waits for the client."""
        if self._session is not None:
            self._service.sessions.leave(self._session, self)
