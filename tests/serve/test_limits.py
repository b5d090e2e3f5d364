"""What a service refuses: too large, too long, too many, too slow, without a key; and that it goes on."""

from __future__ import annotations

import io
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import numpy as np
import soundfile
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE
from tests.serve.conftest import limited, running
from websockets.sync.client import connect

from tembr.serve.keys import hashed, new_key


def wav(seconds: float) -> bytes:
    written = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, round(seconds * RATE)).astype(np.float32)
    soundfile.write(written, noise, RATE, format="WAV", subtype="PCM_16")
    return written.getvalue()


def at_once(http: httpx.Client, count: int) -> list[httpx.Response]:
    """Answers to so many long recordings sent at the same time."""
    content = wav(20)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: http.post("/v1/segments", content=content), range(count)))


def test_too_many_bytes_are_refused_before_and_while_they_come():
    with limited(max_bytes=50_000) as process, httpx.Client(base_url=process.url) as http:
        large = http.post("/v1/predict", content=wav(5))
        pieces = http.post("/v1/predict", content=(bytes(10_000) for _ in range(20)))
        form = http.post("/v1/predict", files={"file": wav(5)})
        assert [(a.status_code, a.json()["error"]["code"]) for a in (large, pieces, form)] == [(413, "too_large")] * 3
        assert http.post("/v1/predict", content=wav(1)).status_code == 200


def test_too_many_seconds_are_refused():
    with limited(max_seconds=3) as process, httpx.Client(base_url=process.url) as http:
        for path in ("/v1/predict", "/v1/segments"):
            answer = http.post(path, content=wav(3.5))
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_long")
        files = [("files", wav(2)), ("files", wav(2))]
        assert http.post("/v1/enrolments", files=files).status_code == 413


def test_more_than_can_be_answered_is_refused_at_once_and_none_is_lost():
    limits = {"max_requests": 2, "max_requests_per_client": 50}
    with limited(**limits) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        begin = time.perf_counter()
        answers = at_once(http, 12)
        seconds = time.perf_counter() - begin
        statuses = [answer.status_code for answer in answers]
        assert set(statuses) == {200, 503} and statuses.count(200) >= 2 and seconds < 30
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.headers["retry-after"] == "1" and refused.json()["error"]["code"] == "busy"
        assert http.post("/v1/predict", content=wav(1)).status_code == 200


def test_one_client_cannot_take_all():
    with limited(max_requests_per_client=1) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        answers = at_once(http, 6)
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 429}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)


def test_an_answer_that_takes_too_long_is_given_up():
    with limited(timeout=0.05) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        answer = http.post("/v1/segments", params={"speech_only": False, "hop": 0.1}, content=wav(60))
        assert answer.status_code in (408, 503) and answer.json()["error"]["code"] == "slow"
        assert http.get("/healthz").status_code == 200


def test_a_body_that_does_not_come_holds_nobody_up():
    with limited(timeout=0.5, max_requests=1) as process:
        place = urlsplit(process.url)
        slow = socket.create_connection((place.hostname, place.port))
        slow.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nRIFF")
        time.sleep(0.1)
        with httpx.Client(base_url=process.url, timeout=60) as http:
            assert http.post("/v1/predict", content=wav(0.1)).status_code == 503
            assert b" 408 " in slow.recv(1000)
            assert http.get("/readyz").status_code == 200
            assert "tembr_requests_under_way 0.0" in http.get("/metrics").text
        slow.close()


def test_a_client_that_goes_away_frees_its_place():
    with limited(max_requests=1) as process:
        place = urlsplit(process.url)
        gone = socket.create_connection((place.hostname, place.port))
        gone.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nRIFF")
        gone.close()
        time.sleep(0.3)
        assert httpx.post(f"{process.url}/v1/predict", content=wav(1), timeout=30).status_code == 200


def test_only_those_with_a_key_are_let_in(tmp_path):
    key, digest = new_key()
    (tmp_path / "keys.txt").write_text(f"# people\n{digest}  Anna\n\n")
    with running(tmp_path, "--keys", str(tmp_path / "keys.txt"), TEMBR_API_KEYS=hashed("other")) as process:
        with httpx.Client(base_url=process.url, timeout=30) as http:
            without = http.post("/v1/predict", content=wav(1))
            assert without.status_code == 401 and without.headers["www-authenticate"] == "Bearer"
            for path in ("/v1/model", "/metrics"):
                assert http.get(path, headers={"authorization": "Bearer nonsense"}).status_code == 401
                assert http.get(path, headers={"authorization": f"Bearer {key}"}).status_code == 200
            assert http.get("/v1/model", headers={"authorization": "Bearer other"}).status_code == 200
            assert http.get("/healthz").status_code == http.get("/readyz").status_code == 200
        start = '{"type": "start", "sample_rate": 16000'
        for words, kind in ((f', "key": "{key}"}}', "started"), ("}", "error")):
            with connect(process.socket) as live:
                live.send(start + words)
                assert f'"type": "{kind}"' in live.recv()
        assert key not in process.log.read_text()


def test_a_service_that_stops_finishes_what_runs_and_takes_nothing_more(tmp_path):
    with running(tmp_path) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        found, content = [], wav(60)
        work = threading.Thread(target=lambda: found.append(http.post("/v1/segments", content=content)))
        work.start()
        while "tembr_requests_under_way 1.0" not in http.get("/metrics").text:
            time.sleep(0.01)
        assert process.stop() == 0
        work.join()
    assert [answer.status_code for answer in found] == [200]


def test_an_address_that_is_taken_is_one_line_that_says_so(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tembr_here(capsys, "serve", "--port", str(port))
    assert done.status == 1 and done.one_line_error and f"127.0.0.1:{port}: cannot be listened on" in done.err
