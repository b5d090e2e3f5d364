"""What becomes of arguments, bodies and answers between a client and the recognizer, in this process."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient
from tests.recognize.fake_bundle import RATE, make_bundle, tone

from tembr import __version__
from tembr.emotions import EMOTIONS
from tembr.recognize import Recognizer, load
from tembr.serve.app import create_app
from tembr.serve.keys import hashed
from tembr.serve.settings import Limits, ServiceSettings

ROUTES = {"/v1/predict": "POST", "/v1/segments": "POST", "/v1/enrolments": "POST", "/v1/model": "GET"}
RECORDINGS = [path for path, method in ROUTES.items() if method == "POST"]
EVERYTHING = {"check_speech": False}
HERE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> Recognizer:
    return load(make_bundle(tmp_path_factory.mktemp("bundle") / "fake"))


@pytest.fixture(scope="module")
def http(recognizer) -> Iterator[TestClient]:
    with TestClient(create_app(recognizer, ServiceSettings(limits=Limits(max_files=7))), HERE) as client:
        yield client


def wav(seconds: float = 2.0, channels: int = 1) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, np.stack([tone("fear", seconds)] * channels, axis=1), RATE, format="WAV")
    return written.getvalue()


def counted(http: TestClient, name: str) -> float:
    lines = http.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


@pytest.mark.parametrize(
    ("channel", "heard"), [("mix", [None]), ("left", [1]), ("right", [2]), ("2", [2]), ("each", [1, 2])]
)
def test_a_channel_is_a_word_or_a_number(http, channel, heard):
    answer = http.post("/v1/predict", params={"channel": channel} | EVERYTHING, content=wav(channels=2))
    assert [each.get("channel") for each in answer.json()["answers"]] == heard


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/segments"])
@pytest.mark.parametrize("channel", ["0", "-1", "1.0", "9" * 5_000, "٣", "Left", ""])
def test_what_is_no_channel_is_refused_with_what_it_may_be(http, path, channel):
    answer = http.post(path, params={"channel": channel}, content=wav())
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "argument")
    assert error["message"].startswith("channel: ") and "mix, left, right or each" in error["message"]


@pytest.mark.parametrize(
    ("path", "name", "least", "most"),
    [
        ("/v1/predict", "start", 0, 1e6),
        ("/v1/predict", "end", 0, 1e6),
        ("/v1/predict", "min_confidence", 0, 1),
        ("/v1/predict", "coverage", 0.5, 0.99),
        ("/v1/segments", "hop", 0.1, 600),
        ("/v1/segments", "window", 0.5, 30),
        ("/v1/segments", "smoothing", 0, 1_000),
        ("/v1/segments", "min_confidence", 0, 1),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_its_name(http, path, name, least, most):
    for value in (least - 0.01, most + 0.01, "nan"):
        answer = http.post(path, params={name: value}, content=b"never heard")
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "argument")
        assert answer.json()["error"]["message"].startswith(f"{name}: ")
    for value in (least, most):
        answer = http.post(path, params={name: value}, content=b"no sound")
        assert answer.json()["error"]["code"] == "audio"


def test_seconds_that_were_heard_are_counted_for_each_route(http):
    predicted, cut = (f'tembr_audio_seconds_total{{path="/v1/{name}"}}' for name in ("predict", "segments"))
    before = [counted(http, name) for name in (predicted, cut)]
    http.post("/v1/predict", params={"start": 0.5, "end": 1.75} | EVERYTHING, content=wav())
    http.post("/v1/segments", params={"speech_only": False}, content=wav(3))
    http.post("/v1/predict", content=b"no sound")
    assert [counted(http, name) - old for name, old in zip((predicted, cut), before)] == [1.25, 3.0]


def test_segments_come_with_the_duration_though_nobody_speaks(http):
    answer = http.post("/v1/segments", content=wav(1.5)).json()
    assert answer == {"bundle": "fake", "version": "1", "duration": 1.5, "segments": []}


def test_whatever_becomes_of_a_request_its_place_is_free_again(http):
    for content in (wav(), b"no sound", b""):
        http.post("/v1/predict", content=content)
    assert counted(http, "tembr_requests_under_way") == 0


def test_a_bundle_that_cannot_adapt_says_so_before_it_takes_recordings(http):
    assert http.get("/v1/model").json()["adapts"] is False
    answer = http.post("/v1/enrolments", content=b"")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bundle")
    assert "cannot adapt" in answer.json()["error"]["message"]


def test_the_model_says_what_answers_and_how_much_is_taken_on(http):
    model = http.get("/v1/model").json()
    assert (model["bundle"], model["version"], model["tembr"]) == ("fake", "1", __version__)
    assert (model["labels"], model["sample_rate"], model["window"]) == (list(EMOTIONS), RATE, 3.0)
    assert list(model["polish"]) == model["labels"] and model["variant"] == "model.onnx"
    assert set(model["limits"]) == {"max_bytes", "max_seconds", "max_files", "max_streams"}
    assert model["limits"]["max_files"] == 7


@pytest.mark.parametrize(("path", "method"), ROUTES.items())
def test_every_route_asks_for_a_key(recognizer, path, method):
    http = TestClient(create_app(recognizer, ServiceSettings(keys=(hashed("anna"),))), HERE)
    assert http.request(method, path).status_code == 401
    assert http.request(method, path, headers={"authorization": "Bearer anna"}).status_code != 401


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/segments"])
def test_a_service_that_stops_takes_no_recording(recognizer, path):
    app = create_app(recognizer, ServiceSettings())
    app.state.service.admission.closing = True
    answer = TestClient(app, HERE).post(path, content=wav())
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stopping")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        ("/v1/predict", "min_confidance=0.9", "min_confidance: unknown parameter"),
        ("/v1/predict", "hop=1", "hop: unknown parameter"),
        ("/v1/segments", "coverage=0.9", "coverage: unknown parameter"),
        ("/v1/predict", "start=0&start=1", "start: given more than once"),
        ("/v1/enrolments", "name=anna", "name: unknown parameter"),
    ],
)
def test_a_parameter_that_would_change_nothing_is_refused(http, path, query, said):
    answer = http.post(f"{path}?{query}", content=wav())
    assert answer.status_code == 422 and said in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "parts", "said"),
    [
        ("/v1/predict", [("file", wav()), ("file", wav())], "a part 'file': 2 times"),
        ("/v1/predict", [("file", wav()), ("speeker", b"{}")], "a part 'speeker': there are file, speaker, name"),
    ],
)
def test_a_part_that_would_change_nothing_is_refused(http, path, parts, said):
    answer = http.post(path, files=[(name, ("x", content)) for name, content in parts])
    assert answer.status_code == 400 and said in answer.json()["error"]["message"]
