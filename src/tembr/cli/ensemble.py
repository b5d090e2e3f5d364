"""`tembr ensemble`: the best members of a study as one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tembr.cli.app import app
from tembr.cli.options import PROTOCOLS, Force, Quiet, Words, following, listed


@app.command()
def ensemble(
    study: Annotated[Path, typer.Option(help="Folder of a finished study.")],
    members: Annotated[
        list[str] | None,
        typer.Option(
            help="Members to join (comma-separated); melspectrogram,mfcc,chroma by default, else all but baselines.",
        ),
    ] = None,
    best: Annotated[
        int | None, typer.Option(help="Join only the best so many of them (of all finished ones by default).", min=1)
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            click_type=PROTOCOLS,
            help="Measure under this one; by default under each of the study's that has the members.",
        ),
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials of each search, those of earlier runs included.", min=1)] = 200,
    timeout: Annotated[float | None, typer.Option(help="Seconds for all searches of one protocol together.")] = None,
    seed: Annotated[int, typer.Option(help="Of the search.", min=0)] = 42,
    l1: Annotated[float, typer.Option(help="Price of each further equal member, in nats.", min=0.0)] = 0.0,
    storage: Annotated[
        str | None, typer.Option(help="URL of Optuna's storage, to share the search among machines; OUT/search.db.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the ensemble; STUDY/ensemble by default.")] = None,
    force: Force = False,
    combiner: Annotated[
        str,
        typer.Option(
            click_type=Words("tembr.ensemble.combiners:CHOICES"),
            help="What the report calls the ensemble: weighted, stacking, knora ... Only the first is exported.",
        ),
    ] = "weighted",
    adapt: Annotated[
        int,
        typer.Option(help="Recordings of each unseen speaker to adapt to, drawn and unlabelled; 0 for none.", min=0),
    ] = 30,
    refit: Annotated[
        bool, typer.Option("--refit", help="Train the members again on all recordings, for a bundle to ship.")
    ] = False,
    ship: Annotated[
        str | None,
        typer.Option(
            click_type=Words("tembr.splits:Protocol"),
            help="Protocol whose weights are shipped; speaker with --refit, else the first.",
        ),
    ] = None,
    track: Annotated[
        bool, typer.Option("--track/--no-track", help="Log every trial to MLflow, as the study does.")
    ] = True,
    quiet: Quiet = False,
) -> None:
    """Join members of a study by a weighted sum of their posteriors, and measure what that is worth.

    Weights and a temperature are searched on predictions that no member was trained on, and shrunk towards equal
    weights as far as these do not bear them out. Interrupted at any point, the same command goes on where it stopped.
    The folder then holds ensemble.json and the networks for `tembr export`, and the ensemble beside each member, equal
    weights, the best member, stacking, boosting and dynamic selection (`comparison.csv`, `mcnemar.csv`).

    Examples:

    * `tembr ensemble --study runs/nemo`
    * `tembr ensemble --study runs/nemo --best 3 --refit`
    """
    from tembr.ensemble import EnsembleSettings, run_ensemble
    from tembr.outputs import ENSEMBLE, require_own_folder

    settings = EnsembleSettings.of(
        members=listed(members),
        best=best,
        protocols=listed(protocol),
        trials=trials,
        timeout=timeout,
        seed=seed,
        l1=l1,
        storage=storage,
        combiner=combiner,
        adapt=adapt,
        refit=refit,
        ship=ship,
        track=track,
    )
    out = out or study / "ensemble"
    require_own_folder(out, "ensemble.json", ENSEMBLE, force)
    with following(quiet) as progress:
        made = run_ensemble(study, settings, out, progress)
    typer.echo((made.folder / "comparison.md").read_text(encoding="utf-8"))
    for measured in made.facts.metrics:
        typer.echo(_significance(made, measured))
    typer.echo(f"\n{made.folder}")


def _significance(made, protocol: str) -> str:
    """A line for people: which differences are more than chance."""
    table = made.table("mcnemar", protocol)
    tests = ", ".join(f"{row.against} p = {row.p_holm:.2g}" for row in table.itertuples())
    return f"{protocol}: ensemble against {tests} (McNemar, corrected for {len(table)} tests)"
