"""The clients in docs/service.md, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.recognize.fake_bundle import RATE
from tests.serve.page import chromium

from tembr.recognize import load

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "service.md").read_text(encoding="utf-8")


def client(name: str) -> str:
    found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)```", PAGE, re.S)
    return found[1]


@pytest.fixture(scope="module")
def expected(waveform) -> list[tuple[float, str]]:
    stream = load().stream(RATE)
    told = [*stream.push(waveform), *stream.finish()]
    return [(round(event.prediction.start, 3), event.label) for event in told if event.kind == "closed"]


def test_the_client_in_python(service, speech, expected):
    done = subprocess.run(
        [sys.executable, "-c", client("client.py"), service.socket, str(speech)], capture_output=True, text=True
    )
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [(float(row[0]), row[2]) for row in rows] == expected, done.stderr


def test_the_client_in_javascript(service, speech, waveform, expected):
    with chromium(speech) as browser:
        told = hear_in(browser.new_page(), service, waveform)
    assert [(start, label) for start, label in told] == expected


def hear_in(page, service, waveform: np.ndarray) -> list:
    page.goto(f"{service.url}/healthz")
    script = "async ([url, samples]) => { const told = []; %s; await hear(url, new Float32Array(samples), 16000, "
    script += "(event) => told.push([event.start, event.label])); return told; }"
    return page.evaluate(script % client("client.js"), [service.socket, waveform.astype(float).tolist()])


def test_they_are_short():
    for name in ("client.py", "client.js"):
        lines = [line for line in client(name).splitlines() if line.strip() and not line.startswith(("import", "from"))]
        assert len(lines) <= 13


def test_every_path_and_limit_is_in_the_document():
    from tembr.serve.app import create_app
    from tembr.serve.settings import ServiceSettings

    described = create_app(load(), ServiceSettings()).openapi()["paths"]
    assert [path for path in described if path not in PAGE] == []
