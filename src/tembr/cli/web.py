"""`tembr web`: the page as a site of static files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tembr.cli.app import app
from tembr.cli.options import Bundle, Force, Variant


@app.command()
def web(
    out: Annotated[Path, typer.Option(help="Folder for the site: a new one, or one that `tembr web` wrote.")],
    bundle: Bundle = None,
    variant: Variant = None,
    onnxruntime_web: Annotated[
        Path | None, typer.Option(help="Folder with onnxruntime-web instead of the version that npm gets.")
    ] = None,
    force: Force = False,
) -> None:
    """Write the page of `tembr serve` as static files that hear in the visitor's browser: audio never leaves it.

    Any web server will do. One that sends the headers in the file _headers lets the browser use several cores.

    Examples:

    * `tembr web --out site`
    * `tembr web --out site --onnxruntime-web node_modules/onnxruntime-web`
    * `python -m http.server --directory site`
    """
    from tembr.recognize.network import Network
    from tembr.serve.site import build

    size = build(out, Network(bundle, variant), onnxruntime_web, force)
    typer.echo(f"{out}: {size / 1e6:.1f} MB")
