"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, get_args

import click
import typer

from tembr.arguments import CHANNEL, RULES, Rule


class Words(click.ParamType):
    """An option that takes one of a fixed set of words, or several with commas between them where it is `listed`.

    Args:
        words: they themselves, or 'module:name' of what holds them (a `Literal`, a table's keys), which is imported
            when a value is given and not before.
    """

    name = "word"

    def __init__(self, words: tuple[str, ...] | str, listed: bool = False):
        self._words, self._listed = words, listed

    @property
    def words(self) -> tuple[str, ...]:
        if not isinstance(self._words, str):
            return self._words
        module, _, name = self._words.partition(":")
        found = getattr(import_module(module), name)
        return get_args(found) or tuple(found)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        choice = click.Choice(self.words)
        for word in listed([value]) if self._listed else [value]:
            choice.convert(word, param, ctx)
        return value


CORPORA = Words("tembr.corpora:CORPORA")
PROTOCOLS = Words("tembr.splits:Protocol", listed=True)
CORPUS_HELP = "Name of the corpus: nemo, demo, manifest for a table of yours ... `tembr corpus --list` shows them all."
AUXILIARY = Words("tembr.corpora:CORPORA", listed=True)

CorpusName = Annotated[
    str,
    typer.Option("--corpus", click_type=CORPORA, help=CORPUS_HELP),
]
CorpusDir = Annotated[
    str | None,
    typer.Option(help="Where the corpus lies: its folder, your table, or a name on the Hugging Face hub."),
]
Unmapped = Annotated[
    str | None,
    typer.Option(
        click_type=Words(("error", "drop", "keep")),
        help="Labels outside the six emotions: error (list them), drop or keep.",
    ),
]
Columns = Annotated[
    list[str] | None, typer.Option("--column", help="Column of a manifest, as OURS=THEIRS: emotion=label. Repeatable.")
]
Emotions = Annotated[
    list[str] | None,
    typer.Option("--emotion", help="What a label of the corpus means, as THEIRS=OURS: rabbia=anger. Repeatable."),
]
Outside = Annotated[bool | None, typer.Option("--allow-outside", help="A manifest may name files outside its folder.")]
Bundle = Annotated[str | None, typer.Option(help="Folder of a bundle, or one inside the package: default, small.")]
Variant = Annotated[
    str | None, typer.Option(help="ONNX file of the bundle, by path or name; the bundle's own choice by default.")
]
Force = Annotated[bool, typer.Option("--force", help="Write over what Tembr did not write.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only warnings and results.")]


def channel_of(value: str) -> str | int:
    """Callback of an option that takes what `Recognizer.predict` does: mix, left, right, each, or a number from 1."""
    return _channel(value, RULES["channel"])


def one_channel(value: str) -> str | int:
    """The same without `each`."""
    return _channel(value, CHANNEL)


def _channel(value: str, rule: Rule) -> str | int:
    channel = int(value) if value.isdecimal() else value
    if not rule.fits(channel):
        raise click.BadParameter(f"{value}: give {rule.wanted}")
    return channel


def probability(value: float | None) -> float | None:
    """Callback of an option that takes a probability, 0 to 1; NaN is none."""
    if value is not None and not 0 <= value <= 1:
        raise click.BadParameter(f"{value:g}: give a probability from 0 to 1")
    return value


def coverage_level(value: float | None) -> float | None:
    """Callback of an option that takes a coverage of prediction sets, 0.5 to 0.99; NaN is none."""
    if value is not None and not 0.5 <= value <= 0.99:
        raise click.BadParameter(f"{value:g}: give a share from 0.5 to 0.99")
    return value


@contextmanager
def following(quiet: bool) -> Iterator:
    """A `Progress` that says every step on stderr; silent where `quiet`."""
    from tembr.cli.console import progress_bars, say
    from tembr.progress import Progress

    if quiet:
        yield Progress()
        return
    try:
        with progress_bars() as bars:
            yield Progress(say, bars.count)
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        raise


def listed(values: list[str] | None) -> list[str] | None:
    """Values of a repeatable option that also takes commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()] if values else None


def columns_of(columns: list[str] | None) -> dict[str, str] | None:
    """OURS=THEIRS, as a dict."""
    return _pairs_of(columns, "--column {}: write it as OURS=THEIRS, for example emotion=label")


def emotions_of(emotions: list[str] | None) -> dict[str, str] | None:
    """THEIRS=OURS, as a dict."""
    return _pairs_of(emotions, "--emotion {}: write it as THEIRS=OURS, for example rabbia=anger")


def _pairs_of(values: list[str] | None, wrong: str) -> dict[str, str] | None:
    pairs: dict[str, str] = {}
    for value in values or ():
        key, _, meant = (part.strip() for part in value.partition("="))
        if not key or not meant or pairs.get(key, meant) != meant:
            raise click.UsageError(wrong.format(value) + (", and each once" if key in pairs else ""))
        pairs[key] = meant
    return pairs or None


def names_of(folders: list[Path]) -> dict[str, Path]:
    """Short name → folder: the last part of its path, or as many as tell it from the others; each folder once."""
    whole = {folder.resolve(): folder for folder in folders}
    for length in range(1, 1 + max(len(path.parts) for path in whole)):
        names = {"/".join(path.parts[-length:]): folder for path, folder in whole.items()}
        if len(names) == len(whole):
            break
    return names
