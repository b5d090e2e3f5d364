"""`tembr search`: the best settings of a study, by what no member was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tembr.cli.app import app
from tembr.cli.options import Force, Quiet, following


@app.command()
def search(
    space: Annotated[Path, typer.Argument(metavar="SPACE.toml", help="Which settings, and from where to where.")],
    trials: Annotated[
        int, typer.Option(help="Finished trials of all processes together, those of earlier runs included.", min=1)
    ] = 50,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds after which this process begins no trial.", min=0.0)
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            help="Where processes share the trials: sqlite:///FILE on one machine, journal:FILE on a disk that all "
            "see, postgresql://USER@HOST/NAME (extra postgresql). OUT/search.db by default."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the search; runs/NAME of the space by default.")] = None,
    force: Force = False,
    corpora: Annotated[
        Path | None, typer.Option(help="Folder that holds the corpora, each in a folder of its short name.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting that is not searched, as KEY=VALUE: train.device=cpu."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Search for the settings of a study that answer validation recordings best. Test recordings are never answered.

    A space is a TOML file: a recipe or a study's `config.toml` as base, settings over it, and a table of those that are
    searched, by the names `tembr study --set` has for them:

        base = "classic"
        members = ["mfcc"]
        search.objective = "val_uar"
        space.train.learning_rate = { low = 1e-4, high = 1e-2, log = true }
        space.train.epochs = { low = 10, high = 40, step = 5 }
        space.members.mfcc.train.network = { choices = ["resnet18_quarter", "mobilenet_v3_small"] }

    `search.objective` is `val_uar`, `val_accuracy` or `val_loss`, or a list with `parameters`, `megabytes` or
    `milliseconds` after it. `search.sampler` is `tpe`, `cmaes`, `nsga2` or `random`; hopeless trainings are given up by
    Hyperband, unless `search.pruner` is `none`.

    Start the same command in as many processes and on as many machines as you like: they share what `--storage` holds.
    Stopped or killed, it loses the trial it was in; the same command goes on.

    Examples:

    * `tembr search examples/search.toml --trials 20`
    * `tembr study --config runs/search/best.toml --out runs/best`
    * `tembr search mel.toml --corpora corpora --trials 200 --storage postgresql://tembr@host/trials`
    """
    from tembr.experiment.space import load_space

    found = load_space(space, set_ or [], corpora)
    from tembr.experiment.search import run_search
    from tembr.outputs import SEARCH, require_own_folder

    folder = out or Path("runs") / space.stem
    require_own_folder(folder, "search.toml", SEARCH, force)
    with following(quiet) as progress:
        done = run_search(found, folder, trials, storage or "", timeout, progress)
    for trial in done.front:
        values = ", ".join(f"{name} {value:.4g}" for name, value in zip(found.search.objective, trial.values))
        settings = ", ".join(f"{key}={value}" for key, value in trial.params.items())
        typer.echo(f"trial {trial.number}: {values}; {settings}")
    typer.echo(f"\n{folder / 'best.toml'}\n{folder / 'search.html'}")
