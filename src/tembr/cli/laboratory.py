"""Commands of the laboratory: describe a corpus, run a study, look at it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from tembr.cli.app import app
from tembr.cli.options import (
    AUXILIARY,
    CORPORA,
    CORPUS_HELP,
    PROTOCOLS,
    Columns,
    CorpusDir,
    CorpusName,
    Emotions,
    Force,
    Outside,
    Quiet,
    Unmapped,
    columns_of,
    emotions_of,
    following,
    listed,
    names_of,
)
from tembr.errors import ConfigError


@app.command()
def corpus(
    corpus: CorpusName = "demo",
    corpus_dir: CorpusDir = None,
    unmapped: Unmapped = "keep",
    emotion: Emotions = None,
    column: Columns = None,
    allow_outside: Outside = False,
    out: Annotated[Path | None, typer.Option(help="CSV file for the table of recordings; none by default.")] = None,
    force: Force = False,
    window: Annotated[float, typer.Option(help="Seconds a study will cut or pad recordings to.", min=0.0)] = 3.0,
    known: Annotated[bool, typer.Option("--list", help="List the corpora that are known by name, and stop.")] = False,
) -> None:
    """Describe a corpus before any work: emotions, speakers, durations, and every file that is not as it should be.

    Examples:

    * `tembr corpus --list`
    * `tembr corpus --corpus emodb --corpus-dir corpora/emodb`
    """
    from tembr.cli.console import progress_bars, results, say
    from tembr.corpora import load_corpus, write_table
    from tembr.corpora.describe import describe, known_corpora, render
    from tembr.outputs import require_own_file

    if known:
        typer.echo(known_corpora())
        return
    if out:
        require_own_file(out, "corpus", force, inputs=(corpus_dir,) if corpus_dir else ())
    loaded = load_corpus(
        corpus,
        corpus_dir,
        unmapped=unmapped,
        emotions=emotions_of(emotion),
        columns=columns_of(column),
        allow_outside=bool(allow_outside),
    )
    with progress_bars() as bars:
        description = describe(loaded, window, lambda done, total: bars.count("recordings read", done, total))
    results.print(render(description))
    if out:
        write_table(loaded, out)
        say(f"table: {out}")


@app.command()
def study(
    corpus: Annotated[
        str | None,
        typer.Option(click_type=CORPORA, help=CORPUS_HELP),
    ] = None,
    corpus_dir: CorpusDir = None,
    auxiliary: Annotated[
        list[str] | None,
        typer.Option(click_type=AUXILIARY, help="Corpora that are only learnt from (repeatable, or comma-separated)."),
    ] = None,
    corpora: Annotated[
        Path | None, typer.Option(help="Folder that holds the corpora, each in a folder of its short name.")
    ] = None,
    member: Annotated[
        list[str] | None,
        typer.Option(
            help="Fit this one (repeatable, or comma-separated): a representation, a kind (majority, svm, "
            "discriminants, encoder, finetuned), or a name that the recipe has. By default the eleven and two "
            "baselines."
        ),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            click_type=PROTOCOLS,
            help="random (the field's 64/16/20 split), speaker (leave one speaker out), sentence (speakers and "
            "sentences), kfold; repeatable. By default random and speaker, so that the report shows both.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the study; runs/CORPUS by default.")] = None,
    force: Force = False,
    config: Annotated[
        str | None,
        typer.Option(
            help="TOML file of settings, as a study's config.toml; or a recipe: classic, default, small, finetuned."
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting, as KEY=VALUE: train.epochs=5, members.mfcc.train.epochs=9."),
    ] = None,
    unmapped: Unmapped = None,
    emotion: Emotions = None,
    column: Columns = None,
    allow_outside: Outside = None,
    quiet: Quiet = False,
) -> None:
    """Fit members, a network on each representation by default, measure them all, and compare them with the baselines.

    Interrupted at any point, the same command goes on where it stopped. The folder then holds the comparison
    (`comparison.html` to look at, `.csv`, `.png`, `.md`) and one folder for each member.

    Examples:

    * `tembr study --corpus demo --set train.epochs=5`
    * `tembr study --corpus nemo --corpus-dir nEMO --member mfcc,chroma --protocol speaker`
    * `tembr study --config default --corpora corpora --out runs/default`
    """
    from tembr.experiment.settings import load_settings

    settings = load_settings(
        config,
        set_ or [],
        members=listed(member),
        auxiliary=listed(auxiliary),
        corpora=corpora,
        corpus__name=corpus,
        corpus__folder=corpus_dir,
        corpus__unmapped=unmapped,
        corpus__emotions=emotions_of(emotion),
        corpus__columns=columns_of(column),
        corpus__allow_outside=allow_outside,
        protocols=listed(protocol),
    )
    from tembr.evaluate.comparison import comparison_markdown
    from tembr.experiment.run import run_study
    from tembr.outputs import STUDY, require_own_folder

    folder = out or Path("runs") / settings.corpus.name
    require_own_folder(folder, "config.toml", STUDY, force)
    with following(quiet) as progress:
        finished = run_study(settings, folder, progress)
    typer.echo(comparison_markdown(finished.results))
    typer.echo(f"\n{folder / 'comparison.html'}")


@app.command()
def compare(
    studies: Annotated[list[Path], typer.Argument(help="Folders of finished studies of one corpus.")],
    out: Annotated[Path, typer.Option(help="Folder for comparison.csv, .png, .html and .md.")] = Path("comparison"),
    force: Force = False,
    title: Annotated[str | None, typer.Option(help="Heading of the comparison.")] = None,
) -> None:
    """Set the members of several studies side by side, such as one by `random` and one by `speaker`.

    Studies that have the same members under the same protocol stand in rows of their own, named by their folders.
    """
    from tembr.evaluate.comparison import comparison_markdown, write_comparison
    from tembr.evaluate.results import side_by_side
    from tembr.experiment.study import Study
    from tembr.outputs import COMPARISON, require_own_files

    require_own_files(out, COMPARISON, force)
    results = side_by_side({name: Study.read(folder).results for name, folder in names_of(studies).items()})
    corpora = sorted({str(r.summary.get("corpus", "")) for r in results})
    if len(corpora) > 1:
        raise ConfigError(f"studies of different corpora: {', '.join(corpora)}; compare those of one")
    write_comparison(results, out, title or corpora[0])
    typer.echo(comparison_markdown(results))
    typer.echo(f"\n{out / 'comparison.html'}")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="Recording: WAV, FLAC, OGG/Opus, MP3, AIFF, …")],
    out: Annotated[
        Path | None, typer.Option(help="PNG, PDF or SVG to write; NAME.representations.png by default.")
    ] = None,
    force: Force = False,
    start: Annotated[float, typer.Option(help="Second of the recording to draw from.", min=0.0)] = 0.0,
    end: Annotated[
        float | None, typer.Option(help="Second to draw to; without it at most 30 s are drawn.", min=0.0)
    ] = None,
    augment: Annotated[bool, typer.Option("--augment", help="Beside each, one draw of its augmentation.")] = False,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: features.n_mels=64.")] = None,
) -> None:
    """Draw a recording's eleven representations side by side, with hertz, seconds, decibels and beats per minute.

    Example: `tembr show call.wav --start 60 --end 75 --out figure.pdf`
    """
    from tembr.experiment.settings import load_settings
    from tembr.outputs import require_own_file
    from tembr.show import check
    from tembr.show import show as draw

    path = out or Path(f"{file.stem}.representations.png")
    try:
        check(path, start, end)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    require_own_file(path, "picture", force)
    settings = load_settings(overrides=set_ or [])
    draw(file, path, settings.features, settings.augment if augment else None, seed, start=start, end=end)
    typer.echo(path)


@app.command()
def track(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")] = Path("runs/demo"),
    port: Annotated[int, typer.Option(help="Of the page.")] = 5000,
    host: Annotated[str, typer.Option(help="Address the page is served on.")] = "127.0.0.1",
) -> None:
    """Open MLflow's page on the runs of a study. Ctrl-C closes it."""
    from tembr.experiment.tracking import local_uri

    if not (folder / "mlflow.db").exists():
        raise ConfigError(f"{folder}: no mlflow.db there; name the folder of a study that was tracked")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", local_uri(folder)]
    with suppress(KeyboardInterrupt):
        raise typer.Exit(subprocess.run([*command, "--host", host, "--port", str(port)]).returncode)
