"""A service as a process: uvicorn, logs, and an orderly end."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from tembr.errors import ConfigError
from tembr.recognize.recognizer import Recognizer
from tembr.serve.app import create_app
from tembr.serve.protocol import LARGEST_MESSAGE
from tembr.serve.settings import ServiceSettings
from tembr.serve.websocket import STOPPING

GRACE = 10.0  # seconds for streams to tell their last events
BACKLOG = 128  # connections that wait; as often asyncio tries, and says so, where there are no descriptors left


class Lines(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {"time": round(record.created, 3), "level": record.levelname.lower(), "event": record.getMessage()}
        facts |= getattr(record, "facts", {})
        if record.exc_info:
            facts["trace"] = self.formatException(record.exc_info)
        return json.dumps(facts, ensure_ascii=False)


class Server(uvicorn.Server):
    """Finishes what runs before it ends: requests are answered, streams tell their last events."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._captured_signals.clear()  # uvicorn would end by the signal; a service that was stopped ends well

    async def shutdown(self, sockets=None) -> None:
        service = self.config.app.state.service
        service.admission.closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await service.sessions.finish(STOPPING)
        await super().shutdown(sockets)


def serve(recognizer: Recognizer, settings: ServiceSettings, on_ready: Callable[[int], None]) -> None:
    """Answer until SIGTERM or Ctrl-C.

    Args:
        on_ready: called with the port once it is listened on.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    with listening_on(settings) as opened:
        log_lines()
        server = Server(_config(create_app(recognizer, settings), settings))
        on_ready(opened.getsockname()[1])
        server.run([opened])


def _config(app: FastAPI, settings: ServiceSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=LARGEST_MESSAGE,
        ws_ping_interval=settings.limits.ping_seconds,
        ws_ping_timeout=settings.limits.ping_seconds,
        timeout_graceful_shutdown=math.ceil(settings.limits.timeout),
        server_header=False,
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=settings.proxy or None,
    )


def listening_on(settings: ServiceSettings) -> socket.socket:
    """The socket of an address and port.

    Raises:
        ConfigError: it cannot be listened on.
    """
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        where, why = f"{settings.host}:{settings.port}", (error.strerror or str(error)).partition(" (while")[0]
        raise ConfigError(f"{where}: cannot be listened on ({why}); choose another --port or --host") from error


def log_lines() -> None:
    """Send the service's log and uvicorn's warnings to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name, level in (("tembr.serve", logging.INFO), ("uvicorn", logging.WARNING), ("asyncio", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate = [handler], False
        logger.setLevel(level)
