"""The application every command registers with."""

from __future__ import annotations

from typing import Annotated

import click
import typer

SUGGEST = not hasattr(click.exceptions, "NoSuchCommand")
"""Whether typer names the nearest command: a click that has this error names it itself."""

app = typer.Typer(
    suggest_commands=SUGGEST,
    name="tembr",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "Hear emotion in speech, Polish first: recognise it in recordings; train, compare and join networks on "
        "eleven acoustic representations; export them as one ONNX file.\n\n"
        "Start with `tembr predict examples/` or a recording of yours, in the laboratory with "
        "`tembr study --corpus demo`, which needs nothing downloaded. "
        "`--debug` anywhere shows the traceback of an error."
    ),
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from tembr import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass
