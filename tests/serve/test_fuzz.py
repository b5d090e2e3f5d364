"""Whatever is sent, no answer is a fault of the service: generated from its own description, and mutated at random."""

from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import httpx
import numpy as np
import pytest
import schemathesis
import soundfile
from hypothesis import HealthCheck, given, settings
from tests.recognize.fake_bundle import RATE, make_bundle
from tests.serve.conftest import running
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

BODIES, MESSAGES = 480, 240


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzzed")
    with running(folder, "--bundle", str(make_bundle(folder / "bundle")), "--limit", "max_bytes=300000") as process:
        yield process
        faults = [line for line in process.lines if line["level"] == "error" or line.get("status") == 500]
        assert faults == []


def test_every_route_answers_as_it_is_described(process):
    described = schemathesis.openapi.from_url(f"{process.url}/openapi.json")
    checks = [schemathesis.checks.not_a_server_error, schemathesis.checks.response_schema_conformance]
    asked = []
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def answers(case):
            case.validate_response(case.call(timeout=30), checks=checks)

        answers()
        asked.append(operation.label)
    assert len(asked) == 7


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """`content` with bytes changed, cut out, doubled, or its end cut off."""
    found = bytearray(content)
    for _ in range(rng.integers(1, 8)):
        at = int(rng.integers(0, max(1, len(found))))
        way = rng.integers(4)
        if way == 0 and found:
            found[min(at, len(found) - 1)] = int(rng.integers(256))
        elif way == 1:
            del found[at : at + int(rng.integers(1, 200))]
        elif way == 2:
            found[at:at] = found[at : at + int(rng.integers(1, 200))]
        else:
            del found[max(1, at) :]
    return bytes(found)


def form(parts: dict[str, bytes]) -> bytes:
    head = '--b\r\nContent-Disposition: form-data; name="{0}"; filename="{0}"\r\n\r\n'
    return b"".join(head.format(name).encode() + part + b"\r\n" for name, part in parts.items()) + b"--b--\r\n"


def test_mutated_bodies_are_refused_and_never_a_fault(process):
    written = io.BytesIO()
    soundfile.write(written, np.random.default_rng(1).uniform(-1, 1, RATE // 8), RATE, format="WAV")
    sound, rng = written.getvalue(), np.random.default_rng(2)
    whole = form({"file": sound, "files": sound, "speaker": b'{"kind": "tembr speaker", "format": 2}'})
    paths = ("/v1/predict", "/v1/segments", "/v1/enrolments")
    asked = [(paths[n % 3], n % 2, mutated(whole if n % 2 else sound, rng)) for n in range(BODIES)]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda quarter: posted(process.url, asked[quarter::4]), range(4)))
    counted = Counter(status for some in statuses for status in some)
    assert counted.total() == BODIES and set(counted) == {200, 400, 422}, counted


def posted(url: str, asked: list[tuple[str, int, bytes]]) -> list[int]:
    """Statuses of bodies, one after another on one connection."""
    connection, statuses = HTTPConnection(url.removeprefix("http://"), timeout=30), []
    for path, multipart, body in asked:
        headers = {"Content-Type": "multipart/form-data; boundary=b"} if multipart else {}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    return statuses


def test_mutated_messages_end_in_an_error_or_an_answer(process):
    start = json.dumps({"type": "start", "sample_rate": 16_000, "encoding": "s16le", "hop": 0.5, "speaker": None})
    rng, samples = np.random.default_rng(3), np.random.default_rng(4).bytes(640)

    async def one(number: int) -> None:
        texts = [start, '{"type": "ping"}', '{"type": "finish"}']
        which = number % 3
        texts[which] = mutated(texts[which].encode(), rng).decode("utf-8", "replace")
        try:
            async with connect(f"{process.socket}", close_timeout=2) as socket:
                await socket.send(texts[0])
                await socket.send(mutated(samples, rng))
                for text in texts[1:]:
                    await socket.send(text)
                async for _ in socket:
                    pass
                assert socket.close_code in (1000, 1008, 1013)
        except WebSocketException:
            pass

    async def all_of_them() -> None:
        for first in range(0, MESSAGES, 8):
            await asyncio.wait_for(asyncio.gather(*map(one, range(first, first + 8))), 30)

    asyncio.run(all_of_them())
    assert httpx.get(f"{process.url}/readyz").status_code == 200
