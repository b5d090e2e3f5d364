"""What `tembr serve` makes of its options, what it prints, and what it says before it serves."""

from __future__ import annotations

import click
import pytest
from tests.recognize.fake_bundle import make_bundle

import tembr.serve.run
from tembr.bundle import BundleError
from tembr.cli.serving import print_key, print_limits, run, settings_of
from tembr.errors import ConfigError
from tembr.recognize.batch import cores
from tembr.serve.keys import hashed, read_keys
from tembr.serve.settings import Limits, ServiceSettings


def settings(*changes: str, host: str = "127.0.0.1", threads=None, keys=None) -> ServiceSettings:
    return settings_of(host, 8_000, threads, keys, list(changes))


@pytest.fixture(autouse=True)
def _no_keys_of_the_machine(monkeypatch):
    """`TEMBR_API_KEYS` of whoever runs the tests lets nobody in."""
    monkeypatch.delenv("TEMBR_API_KEYS", raising=False)


def test_by_default_they_are_those_of_a_service():
    assert settings() == ServiceSettings()
    assert settings().threads == cores()


def test_what_is_said_on_the_command_line_is_set_and_nothing_else():
    assert settings(threads=3, host="::") == ServiceSettings(threads=3, host="::")
    assert settings("max_streams=0", "timeout=2.5").limits == Limits(max_streams=0, timeout=2.5)
    assert settings("max_files=3", "max_files=4").limits == Limits(max_files=4)


def test_keys_come_from_the_file_and_from_the_environment(tmp_path, monkeypatch):
    (tmp_path / "keys").write_text(hashed("ola"))
    monkeypatch.setenv("TEMBR_API_KEYS", hashed("anna"))
    assert settings(keys=tmp_path / "keys").keys == (hashed("anna"), hashed("ola"))
    assert settings().keys == (hashed("anna"),)


def test_a_file_of_no_keys_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="check the path"):
        settings(keys=tmp_path / "nothing")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("max_stream=3", "--limit max_stream: there is no such limit; --limits lists them"),
        ("max_streams=many", "--limit max_streams: .*valid integer"),
        ("max_streams=1.5", "--limit max_streams: .*valid integer"),
        ("max_streams", "--limit max_streams: .*valid integer"),
        ("max_bytes=999", "--limit max_bytes: .*greater than or equal to 1000"),
        ("timeout=0", "--limit timeout: .*greater than 0"),
        ("timeout=nan", "--limit timeout: .*finite number"),
        ("session_seconds=-1", "--limit session_seconds: .*greater than or equal to 0"),
        ("timeout=inf", "--limit timeout: .*finite number"),
        ("session_seconds=inf", "--limit session_seconds: .*finite number"),
        ("=3", "--limit : there is no such limit"),
    ],
)
def test_what_is_no_limit_is_one_line_with_its_name(change, said):
    with pytest.raises(click.UsageError, match=f"^{said}") as error:
        settings("max_files=3", change)
    assert "\n" not in str(error.value)


def test_every_limit_is_listed_with_what_it_is_by_default(capsys):
    print_limits()
    listed = dict(line.split("=") for line in capsys.readouterr().out.splitlines())
    assert list(listed) == list(Limits.model_fields)
    assert settings(*(f"{name}={value}" for name, value in listed.items())).limits == Limits()


def test_limits_are_listed_as_they_were_changed(capsys):
    print_limits(["timeout=5"])
    assert "timeout=5\n" in capsys.readouterr().out


def test_the_line_for_the_file_is_the_hash_of_the_key_that_is_shown(capsys, tmp_path):
    print_key()
    first, second = capsys.readouterr().out.splitlines()
    key, line = first.partition(": ")[2], second.partition(": ")[2]
    (tmp_path / "keys").write_text(line)
    assert read_keys(tmp_path / "keys", {}) == (hashed(key),) and key != line


@pytest.fixture
def served(monkeypatch) -> list:
    """Of which bundle and with what a service was begun; each listens on port 4321."""
    calls = []

    def serve(recognizer, settings, on_ready):
        calls.append((recognizer.facts.name, settings))
        on_ready(4_321)

    monkeypatch.setattr(tembr.serve.run, "serve", serve)
    return calls


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> str:
    return str(make_bundle(tmp_path_factory.mktemp("bundle") / "fake", name="mine", version="2.1"))


def test_what_is_served_and_where_is_said_when_it_is_listened_on(capsys, served, bundle):
    run(settings(), bundle, None, "cpu")
    said = capsys.readouterr()
    assert served == [("mine", settings())]
    assert (said.out, said.err) == ("", "tembr: mine 2.1 at http://127.0.0.1:4321\n")
    run(ServiceSettings(host="::1"), bundle, None, "cpu")
    assert capsys.readouterr().err == "tembr: mine 2.1 at http://[::1]:4321\n"


@pytest.mark.parametrize(
    ("host", "keys", "warned"),
    [
        ("0.0.0.0", (), True),
        ("192.168.1.2", (), True),
        ("0.0.0.0", (hashed("anna"),), False),
        ("127.0.0.1", (), False),
        ("::1", (), False),
        ("localhost", (), False),
    ],
)
def test_where_anybody_is_let_in_it_is_said(capsys, served, bundle, host, keys, warned):
    run(ServiceSettings(host=host, keys=keys), bundle, None, "cpu")
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith("tembr: anybody who reaches this address is let in") == warned and len(rest) == warned


def test_without_a_bundle_nothing_is_served(served, tmp_path):
    with pytest.raises(BundleError):
        run(settings(), str(tmp_path), None, "cpu")
    assert served == []
