"""`tembr export`: an ensemble or one member as a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import click
import typer

from tembr.cli.app import app
from tembr.cli.options import CorpusDir, Force, Quiet, Words, following


@app.command()
def export(
    out: Annotated[
        Path, typer.Option(help="Folder of the bundle; an older bundle there is replaced, what else lies there stays.")
    ],
    ensemble: Annotated[Path | None, typer.Option(help="Folder that `tembr ensemble` wrote.")] = None,
    study: Annotated[Path | None, typer.Option(help="Folder of a study, to export one member of it.")] = None,
    member: Annotated[str | None, typer.Option(help="Of the study: a representation with a trained network.")] = None,
    inputs: Annotated[
        str,
        typer.Option(
            click_type=Words(("waveform", "features")),
            help="waveform (everything in the graph), or features (one input a representation).",
        ),
    ] = "waveform",
    quantize: Annotated[
        str,
        typer.Option(
            click_type=Words(("none", "dynamic", "static")),
            help="none, dynamic (variants without calibration) or static (all, and the best one opens).",
        ),
    ] = "none",
    corpus_dir: CorpusDir = None,
    name: Annotated[str, typer.Option(help="Of the bundle, for people.")] = "",
    bundle_version: Annotated[str, typer.Option(help="Of the bundle, as you count.")] = "1.0.0",
    licence: Annotated[str, typer.Option(help="Of the weights; by default that of the corpus.")] = "",
    recordings: Annotated[int, typer.Option(help="Compared with PyTorch before a bundle is written.", min=1)] = 200,
    default: Annotated[
        str | None,
        typer.Option(help="Variant that opens, such as fp32 or static-uint8-7bit; otherwise the best measured one."),
    ] = None,
    only_default: Annotated[
        bool, typer.Option("--only-default", help="Leave only the variant that opens, as model.onnx.")
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Turn an ensemble, or one member of a study, into a bundle: one verified ONNX file and all it takes to use it.

    The bundle appears when its answers are those of PyTorch on real recordings, or not at all.

    Examples:

    * `tembr export --ensemble runs/nemo/ensemble --out bundle`
    * `tembr export --study runs/nemo --member mfcc --out bundle --quantize static`
    """
    if (ensemble is None) == (study is None) or (study is None) != (member is None):
        raise click.UsageError("name what to export: --ensemble DIR, or --study DIR with --member NAME")
    from tembr.export import EnsembleFolder, ExportSettings, export_bundle, read_member_folder

    settings = ExportSettings(
        inputs, quantize, corpus_dir, name, bundle_version, licence, recordings, default, only_default, force
    )
    source = EnsembleFolder.read(ensemble) if ensemble else read_member_folder(study, member)
    with following(quiet) as progress:
        facts = export_bundle(source, out, settings, progress)
    typer.echo(out / facts.default)
