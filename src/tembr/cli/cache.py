"""`tembr cache`: what is kept of computed representations."""

from __future__ import annotations

from typing import Annotated

import typer

from tembr.cli.app import SUGGEST, app
from tembr.cli.options import Words

cache = typer.Typer(suggest_commands=SUGGEST, no_args_is_help=True, help="Look after the cache of representations.")
app.add_typer(cache, name="cache")


@cache.command("list")
def cache_list() -> None:
    """What is cached, by representation and settings."""
    from rich.table import Table

    from tembr.cli.console import results
    from tembr.features.store import FeatureStore

    store = FeatureStore()
    table = Table("representation", "settings", "recordings", "MiB", box=None, pad_edge=False)
    for entry in store.entries():
        table.add_row(entry.representation, entry.settings, f"{entry.recordings:,}", f"{entry.bytes / 2**20:,.1f}")
    results.print(table if table.row_count else f"nothing is cached in {store.root}")


@cache.command("verify")
def cache_verify() -> None:
    """Read every cached file against its checksum; exit with 1 if one is damaged."""
    from tembr.features.store import FeatureStore

    damaged = FeatureStore().verify()
    for path, reason in damaged:
        typer.echo(f"{path}: {reason}; the next study computes it again")
    if damaged:
        raise typer.Exit(1)
    typer.echo("all is well")


@cache.command("clear")
def cache_clear(
    representation: Annotated[
        str | None,
        typer.Argument(
            click_type=Words("tembr.features.registry:REPRESENTATIONS"),
            help="Only this one; all, and encoders' states, by default.",
        ),
    ] = None,
) -> None:
    """Remove cached representations, all without an argument."""
    from tembr.features.store import FeatureStore

    typer.echo(f"freed {FeatureStore().clear(representation) / 2**20:,.1f} MiB")
