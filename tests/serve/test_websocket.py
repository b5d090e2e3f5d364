"""Live speech over a real socket: the recognizer's events, resumed after a drop; faults of clients."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket as socket_module
import subprocess
import sys
import time
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from fastapi import WebSocketDisconnect
from tests.recognize.fake_bundle import RATE
from tests.serve.conftest import limited, running
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tembr.recognize import load
from tembr.serve.errors import Refusal
from tembr.serve.protocol import Resume, decoded
from tembr.serve.settings import Limits
from tembr.serve.websocket import Conversation

START = {"type": "start", "sample_rate": RATE, "encoding": "f32le"}


@pytest.fixture(scope="module")
def expected(waveform) -> list[dict]:
    """Events as the recognizer gives them."""
    stream = load().stream(RATE)
    return [json.loads(json.dumps(event.as_dict())) for event in [*stream.push(waveform), *stream.finish()]]


def said(socket, **message) -> dict:
    socket.send(json.dumps(message))
    return json.loads(socket.recv())


def events(socket) -> list[dict]:
    """All that comes until the socket is closed."""
    found = []
    try:
        while True:
            found.append(json.loads(socket.recv(timeout=60)))
    except ConnectionClosed:
        return found


def plain(messages: list[dict]) -> list[dict]:
    assert [message["n"] for message in messages] == list(range(1, len(messages) + 1))
    return [{name: value for name, value in message.items() if name not in ("type", "n")} for message in messages]


def send(socket, waveform: np.ndarray, size: int = 1_600) -> None:
    for first in range(0, len(waveform), size):
        socket.send(waveform[first : first + size].tobytes())


def test_events_are_the_recognizers(service, waveform, expected):
    with connect(service.socket) as socket:
        started = said(socket, **START)
        assert started["type"] == "started" and started["labels"][0] == "anger"
        send(socket, waveform, 999)
        socket.send('{"type": "finish"}')
        *told, finished = events(socket)
    assert plain(told) == expected and finished == {"type": "finished", "seconds": pytest.approx(19.84, abs=0.01)}
    assert socket.close_code == 1000


def test_a_stream_goes_on_after_its_socket_was_lost(service, waveform, expected):
    with connect(service.socket) as socket:
        session = said(socket, **START)["session"]
        send(socket, waveform[: 12 * RATE])
        socket.send('{"type": "ping"}')
        before = []
        while (message := json.loads(socket.recv()))["type"] != "pong":
            before.append(message)
        socket.socket.close()  # as a network does: without a word
    received = len(before) - 2
    with connect(service.socket) as socket:
        resumed = said(socket, type="resume", session=session, received=received)
        assert resumed["samples"] == 12 * RATE and resumed["received"] == received
        send(socket, waveform[resumed["samples"] :])
        socket.send('{"type": "finish"}')
        *after, _ = events(socket)
    assert after[:2] == before[received:] and plain(before[:received] + after) == expected


def test_a_client_that_comes_back_takes_over_from_a_socket_that_is_still_there(service, waveform):
    with connect(service.socket) as old, connect(service.socket) as new:
        session = said(old, **START)["session"]
        send(old, waveform[:RATE])
        assert said(new, type="resume", session=session)["type"] == "resumed"
        events(old)
        assert old.close_code == 4000
        new.send('{"type": "ping"}')
        assert events_until(new, "pong")


class Fake:
    """A service with one session, a socket that keeps what is sent, and what was discarded."""

    def __init__(self, before: object = None):
        self.sent, self.discarded = [], []
        self.session = SimpleNamespace(id="x", conversation=None, lock=asyncio.Lock(), missed=lambda n: [], taken=0)
        sessions = SimpleNamespace(resume=lambda *_: (self.session, before), discard=self.discarded.append)
        service = SimpleNamespace(name={}, limits=Limits(), sessions=sessions)
        self.conversation = Conversation(SimpleNamespace(send_text=self._keep, close=self._keep), service)

    async def _keep(self, message: object) -> None:
        self.sent.append(message)


def test_an_old_socket_that_is_lost_does_not_end_the_new_one():
    async def lost(code: int) -> None:
        raise WebSocketDisconnect(1006)

    fake = Fake(SimpleNamespace(close=lost))
    asyncio.run(fake.conversation._resume(Resume(type="resume", session="x", received=0), "client"))
    assert json.loads(fake.sent[0])["type"] == "resumed"


@pytest.mark.parametrize("stays", [True, False])
def test_a_long_message_is_heard_a_second_at_a_time_and_no_further_where_the_client_has_moved(stays):
    """What is left is sent again on the new socket, after the samples that were taken."""
    fake, pushed, counter = Fake(), [], SimpleNamespace(inc=lambda seconds: None)

    def push(samples: np.ndarray) -> list:
        pushed.append(len(samples))
        fake.session.conversation = fake.conversation if stays else object()
        return []

    async def run(work):
        return work()

    vars(fake.session).update(
        push=push,
        decode=lambda content: np.zeros((len(content), 1)),
        number=list,
        stream=SimpleNamespace(sample_rate=8),
    )
    fake.session.conversation = fake.conversation
    fake.conversation._session = fake.session
    fake.conversation._service.executor = SimpleNamespace(run=run)
    fake.conversation._service.metrics = SimpleNamespace(audio=SimpleNamespace(labels=lambda path: counter))
    asyncio.run(fake.conversation._hear(bytes(20)))
    assert pushed == ([8, 8, 4] if stays else [8])


@pytest.mark.parametrize("own", [True, False])
def test_an_old_socket_that_is_refused_does_not_take_the_session_from_the_new_one(own):
    fake = Fake()
    fake.conversation._session = fake.session
    fake.session.conversation = fake.conversation if own else object()
    asyncio.run(fake.conversation.refuse(Refusal(408, "idle", "nothing came")))
    assert fake.discarded == [fake.session] * own


def events_until(socket, kind: str) -> bool:
    while True:
        if json.loads(socket.recv(timeout=30))["type"] == kind:
            return True


@pytest.mark.parametrize("encoding", ["s16le", "mulaw"])
def test_other_encodings_and_channels_are_heard_alike(service, waveform, expected, encoding):
    coded = (waveform * 32_767).astype(np.int16) if encoding == "s16le" else mu_law(waveform)
    with connect(service.socket) as socket:
        said(socket, **START | {"encoding": encoding, "channels": 2})
        send(socket, np.repeat(coded, 2).reshape(-1, 2))
        socket.send('{"type": "finish"}')
        *told, _ = events(socket)
    closed = [[e["start"] for e in found if e["event"] == "closed"] for found in (told, expected)]
    assert len(closed[0]) >= 3 and closed[0][0] == pytest.approx(closed[1][0], abs=0.3)


def mu_law(waveform: np.ndarray) -> np.ndarray:
    """The code whose value is nearest, `(samples,)` uint8."""
    values = decoded("mulaw", 1, bytes(range(256)))[:, 0]
    return np.abs(waveform[:, None] - values).argmin(axis=1).astype(np.uint8)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("no json", "protocol"),
        ('{"type": "begin"}', "protocol"),
        ('{"type": "start"}', "protocol"),
        ('{"type": "start", "sample_rate": 1}', "protocol"),
        ('{"type": "start", "sample_rate": 16000, "hop": 1e999}', "protocol"),
        ('{"type": "start", "sample_rate": 16000, "hop": NaN}', "protocol"),
        ('{"type": "start", "sample_rate": 16000, "speaker": {}}', "speaker"),
        ('{"type": "start", "sample_rate": 16000, "path": "/etc"}', "protocol"),
        ('{"type": "resume", "session": "none"}', "session"),
        (b"\0\0", "protocol"),
    ],
)
def test_a_wrong_beginning_is_said_and_closed(service, first, code):
    with connect(service.socket) as socket:
        socket.send(first)
        (error,) = events(socket)
    assert (error["type"], error["code"], socket.close_code) == ("error", code, 1008) and error["message"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\0\0\0", "protocol"),
        (np.float32("nan").tobytes(), "audio"),
        ("finish", "protocol"),
        ('{"type":"x"}', "protocol"),
    ],
)
def test_a_wrong_message_is_said_and_closed(service, message, code):
    with connect(service.socket) as socket:
        session = said(socket, **START)["session"]
        socket.send(message)
        (error,) = events(socket)
    assert (error["code"], socket.close_code) == (code, 1008)
    with connect(service.socket) as socket:
        assert said(socket, type="resume", session=session)["code"] == "session"


def test_a_message_that_is_too_long_is_refused(service):
    with connect(service.socket) as socket:
        said(socket, **START)
        socket.send(bytes((1 << 20) + 4))
        assert events(socket) == [] and socket.close_code == 1009


def test_a_page_of_another_origin_opens_no_socket(service):
    with pytest.raises(InvalidStatus) as refused, connect(service.socket, origin="https://elsewhere.example"):
        pass
    assert refused.value.response.status_code == 403


def test_streams_are_bounded_and_the_one_that_waits_gives_way():
    with limited(max_streams=2) as process:
        one, two = connect(process.socket), connect(process.socket)
        said(one, **START), said(two, **START)
        with connect(process.socket) as third:
            assert said(third, **START)["code"] == "busy"
            events(third)
            assert third.close_code == 1013
        one.close()
        with connect(process.socket) as third:
            assert said(third, **START)["type"] == "started"
        two.close()


def test_a_session_is_forgotten_after_its_time_and_an_idle_one_is_closed():
    with limited(session_seconds=0.3, idle_seconds=0.5) as process:
        with connect(process.socket) as socket:
            session = said(socket, **START)["session"]
        time.sleep(0.6)
        with connect(process.socket) as socket:
            assert said(socket, type="resume", session=session)["code"] == "session"
        with connect(process.socket) as socket:
            said(socket, **START)
            (error,) = events(socket)
        assert error["code"] == "idle"


def test_a_half_open_socket_is_found_and_forgotten():
    with limited(ping_seconds=1, session_seconds=0.2) as process:
        silent = raw_stream(process)
        assert become(process, 1, seconds=20) and become(process, 0, seconds=60)
        silent.close()


def test_a_client_that_reads_nothing_is_given_up_and_holds_nobody_up(waveform):
    """It asks for more than its socket takes; what it does not read is not piled up for it."""
    with limited(send_seconds=0.5, session_seconds=0.2, send_buffer=4_096) as process:
        deaf, pings, sent = raw_stream(process, receives=4_096), frame(b'{"type": "ping"}') * 1_000, 0
        with pytest.raises(TimeoutError):
            while sent < 10_000_000:
                sent += deaf.send(pings[sent % len(pings) :])
        with connect(process.socket) as socket:
            assert said(socket, **START)["type"] == "started"
            send(socket, waveform[:RATE])
            socket.send('{"type": "ping"}')
            assert events_until(socket, "pong")
        assert become(process, 0, seconds=10)
        deaf.close()


def raw_stream(process, receives: int | None = None) -> socket_module.socket:
    """A socket without a WebSocket library behind it, on which a stream has been started."""
    place = urlsplit(process.url)
    opened = socket_module.socket()
    if receives:
        opened.setsockopt(socket_module.SOL_SOCKET, socket_module.SO_RCVBUF, receives)
    opened.settimeout(1)
    opened.connect((place.hostname, place.port))
    opened.sendall(
        f"GET /v1/stream HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert b" 101 " in opened.recv(1_000)
    opened.sendall(frame(json.dumps(START).encode()))
    return opened


def frame(content: bytes) -> bytes:
    """A message of text, masked with zeros (RFC 6455, 5.2)."""
    return bytes([0x81, 0x80 | len(content)]) + bytes(4) + content


def become(process, count: int, seconds: float) -> bool:
    """Whether so many streams are open before long."""
    deadline = time.monotonic() + seconds
    while streams(process) != count and time.monotonic() < deadline:
        time.sleep(0.05)
    return streams(process) == count


def streams(process) -> int:
    text = httpx.get(f"{process.url}/metrics").text
    return int(float(re.search(r"^tembr_streams (\S+)", text, re.M)[1]))


def test_a_client_killed_in_the_middle_is_followed_by_one_that_goes_on(service, waveform, expected, tmp_path):
    np.save(tmp_path / "speech.npy", waveform[: 6 * RATE])
    code = (
        "import json, sys, time, numpy as np\nfrom websockets.sync.client import connect\n"
        "socket = connect(sys.argv[1])\nsocket.send(json.dumps(json.loads(sys.argv[2])))\n"
        "print(json.loads(socket.recv())['session'], flush=True)\n"
        'socket.send(np.load(sys.argv[3]).tobytes())\nsocket.send(\'{"type": "ping"}\')\n'
        "while json.loads(socket.recv())['type'] != 'pong': pass\nprint('heard', flush=True)\ntime.sleep(60)"
    )
    command = [sys.executable, "-c", code, service.socket, json.dumps(START), str(tmp_path / "speech.npy")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        session = client.stdout.readline().strip()
        assert client.stdout.readline() == "heard\n"
        client.kill()
    with connect(service.socket) as socket:
        resumed = said(socket, type="resume", session=session)
        assert resumed["samples"] == 6 * RATE
        send(socket, waveform[6 * RATE :])
        socket.send('{"type": "finish"}')
        *told, _ = events(socket)
    assert plain(told) == expected


def test_sigterm_tells_the_last_events_and_ends_well(tmp_path, waveform, expected):
    with running(tmp_path) as process, connect(process.socket) as socket:
        said(socket, **START)
        send(socket, waveform)
        socket.send('{"type": "ping"}')
        told = []
        while (message := json.loads(socket.recv()))["type"] != "pong":
            told.append(message)
        process._process.send_signal(signal.SIGTERM)
        *rest, finished = events(socket)
        assert finished["type"] == "finished" and socket.close_code == 1001
        assert plain(told + rest) == expected
        assert process._process.wait(20) == 0
