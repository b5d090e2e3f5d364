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
    Words,
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
            "discriminants, encoder), or a name that the recipe has. By default the eleven and two baselines."
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
def distill(
    corpora: Annotated[Path, typer.Option(help="Folder that holds the corpora, each in a folder of its short name.")],
    corpus: Annotated[
        list[str] | None,
        typer.Option(
            click_type=AUXILIARY,
            help="Learn from this one (repeatable, or comma-separated), not from the one that members are scored on. "
            "By default ravdess, emodb and ased.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the small encoder.")] = Path("runs/encoder"),
    force: Force = False,
    encoder: Annotated[
        str | None, typer.Option(help="The teacher: a Whisper by its name on the hub, or a folder.")
    ] = None,
    layer: Annotated[int | None, typer.Option(help="Of the teacher, that is imitated; 2 by default.")] = None,
    layers: Annotated[int | None, typer.Option(help="Of the small encoder; 2 by default.")] = None,
    hidden: Annotated[int | None, typer.Option(help="Its channels, a multiple of 64; 384 by default.")] = None,
    feedforward: Annotated[int | None, typer.Option(help="Its feed-forward units; 640 by default.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Of its training; 10 by default.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Recordings in a step; 16 by default.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest; 3e-4 by default.")] = None,
    device: Annotated[
        str | None, typer.Option(click_type=Words(("auto", "cpu", "gpu")), help="auto takes a GPU where there is one.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all that is random.")] = None,
    quiet: Quiet = False,
) -> None:
    """Make a small encoder that imitates a layer of a large Whisper, without a label, for members to take.

    Interrupted at any point, the same command goes on where it stopped. The folder is as the Hugging Face hub has them,
    and `--set members.NAME.encoder=FOLDER` takes it.

    Example: `tembr distill --corpora corpora --out runs/narrow`, then
    `tembr study --config small --corpora corpora --set members.whisper.encoder=runs/narrow`
    """
    from tembr.experiment.distill import SETTINGS, distill_encoder, distill_settings
    from tembr.experiment.recordings import usable_corpus
    from tembr.experiment.settings import AuxiliarySettings
    from tembr.outputs import require_own_folder

    settings = distill_settings(
        encoder=encoder,
        layer=layer,
        layers=layers,
        hidden=hidden,
        feedforward=feedforward,
        seed=seed,
        train__epochs=epochs,
        train__batch_size=batch_size,
        train__learning_rate=learning_rate,
        train__device=device,
    )
    require_own_folder(out, SETTINGS, {}, force)
    names = listed(corpus) or ["ravdess", "emodb", "ased"]
    with following(quiet) as progress:
        chosen = [AuxiliarySettings(name=n, folder="" if n == "demo" else str(corpora / n)) for n in names]
        learnt = [usable_corpus(one, settings.window, progress) for one in chosen]
        distill_encoder(settings, learnt, out, progress)
    typer.echo(out)


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
