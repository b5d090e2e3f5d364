"""Services for tests: real processes with the default bundle, or the application in this one."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile
from tests.recognize.fake_bundle import RATE

from tembr.recognize import load
from tembr.serve.app import create_app
from tembr.serve.run import Server, _config, listening_on
from tembr.serve.settings import Limits, ServiceSettings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass
class Service:
    """A service that runs.

    Attributes:
        url: where it answers, without a slash at the end.
    """

    url: str

    @property
    def socket(self) -> str:
        """Address of the WebSocket."""
        return f"ws{self.url.removeprefix('http')}/v1/stream"


class Process(Service):
    """`tembr serve` as a process of its own.

    Attributes:
        log: file that its stderr goes to.
    """

    def __init__(self, folder: Path, *arguments: str, **environment: str):
        self.log = folder / "serve.log"
        command = [sys.executable, "-m", "tembr.cli", "serve", "--port", "0", *arguments]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                command, stderr=log, stdout=log, env=os.environ | {"OMP_NUM_THREADS": "1"} | environment
            )
        super().__init__(self._url())

    def _url(self) -> str:
        for _ in range(600):
            found = re.search(r"at (http://\S+)", self.log.read_text())
            if found:
                return found[1]
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError(self.log.read_text())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def lines(self) -> list[dict]:
        """What it logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(30)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running(folder: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    process = Process(folder, *arguments, **environment)
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def limited(send_buffer: int | None = None, **limits: float) -> Iterator[Service]:
    """A service with limits of its own in a thread, which is there at once.

    Args:
        send_buffer: bytes that the system keeps for a client that does not read.
    """
    settings = ServiceSettings(port=0, limits=Limits(**limits))
    with listening_on(settings) as opened:
        if send_buffer:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        server = Server(_config(create_app(default_recognizer(), settings), settings))
        thread = Thread(target=server.run, args=([opened],))
        thread.start()
        try:
            yield Service(f"http://{settings.host}:{opened.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()


default_recognizer = cache(load)


@pytest.fixture(scope="session")
def service(tmp_path_factory) -> Iterator[Process]:
    """One with the default bundle and the usual limits, for all tests that leave it as it is."""
    with running(tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture(scope="session")
def speech() -> Path:
    """A recording in which somebody speaks, if a machine can, of several seconds."""
    return EXAMPLES / "conversation.flac"


@pytest.fixture(scope="session")
def waveform(speech) -> np.ndarray:
    samples, rate = soundfile.read(speech, dtype="float32")
    assert rate == RATE
    return samples
