"""Options that several commands share, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from tembr.errors import ConfigError

CorpusName = Annotated[
    str, typer.Option("--corpus", help="nemo, ravdess, emodb, ased, demo, manifest (your table) or folder.")
]
CorpusDir = Annotated[
    str | None,
    typer.Option(help="Where the corpus lies: its folder, your table, or a name on the Hugging Face hub."),
]
Unmapped = Annotated[str | None, typer.Option(help="Labels outside the six emotions: error (list them), drop or keep.")]
Columns = Annotated[
    list[str] | None, typer.Option("--column", help="Column of a manifest, as OURS=THEIRS: emotion=label. Repeatable.")
]
Outside = Annotated[bool | None, typer.Option("--allow-outside", help="A manifest may name files outside its folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only warnings and results.")]


@contextmanager
def watching(quiet: bool) -> Iterator:
    """A `Watch` that says every step on stderr; silent where `quiet`."""
    from tembr.cli.console import progress_bars, say
    from tembr.member import Watch

    if quiet:
        yield Watch()
        return
    try:
        with progress_bars() as bars:
            yield Watch(say, bars.count)
    except KeyboardInterrupt:
        say("stopped; the same command goes on from here")
        raise


def listed(values: list[str] | None) -> list[str] | None:
    """Values of a repeatable option that also takes commas."""
    return [name.strip() for value in values for name in value.split(",") if name.strip()] if values else None


def pairs_of(columns: list[str] | None) -> dict[str, str] | None:
    """OURS=THEIRS, as a dict."""
    if not columns:
        return None
    pairs = dict(column.partition("=")[::2] for column in columns)
    if not all(pairs.values()):
        raise ConfigError(f"--column {columns[0]}: write it as OURS=THEIRS, for example emotion=label")
    return pairs
