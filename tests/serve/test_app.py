"""The application around its routes: the page, errors of every kind, and what is counted; in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient
from tests.recognize.fake_bundle import make_bundle

from tembr.recognize import Recognizer, load
from tembr.serve.app import HEADERS, TYPES, create_app, read_page
from tembr.serve.settings import ServiceSettings

HERE = "http://127.0.0.1"


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory) -> Recognizer:
    return load(make_bundle(tmp_path_factory.mktemp("bundle") / "fake"))


@pytest.fixture
def http(recognizer) -> Iterator[TestClient]:
    with TestClient(create_app(recognizer, ServiceSettings()), HERE, raise_server_exceptions=False) as client:
        yield client


def test_the_page_is_its_files_each_with_its_type(http):
    page = read_page()
    assert "index.html" in page and all(name.endswith(tuple(TYPES)) for name in page)
    for name, content in page.items():
        answer = http.get(f"/page/{name}")
        assert (answer.content, answer.headers["content-type"]) == (content, TYPES["." + name.rpartition(".")[2]])
    assert http.get("/").content == page["index.html"] and http.get("/").headers["content-type"] == TYPES[".html"]


def test_the_page_may_load_from_nowhere_else():
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {source for value in policy.values() for source in value.split()} <= {"'none'", "'self'", "blob:", "data:"}
    assert policy["script-src"] == policy["connect-src"] == "'self'"


def test_requests_have_names_of_their_own(http):
    names = {http.get("/healthz").headers["x-request-id"] for _ in range(9)}
    assert len(names) == 9


def test_a_fault_says_nothing_of_itself_and_is_in_the_log(http, caplog, monkeypatch):
    def broken(*_):
        raise RuntimeError("a secret")

    monkeypatch.setattr("tembr.serve.executor.Executor.run", broken)
    with caplog.at_level(logging.ERROR, "tembr.serve"):
        answer = http.post("/v1/predict", content=b"RIFF")
    said = {"code": "fault", "message": "a fault of the service; its log says more"}
    assert (answer.status_code, answer.json()) == (500, {"error": said})
    assert "RuntimeError: a secret" in caplog.text
    assert answer.headers["x-request-id"] and all(answer.headers[name] == value for name, value in HEADERS.items())
    assert 'tembr_requests_total{path="/v1/predict",status="500"} 1.0' in http.get("/metrics").text
    assert http.get("/healthz").status_code == 200 and "tembr_requests_under_way 0.0" in http.get("/metrics").text


def test_a_method_that_a_path_does_not_take_is_told_with_those_it_takes(http):
    answer = http.get("/v1/predict")
    assert (answer.status_code, answer.headers["allow"], answer.json()["error"]["code"]) == (405, "POST", "path")


def test_paths_that_do_not_exist_are_counted_as_one(http):
    for name in ("a-secret", "b-secret"):
        assert "/openapi.json" in http.get(f"/{name}").json()["error"]["message"]
    text = http.get("/metrics").text
    assert 'tembr_requests_total{path="other",status="404"} 2.0' in text and "secret" not in text


def test_requests_are_counted_by_the_route_and_not_by_what_it_was_asked(http):
    for name in ("index.html", "nothing.js"):
        http.get(f"/page/{name}")
    text = http.get("/metrics").text
    for status in (200, 404):
        assert f'tembr_requests_total{{path="/page/{{name}}",status="{status}"}} 1.0' in text
    assert 'tembr_request_seconds_count{path="/page/{name}"} 2.0' in text and "index" not in text


def test_two_services_count_for_themselves(recognizer):
    one, other = (TestClient(create_app(recognizer, ServiceSettings()), HERE) for _ in range(2))
    one.get("/healthz")
    assert "/healthz" in one.get("/metrics").text and "/healthz" not in other.get("/metrics").text


def test_every_request_is_a_line_of_the_log_without_its_arguments(http, caplog):
    with caplog.at_level(logging.INFO, "tembr.serve"):
        answer = http.get("/page/nothing.js", params={"name": "a-secret"})
    (facts,) = [record.facts for record in caplog.records if record.name == "tembr.serve"]
    assert facts.pop("seconds") >= 0
    assert facts == {
        "request": answer.headers["x-request-id"], "method": "GET", "path": "/page/{name}", "status": 404,
    }  # fmt: skip


def test_a_service_that_stops_is_well_and_not_ready(http):
    assert http.get("/readyz").text == http.get("/healthz").text == "ok\n"
    http.app.state.service.admission.closing = True
    refused = http.get("/readyz")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "stopping")
    assert http.get("/healthz").status_code == 200


def test_there_are_no_pages_of_documentation_that_would_load_from_elsewhere(http):
    assert {http.get(path).status_code for path in ("/docs", "/redoc")} == {404}
