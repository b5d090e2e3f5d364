"""Options with a fixed set of words: the command line refuses any other, says which there are, and ends with 2."""

from __future__ import annotations

import re
from typing import get_args

import click
import pytest
import typer
from tests.command import tembr_here

from tembr.cli import app
from tembr.cli.options import Words
from tembr.ensemble.combiners import CHOICES
from tembr.ensemble.settings import EnsembleSettings
from tembr.experiment.settings import CorpusSettings
from tembr.export.quantize import Quantize
from tembr.export.settings import Inputs


def parameters() -> dict[tuple[str, ...], click.Parameter]:
    """Every option and argument of every command that takes words, by the words before its value."""
    found = {}

    def collect(group: click.Group, path: tuple[str, ...]) -> None:
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                collect(command, (*path, name))
                continue
            for parameter in command.params:
                if isinstance(parameter.type, Words):
                    option = parameter.opts[:1] if isinstance(parameter, click.Option) else []
                    found[(*path, name, *option)] = parameter

    collect(typer.main.get_command(app), ())
    return found


WORDS = parameters()


def test_every_option_of_words_is_one():
    assert set(WORDS) == {
        ("predict", "--format"),
        ("listen", "--format"),
        ("serve", "--provider"),
        ("evaluate", "--corpus"),
        ("evaluate", "--degrade"),
        ("evaluate", "--unmapped"),
        ("corpus", "--corpus"),
        ("corpus", "--unmapped"),
        ("study", "--corpus"),
        ("study", "--auxiliary"),
        ("study", "--protocol"),
        ("study", "--unmapped"),
        ("ensemble", "--protocol"),
        ("ensemble", "--combiner"),
        ("ensemble", "--ship"),
        ("export", "--inputs"),
        ("export", "--quantize"),
        ("cache", "clear"),
    }


@pytest.mark.parametrize("path", WORDS, ids=" ".join)
def test_an_unknown_word_is_a_wrong_command_and_the_words_are_listed(capsys, path):
    done = tembr_here(capsys, *path, "nonsense")
    said = re.sub(r"[│\s]+", " ", done.err)
    assert (done.status, done.out) == (2, "")
    assert "'nonsense' is not one of " + ", ".join(map(repr, WORDS[path].type.words)) in said


@pytest.mark.parametrize("path", [path for path, parameter in WORDS.items() if parameter.multiple], ids=" ".join)
def test_an_unknown_word_among_several_is_refused(capsys, path):
    first = WORDS[path].type.words[0]
    done = tembr_here(capsys, *path, f"{first}, nonsense")
    assert done.status == 2 and "'nonsense' is not one of" in done.err


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        (("study", "--unmapped"), CorpusSettings.model_fields["unmapped"].annotation),
        (("export", "--inputs"), Inputs),
        (("export", "--quantize"), Quantize),
    ],
)
def test_the_words_are_those_of_the_settings(path, settings):
    assert WORDS[path].type.words == get_args(settings)


def test_every_combiner_may_be_named():
    words = WORDS["ensemble", "--combiner"].type.words
    assert words == CHOICES and all(EnsembleSettings(combiner=word).combiner == word for word in words)


@pytest.mark.parametrize("value", ["rabbia", "=anger", "rabbia= ", "=", "rabbia=fear"])
def test_what_a_label_means_is_written_as_theirs_and_ours_and_once(capsys, value):
    done = tembr_here(capsys, "corpus", "--emotion", "rabbia=anger", "--emotion", value)
    assert done.status == 2 and f"--emotion {value}" in done.err and "THEIRS=OURS" in done.err
