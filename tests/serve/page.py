"""A browser for tests of the page: Chromium with a microphone that speaks from a file, and a line that can be cut."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def chromium(speech: Path) -> Iterator:
    """A browser whose microphone hears the WAV file `speech`; skips the test where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    named = os.environ.get("TEMBR_CHROMIUM")
    if not named:
        pytest.skip("a minute of tests: TEMBR_CHROMIUM=auto looks for Chromium, or names it")
    path = next(filter(None, map(shutil.which, NAMES)), None) if named == "auto" else named
    if path is None:
        pytest.skip("no Chromium: install it, or name it in TEMBR_CHROMIUM")
    with sync_api.sync_playwright() as playwright:
        arguments = [*ARGUMENTS, f"--use-file-for-fake-audio-capture={speech}"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


class Line:
    """Passes connections on to a port, until they are cut.

    Attributes:
        port: to connect to.
        broken: while it is, no connection lasts.
        losing: while it is, what is sent to the port is lost.
    """

    def __init__(self, port: int):
        self._target, self.broken, self.losing, self._open = port, False, False, set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections."""
        for each in list(self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self.broken:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open |= {near, far}
                for ends in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, there: bool) -> None:
        with suppress(OSError):
            while content := source.recv(1 << 16):
                if not (there and self.losing):
                    target.sendall(content)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
