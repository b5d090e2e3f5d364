"""What the README promises is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.command import tembr_here

ROOT = Path(__file__).resolve().parents[1]
ENSEMBLE = ROOT / "docs" / "results" / "default" / "ensemble" / "comparison.md"
RESULTS = ROOT / "docs" / "results" / "nemo" / "comparison.md"


def between(text: str, name: str) -> str:
    return re.search(rf"<!-- {name} -->\n(.*?)\n*<!-- /{name} -->", text, re.DOTALL).group(1).strip()


@pytest.mark.parametrize("readme", ["README.md", "README.pl.md"])
def test_the_comparison_is_the_one_the_study_wrote(readme):
    assert between((ROOT / readme).read_text(), "results") == RESULTS.read_text().strip()


@pytest.mark.parametrize("readme", ["README.md", "README.pl.md"])
def test_the_ensembles_figures_are_those_that_were_written(readme):
    assert between((ROOT / readme).read_text(), "ensemble") == ENSEMBLE.read_text().strip()


def commands() -> list[str]:
    lines = (ROOT / "README.md").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if re.match(r"(\w+=\w+ )?uv run .*tembr study", line)]


def test_there_are_commands_to_check():
    assert len(commands()) >= 3


@pytest.mark.parametrize("command", commands())
def test_every_study_command_is_understood(command):
    from tembr.config import load_settings

    words = shlex.split(command)
    after = lambda option: [words[i + 1] for i, word in enumerate(words) if word == option]  # noqa: E731
    config, corpus = after("--config"), after("--corpus")
    assert config or corpus
    load_settings(ROOT / config[0] if config else None, after("--set"), corpus__name=corpus[0] if corpus else None)


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
