"""What the README promises is there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import tembr_here

ROOT = Path(__file__).resolve().parents[1]


def test_every_table_is_the_one_that_was_written():
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "write_tables.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def commands() -> list[str]:
    lines = (ROOT / "README.md").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if re.match(r"(\w+=\w+ )?uv run .*tembr study", line)]


def test_there_are_commands_to_check():
    assert len(commands()) >= 3


@pytest.mark.parametrize("command", commands())
def test_every_study_command_is_understood(command):
    from tembr.experiment.settings import load_settings

    words = shlex.split(command)
    after = lambda option: [words[i + 1] for i, word in enumerate(words) if word == option]  # noqa: E731
    config, corpus = [c if c == "default" else ROOT / c for c in after("--config")], after("--corpus")
    assert config or corpus
    load_settings(config[0] if config else None, after("--set"), **({"corpus__name": corpus[0]} if corpus else {}))


def test_the_first_command_hears_the_examples(capsys, monkeypatch):
    command = (ROOT / "README.md").read_text().partition("<!-- predict -->\n```\n")[2].splitlines()[0]
    assert command == "pip install uv && uv run tembr predict examples/"
    monkeypatch.chdir(ROOT)
    done = tembr_here(capsys, "predict", "examples/")
    assert done.status == 0
    assert len(done.out.splitlines()) == 6


@pytest.mark.parametrize("readme", ["README.md", "README.pl.md"])
def test_links_lead_somewhere(readme):
    text = (ROOT / readme).read_text()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
