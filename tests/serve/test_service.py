"""Who asks: by a key or by an address, and never a page of another origin."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.requests import HTTPConnection
from tests.recognize.fake_bundle import make_bundle

from tembr.recognize import load
from tembr.serve.admission import Admission
from tembr.serve.errors import Refusal
from tembr.serve.executor import Executor
from tembr.serve.keys import hashed
from tembr.serve.metrics import Metrics
from tembr.serve.service import Service, bearer, check_origin, client, known_client, service_of
from tembr.serve.sessions import Sessions
from tembr.serve.settings import ServiceSettings

KEYS = (hashed("anna"), hashed("ola"))


def service(recognizer=None, **settings) -> Service:
    own = ServiceSettings(**settings)
    admission, sessions = Admission(own.limits), Sessions(own.limits)
    metrics = Metrics(lambda: admission.under_way, lambda: len(sessions))
    return Service(own, Executor(recognizer, own), admission, sessions, metrics)


def connection(
    keys: tuple[str, ...] = (), address: str | None = "1.2.3.4", listening: str = "0.0.0.0", hosts=(), **headers: str
) -> HTTPConnection:
    app = SimpleNamespace(state=SimpleNamespace(service=service(keys=keys, host=listening, hosts=hosts)))
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "app": app, "headers": raw, "client": address and (address, 5_000)})


def refused(check, *given) -> tuple[int, str]:
    with pytest.raises(Refusal) as error:
        check(*given)
    return error.value.status, error.value.code


def test_the_service_is_that_of_the_application():
    one = connection()
    assert service_of(one) is one.app.state.service and service_of(one).limits is one.app.state.service.settings.limits


def test_answers_are_named_by_the_bundle(tmp_path):
    made = service(load(make_bundle(tmp_path / "bundle", name="mine", version="2.1")))
    assert made.name == {"bundle": "mine", "version": "2.1"}


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer anna", "anna"),
        ("bearer   anna ", "anna"),
        ("BEARER a b", "a b"),
        ("Bearer", ""),
        ("Basic anna", ""),
        ("anna", ""),
        ("", ""),
    ],
)
def test_a_key_is_what_follows_bearer(header, key):
    assert bearer(connection(authorization=header)) == key


def test_without_the_header_there_is_no_key():
    assert bearer(connection()) == ""


def test_a_client_is_its_keys_hash_wherever_it_asks_from():
    for address in ("1.2.3.4", "5.6.7.8", None):
        assert client(connection(KEYS, address, authorization="Bearer ola")) == KEYS[1]


def test_where_no_keys_are_asked_for_a_client_is_its_address():
    assert client(connection(address="1.2.3.4", authorization="Bearer anna")) == "1.2.3.4"
    assert client(connection(address=None)) == ""


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer ewa"}, {"authorization": f"Bearer {KEYS[0]}"}])
def test_who_has_no_key_is_refused(headers):
    assert refused(client, connection(KEYS, **headers)) == (401, "key")


def test_a_key_may_come_by_another_way_than_the_header():
    assert known_client(connection(KEYS), "anna") == KEYS[0]
    assert refused(known_client, connection(KEYS, authorization="Bearer anna"), "ewa") == (401, "key")


@pytest.mark.parametrize("origin", ["http://here:8000", "https://here:8000"])
def test_the_page_of_the_service_may_ask_and_so_may_a_program(origin):
    assert check_origin(connection(host="here:8000", origin=origin)) is None
    assert check_origin(connection(host="here:8000")) is None


@pytest.mark.parametrize(
    "origin", ["http://elsewhere:8000", "http://here", "http://here:8001", "http://here:8000.evil", "null", ""]
)
def test_a_page_of_another_origin_is_refused_whatever_key_it_has(origin):
    one = connection(KEYS, host="here:8000", origin=origin, authorization="Bearer anna")
    assert refused(check_origin, one) == refused(client, one) == (403, "origin")


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "speech.example"])
@pytest.mark.parametrize("listening", ["127.0.0.1", "::1", "localhost"])
def test_on_this_machine_alone_it_is_asked_by_names_of_this_machine_and_those_made_known(listening, host):
    assert check_origin(connection(listening=listening, host=host, hosts=("speech.example",))) is None


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8000", "127.0.0.1.evil.example", ""])
def test_a_page_whose_name_has_come_to_mean_this_machine_is_refused(host):
    one = connection(listening="127.0.0.1", host=host, origin=f"http://{host}")
    assert refused(check_origin, one) == refused(client, one) == (403, "host")


def test_the_page_at_a_proxy_may_ask_by_a_name_that_is_known():
    one = connection(hosts=("speech.example",), host="backend:8000", origin="https://speech.example")
    assert check_origin(one) is None
    assert refused(check_origin, connection(host="backend:8000", origin="https://speech.example")) == (403, "origin")
