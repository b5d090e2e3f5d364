"""The command line: thin commands over the rooms; what is heavy is imported inside them."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tembr.errors import ConfigError, TembrError

app = typer.Typer(
    name="tembr",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "Hear emotion in speech, Polish first: describe a corpus, look at a recording's eleven acoustic "
        "representations, train and compare networks on them.\n\n"
        "Start with `tembr study --corpus demo`, which needs nothing downloaded. "
        "`--debug` anywhere shows the traceback of an error."
    ),
)
cache = typer.Typer(no_args_is_help=True, help="Look after the cache of representations.")
app.add_typer(cache, name="cache")

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


@app.command()
def corpus(
    corpus: CorpusName = "demo",
    corpus_dir: CorpusDir = None,
    unmapped: Unmapped = "keep",
    column: Columns = None,
    allow_outside: Outside = False,
    out: Annotated[Path, typer.Option(help="Table to write; `-` for none.")] = Path("dataset_info.csv"),
    window: Annotated[float, typer.Option(help="Seconds a study will cut or pad recordings to.", min=0.0)] = 3.0,
) -> None:
    """Describe a corpus before any work: emotions, speakers, durations, and every file that is not as it should be.

    Example: `tembr corpus --corpus emodb --corpus-dir corpora/emodb`
    """
    from tembr.console import progress_bars, results, say
    from tembr.corpora import load_corpus, write_table
    from tembr.corpora.describe import describe, render

    loaded = load_corpus(
        corpus, corpus_dir, unmapped=unmapped, columns=_pairs(column), allow_outside=bool(allow_outside)
    )
    with progress_bars() as bars:
        description = describe(loaded, window, lambda done, total: bars.count("recordings read", done, total))
    results.print(render(description))
    if str(out) != "-":
        write_table(loaded, out)
        say(f"table: {out}")


@app.command()
def study(
    corpus: Annotated[str | None, typer.Option(help="nemo, ravdess, emodb, ased, demo, manifest or folder.")] = None,
    corpus_dir: CorpusDir = None,
    representation: Annotated[
        list[str] | None, typer.Option(help="Train this one (repeatable, or comma-separated); all eleven by default.")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="random (the field's 64/16/20 split), speaker (leave one speaker out), kfold; repeatable. "
            "By default random and speaker, so that the report shows both."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the study; runs/CORPUS by default.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings, as a study's config.toml.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting, as KEY=VALUE: train.epochs=5. Repeatable."),
    ] = None,
    unmapped: Unmapped = None,
    column: Columns = None,
    allow_outside: Outside = None,
    quiet: Quiet = False,
) -> None:
    """Train a network on each representation, measure them all, and compare them with the baselines.

    Interrupted at any point, the same command goes on where it stopped. The folder then holds the comparison
    (`comparison.html` to look at, `.csv`, `.png`, `.md`) and one folder for each representation.

    Examples:

    * `tembr study --corpus demo --set train.epochs=5`
    * `tembr study --corpus nemo --corpus-dir nEMO --representation mfcc,chroma --protocol speaker`
    """
    from tembr.config import load_settings

    settings = load_settings(
        config,
        set_ or [],
        corpus__name=corpus,
        corpus__folder=corpus_dir,
        corpus__unmapped=unmapped,
        corpus__columns=_pairs(column),
        corpus__allow_outside=allow_outside,
        representations=_listed(representation),
        protocols=_listed(protocol),
    )
    from tembr.evaluate.comparison import comparison_markdown
    from tembr.study import run_study

    folder = out or Path("runs") / settings.corpus.name
    with _watching(quiet) as watch:
        finished = run_study(settings, folder, watch)
    typer.echo(comparison_markdown(finished.results))
    typer.echo(f"\n{folder / 'comparison.html'}")


@app.command()
def compare(
    studies: Annotated[list[Path], typer.Argument(help="Folders of finished studies of one corpus.")],
    out: Annotated[Path, typer.Option(help="Folder for comparison.csv, .png, .html and .md.")] = Path("comparison"),
    title: Annotated[str | None, typer.Option(help="Heading of the comparison.")] = None,
) -> None:
    """Set the members of several studies side by side, such as one by `random` and one by `speaker`."""
    from tembr.evaluate.comparison import comparison_markdown, write_comparison
    from tembr.study import Study

    results = [result for folder in studies for result in Study.read(folder).results]
    corpora = sorted({str(r.summary.get("corpus", "")) for r in results})
    write_comparison(results, out, title or " and ".join(corpora))
    typer.echo(comparison_markdown(results))
    typer.echo(f"\n{out / 'comparison.html'}")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="Recording: WAV, FLAC, OGG/Opus or MP3.")],
    out: Annotated[Path | None, typer.Option(help="PNG to write; NAME.representations.png by default.")] = None,
    augment: Annotated[bool, typer.Option("--augment", help="Beside each, one draw of its augmentation.")] = False,
    seed: Annotated[int, typer.Option(help="Of that draw.")] = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: features.n_mels=64.")] = None,
) -> None:
    """Draw a recording's eleven representations side by side."""
    from tembr.config import load_settings
    from tembr.show import show as draw

    settings = load_settings(overrides=set_ or [])
    path = out or Path(f"{file.stem}.representations.png")
    draw(file, path, settings.features, settings.augment if augment else None, seed)
    typer.echo(path)


@app.command()
def track(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")] = Path("runs/demo"),
    port: Annotated[int, typer.Option(help="Of the page.")] = 5000,
    host: Annotated[str, typer.Option(help="Address the page is served on.")] = "127.0.0.1",
) -> None:
    """Open MLflow's page on the runs of a study. Ctrl-C closes it."""
    from tembr.train.track import local_uri

    if not (folder / "mlflow.db").exists():
        raise ConfigError(f"{folder}: no mlflow.db there; name the folder of a study that was tracked")
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", local_uri(folder)]
    os.execv(sys.executable, [*command, "--host", host, "--port", str(port)])


@cache.command("list")
def cache_list() -> None:
    """What is cached, by representation and settings."""
    from rich.table import Table

    from tembr.console import results
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
    representation: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
) -> None:
    """Remove cached representations."""
    from tembr.features.store import FeatureStore

    typer.echo(f"freed {FeatureStore().clear(representation) / 2**20:,.1f} MiB")


def main() -> None:
    """Run the command line: errors are one line on stderr, exit status 1; wrong commands 2."""
    from tembr.console import log_to_stderr, say

    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    log_to_stderr()
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (TembrError, ImportError, OSError) as error:
        if debug:
            raise
        say(f"tembr: {_said(error)}")
        sys.exit(1)


def _said(error: Exception) -> str:
    if isinstance(error, ImportError):
        return f"this command needs the laboratory ({error.name} is missing); pip install 'tembr[train]'"
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}{error.strerror or error}; check the path, its permissions and the free space"
    return str(error)


@contextmanager
def _watching(quiet: bool):
    from tembr.console import progress_bars, say
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


def _listed(values: list[str] | None) -> list[str] | None:
    return [name.strip() for value in values for name in value.split(",") if name.strip()] if values else None


def _pairs(columns: list[str] | None) -> dict[str, str] | None:
    if not columns:
        return None
    pairs = dict(column.partition("=")[::2] for column in columns)
    if not all(pairs.values()):
        raise ConfigError(f"--column {columns[0]}: write it as OURS=THEIRS, for example emotion=label")
    return pairs


if __name__ == "__main__":
    main()
