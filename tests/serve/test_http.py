"""Recordings over HTTP: the recognizer's own answers, errors that say what to do, nothing kept."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from tests.recognize.fake_bundle import RATE

from tembr.recognize import load
from tembr.serve.app import HEADERS


@pytest.fixture(scope="module")
def http(service):
    with httpx.Client(base_url=service.url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def recognizer():
    return load()


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, samples, rate, format="WAV")
    return written.getvalue()


def without_file(prediction) -> dict:
    content = prediction.as_dict()
    del content["file"]
    return content


def test_a_form_and_a_body_get_the_recognizers_answer(http, recognizer, speech):
    expected = {"bundle": recognizer.facts.name, "version": recognizer.facts.version}
    expected["answers"] = [without_file(recognizer.predict(speech))]
    assert http.post("/v1/predict", files={"file": speech.read_bytes()}).json() == expected
    assert http.post("/v1/predict", content=speech.read_bytes()).json() == expected


def test_options_reach_the_recognizer(http, recognizer, speech):
    options = {"start": 1.5, "end": 6, "min_confidence": 0.9, "coverage": 0.9, "check_speech": False}
    (answer,) = http.post("/v1/predict", params=options, files={"file": speech.read_bytes()}).json()["answers"]
    assert answer == without_file(recognizer.predict(speech, **options))
    assert answer["possible"] and answer["label"] == "uncertain"


def test_each_channel_has_an_answer(http, recognizer, waveform):
    both = np.stack([waveform, waveform[::-1]], axis=1)
    found = http.post("/v1/predict", params={"channel": "each"}, content=wav(both)).json()["answers"]
    assert [answer["channel"] for answer in found] == [1, 2]
    one = http.post("/v1/predict", params={"channel": "2"}, content=wav(both)).json()["answers"]
    assert one == found[1:]


def test_segments_are_the_recognizers(http, recognizer, speech):
    found = http.post("/v1/segments", params={"hop": 0.5}, files={"file": speech.read_bytes()}).json()
    assert found["segments"] == [without_file(each) for each in recognizer.segments(speech, hop=0.5)]
    assert found["duration"] == pytest.approx(19.84, abs=0.01)


def test_an_enrolment_is_given_back_and_used(http, recognizer, speech):
    clips = sorted(speech.parent.glob("*.flac"))
    files = [("files", (clip.name, clip.read_bytes())) for clip in clips]
    learnt = http.post("/v1/enrolments", files=files, data={"name": "Anna"}).json()
    assert learnt["recordings"] == len(clips) and learnt["speaker"]["name"] == "Anna"
    assert any("fewer than" in warning for warning in learnt["warnings"])
    given = {"file": speech.read_bytes(), "speaker": json.dumps(learnt["speaker"])}
    (answer,) = http.post("/v1/predict", files=given).json()["answers"]
    (plain,) = http.post("/v1/predict", files={"file": speech.read_bytes()}).json()["answers"]
    adapted = recognizer.adapt([clip.read_bytes() for clip in clips], on_warning=lambda line: None)
    assert answer == without_file(adapted.predict(speech)) and answer != plain


def test_the_model_says_what_it_is(http, recognizer):
    model = http.get("/v1/model").json()
    assert model["labels"] == list(recognizer.labels) and model["polish"]["anger"] == "złość"
    assert (model["provider"], model["adapts"], model["licence"]) == ("cpu", True, recognizer.facts.licence)


@pytest.mark.parametrize(
    ("path", "given", "status", "code"),
    [
        ("/v1/predict", {"content": b"no sound"}, 422, "audio"),
        ("/v1/predict", {"content": b""}, 400, "form"),
        ("/v1/predict", {"files": {"other": b"x"}}, 400, "form"),
        ("/v1/predict?channel=9", {"content": wav(np.zeros(100))}, 422, "audio"),
        ("/v1/predict?channel=up", {"content": wav(np.zeros(100))}, 422, "argument"),
        ("/v1/predict?start=2&end=1", {"content": wav(np.zeros(100))}, 400, "argument"),
        ("/v1/predict?coverage=0.1", {"content": wav(np.zeros(100))}, 422, "argument"),
        ("/v1/predict", {"files": {"file": wav(np.zeros(100)), "speaker": b"{}"}}, 422, "speaker"),
        ("/v1/enrolments", {"files": {"files": wav(np.zeros(RATE))}}, 422, "audio"),
        ("/v1/predict", {"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 400, "form"),
        ("/v1/nothing", {}, 404, "path"),
        ("/healthz", {}, 405, "path"),
    ],
)
def test_what_cannot_be_answered_is_said(http, path, given, status, code):
    answer = http.post(path, **given)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "\n" not in answer.json()["error"]["message"] and "Traceback" not in answer.text


def test_silence_is_an_answer_without_a_label(http):
    (answer,) = http.post("/v1/predict", content=wav(np.zeros(RATE))).json()["answers"]
    assert answer["label"] is None and answer["warnings"][0].startswith("silence")


def test_every_answer_has_the_headers(http):
    for path in ("/healthz", "/v1/model", "/v1/nothing"):
        headers = http.get(path).headers
        assert all(headers[name] == value for name, value in HEADERS.items()) and headers["x-request-id"]
        assert "access-control-allow-origin" not in headers


def test_a_page_of_another_origin_is_refused(http, service, waveform):
    evil = {"origin": "https://elsewhere.example"}
    assert http.post("/v1/predict", content=wav(waveform), headers=evil).status_code == 403
    assert http.post("/v1/predict", content=wav(waveform), headers={"origin": service.url}).status_code == 200


def test_names_of_files_are_looked_up_nowhere(http):
    for name in ("../settings.py", "..%2fsettings.py", "%2e%2e/app.py", "/etc/passwd", "nothing.js", "index"):
        assert http.get(f"/page/{name}").status_code == 404


def test_metrics_count_what_was_asked(http):
    http.get("/healthz")
    text = http.get("/metrics").text
    assert 'tembr_requests_total{path="/healthz",status="200"}' in text and "tembr_audio_seconds_total" in text


def test_the_log_is_lines_of_json_without_a_word_of_the_recording(http, service, speech):
    http.post("/v1/predict", files={"file": ("secret-name.flac", speech.read_bytes())})
    (line,) = [each for each in service.lines if each.get("path") == "/v1/predict"][-1:]
    assert line["status"] == 200 and line["method"] == "POST" and line["seconds"] > 0
    assert "secret-name" not in service.log.read_text()


def test_openapi_describes_every_route_with_examples(http):
    described = http.get("/openapi.json").json()
    assert set(described["paths"]) == {
        "/v1/predict", "/v1/segments", "/v1/enrolments", "/v1/model", "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    assert described["components"]["schemas"]["Answer"]["examples"][0]["polish"] == "złość"
    assert "413" in described["paths"]["/v1/predict"]["post"]["responses"]


def test_nothing_is_written_by_a_large_recording(tmp_path, speech):
    """Starlette's forms go to a file from a megabyte on; this one must not."""
    from tests.serve.conftest import running

    folder = tmp_path / "temporary"
    folder.mkdir()
    large = wav(np.tile(np.linspace(-0.5, 0.5, RATE, dtype=np.float32), 40))
    with running(tmp_path, TMPDIR=str(folder), MALLOC_ARENA_MAX="2") as process:
        opened = set()
        with httpx.Client(base_url=process.url, timeout=60) as client:
            assert client.post("/v1/predict", files={"file": large}).status_code == 200
        descriptors = Path(f"/proc/{process.pid}/fd")
        opened |= {str(each.resolve()) for each in descriptors.iterdir()}
    assert list(folder.iterdir()) == [] and not any(str(folder) in name for name in opened)
