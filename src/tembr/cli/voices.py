"""Commands about voices nobody has heard: experiments and what they come to."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import click
import typer

from tembr.cli.app import app
from tembr.cli.options import Force, Quiet, watching

Corpora = Annotated[
    Path, typer.Option("--corpora", help="Folder that holds the corpora, each in a folder of its short name: nemo, …")
]


@app.command()
def experiment(
    recipe: Annotated[
        list[Path] | None,
        typer.Argument(help="TOML files, as in experiments/; without any, the recipe of the default bundle."),
    ] = None,
    corpora: Corpora = Path("corpora"),
    out: Annotated[Path, typer.Option(help="Folder for predictions and figures, one folder each.")] = Path(
        "runs/experiments"
    ),
    force: Force = False,
    journal: Annotated[Path, typer.Option(help="Table the figures are entered in.")] = Path("docs/experiments.csv"),
    jobs: Annotated[int, typer.Option(help="Networks trained at once.", min=1)] = 1,
    quiet: Quiet = False,
) -> None:
    """Measure recipes for unheard voices: every speaker answered by networks that never heard that speaker.

    Networks that are trained are kept in the cache and never trained again: stopped at any point, the same command
    goes on.

    Example: `tembr experiment experiments/functionals.toml --corpora corpora --jobs 2`
    """
    from tembr.outputs import EXPERIMENT, require_own_file, require_own_folder
    from tembr.voices.experiment import RESULTS, run_experiment
    from tembr.voices.journal import enter
    from tembr.voices.recipe import DEFAULT, read_recipe

    recipes = {path: read_recipe(path) for path in recipe or [Path(DEFAULT)]}
    require_own_file(journal, "journal", force)
    for path in recipes:
        require_own_folder(out / path.stem, RESULTS, EXPERIMENT, force)
    with watching(quiet) as watch:
        for path, settings in recipes.items():
            started = time.perf_counter()
            folders = {name: corpora / name for name in (settings.corpus, *settings.more)}
            lines = run_experiment(settings, folders, out / path.stem, jobs, watch)
            enter(journal, path.stem, settings, lines, time.perf_counter() - started)
            for line in lines:
                typer.echo(
                    f"{path.stem} · {line.mode}: UAR {line.uar:.3f} ({line.low:.3f}-{line.high:.3f}), "
                    f"inner {line.inner:.3f}, accuracy {line.accuracy:.3f}, ECE {line.ece:.3f}"
                )


@app.command()
def ship(
    recipe: Annotated[
        Path, typer.Argument(help="TOML file of the recipe, as in experiments/, or `default`, the default bundle's.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")],
    force: Force = False,
    corpora: Corpora = Path("corpora"),
    measured: Annotated[
        list[str] | None,
        typer.Option(
            help="PROTOCOL=FOLDER of a finished experiment of this recipe (speaker=runs/x, phone=runs/y). Repeatable."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Of the bundle.")] = "",
    version: Annotated[str, typer.Option(help="Of the bundle.")] = "1.0.0",
    jobs: Annotated[int, typer.Option(help="Networks trained at once.", min=1)] = 1,
    quiet: Quiet = False,
) -> None:
    """Train a recipe on all recordings and write it as a bundle that can adapt to a speaker.

    Temperatures and the figures in its card are those that `tembr experiment` found.

    Example: `tembr ship default --measured speaker=runs/experiments/default --out bundle`
    """
    from tembr.export.voice_bundle import export_voices
    from tembr.voices.recipe import read_recipe

    pairs = dict(one.partition("=")[::2] for one in measured or [])
    if not all(pairs.values()):
        raise click.UsageError(f"--measured {measured[0]}: write it as PROTOCOL=FOLDER, such as speaker=runs/x")
    settings = read_recipe(recipe)
    folders = {one: corpora / one for one in (settings.corpus, *settings.more)}
    with watching(quiet) as watch:
        found = {protocol: Path(folder) for protocol, folder in pairs.items()}
        export_voices(settings, folders, found, out, name, version, jobs, watch, force)
    typer.echo(str(out))
