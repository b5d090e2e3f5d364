"""`tembr web`: what it asks for and what it says, with no site built."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.command import tembr_here

from tembr.errors import StoreError


@pytest.fixture
def built(monkeypatch) -> list:
    """What a site was asked for of; each has 12,345,678 bytes."""
    calls = []
    monkeypatch.setattr("tembr.recognize.network.Network", lambda *given: given)
    monkeypatch.setattr("tembr.serve.site.build", lambda *given: calls.append(given) or 12_345_678)
    return calls


def test_a_site_is_built_of_the_default_bundle_and_its_size_is_said(capsys, built):
    done = tembr_here(capsys, "web", "--out", "site")
    assert (done.status, done.out, done.err) == (0, "site: 12.3 MB\n", "")
    assert built == [(Path("site"), (None, None), None, False)]


def test_options_reach_the_site(capsys, built):
    words = "--out a/site --bundle small --variant fp32 --onnxruntime-web ort --force"
    tembr_here(capsys, "web", *words.split())
    assert built == [(Path("a/site"), ("small", "fp32"), Path("ort"), True)]


def test_where_to_is_never_guessed(capsys, built):
    done = tembr_here(capsys, "web")
    assert (done.status, built) == (2, []) and "--out" in done.err


def test_what_cannot_be_built_is_one_line(capsys, monkeypatch, built):
    def refuse(*_):
        raise StoreError("site: holds other files")

    monkeypatch.setattr("tembr.serve.site.build", refuse)
    done = tembr_here(capsys, "web", "--out", "site")
    assert (done.status, done.out, done.err) == (1, "", "tembr: site: holds other files\n")
