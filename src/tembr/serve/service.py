"""A service as its routes see it: what it hears with, who is let in, what is counted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from tembr.serve.admission import Admission
from tembr.serve.errors import Refusal
from tembr.serve.executor import Executor
from tembr.serve.keys import client_of
from tembr.serve.metrics import Metrics
from tembr.serve.sessions import Sessions
from tembr.serve.settings import LOCAL, Limits, ServiceSettings


@dataclass(frozen=True, eq=False)
class Service:
    """Everything of one service that lives as long as it does.

    Attributes:
        settings: of it.
        executor: the recognizer and its threads.
        admission: who is let in.
        sessions: the streams.
        metrics: what is counted.
    """

    settings: ServiceSettings
    executor: Executor
    admission: Admission
    sessions: Sessions
    metrics: Metrics

    @property
    def limits(self) -> Limits:
        return self.settings.limits

    @property
    def name(self) -> dict[str, str]:
        """Bundle and version, as every answer says them."""
        facts = self.executor.recognizer.facts
        return {"bundle": facts.name, "version": str(facts.version)}


def service_of(connection: HTTPConnection) -> Service:
    """The service that a request or a socket came to."""
    return connection.app.state.service


def client(connection: HTTPConnection) -> str:
    """Who asks: a key's hash, or where no keys are asked for the address.

    Raises:
        Refusal: the key is missing or unknown, or a page of another origin asks.
    """
    check_origin(connection)
    return known_client(connection, bearer(connection))


def known_client(connection: HTTPConnection, key: str) -> str:
    """The same for a key that came by another way."""
    keys = service_of(connection).settings.keys
    if not keys:
        return connection.client.host if connection.client else ""
    found = client_of(key, keys)
    if found is None:
        raise Refusal(401, "key", "an API key is needed; send it as Authorization: Bearer KEY")
    return found


def bearer(connection: HTTPConnection) -> str:
    """The key in the header, '' where there is none."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def check_origin(connection: HTTPConnection) -> None:
    """Refuse pages of other origins: a browser would let them use a service on this machine.

    A page whose name has come to mean this machine (DNS rebinding) is of its origin to the browser; the name gives it
    away.

    Raises:
        Refusal: the header Origin names another host, or Host is no name of this service.
    """
    settings, host = service_of(connection).settings, connection.headers.get("host", "")
    if settings.host in LOCAL and _name(host) not in (*LOCAL, *settings.hosts):
        raise Refusal(403, "host", "the request names a host that is not known here; --allow-host NAME makes it known")
    origin = connection.headers.get("origin")
    asking = None if origin is None else origin.partition("://")[2]
    if asking is not None and asking != host and _name(asking) not in settings.hosts:
        raise Refusal(403, "origin", "the request is from a page of another origin; --allow-host NAME lets it")


def _name(host: str) -> str:
    """`host`, a header's, without its port and the brackets of IPv6."""
    return re.sub(r":\d*$", "", host).strip("[]").lower()
