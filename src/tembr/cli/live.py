"""Commands that hear speech as it is spoken: `listen`, and `serve`, a service for programs and browsers."""

from __future__ import annotations

from typing import Annotated

import click
import typer

from tembr.cli.app import app
from tembr.cli.options import Words, one_channel, probability

Bundle = Annotated[str | None, typer.Option(help="Folder of a bundle; the Polish one inside the package by default.")]
Variant = Annotated[
    str | None, typer.Option(help="ONNX file of the bundle, by path or name; the bundle's own choice by default.")
]


@app.command()
def listen(
    file: Annotated[
        str | None, typer.Option(help="A recording, heard at the speed of speech, instead of the microphone.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Microphone: its number or a part of its name.")] = None,
    bundle: Bundle = None,
    variant: Variant = None,
    adapt: Annotated[
        str | None, typer.Option(metavar="SPEAKER.json", help="The speaker, as `tembr adapt` wrote it.")
    ] = None,
    format: Annotated[
        str, typer.Option(click_type=Words(("text", "json")), help="text, or json: one event a line.")
    ] = "text",
    hop: Annotated[float, typer.Option(help="Seconds from one answer to the next.", min=0.01, max=600)] = 0.5,
    lag: Annotated[
        float,
        typer.Option(help="Seconds after which an emotion is told at the latest; told is told.", min=0, max=600),
    ] = 3.0,
    min_confidence: Annotated[
        float,
        typer.Option(
            callback=probability, help="Probability, 0 to 1, below which the answer is `uncertain` (niepewne)."
        ),
    ] = 0.0,
    channel: Annotated[
        str, typer.Option(metavar="mix|left|right|N", callback=one_channel, help="Channel of the file to hear.")
    ] = "mix",
    paced: Annotated[
        bool, typer.Option("--paced/--at-once", help="The file at the speed of speech, or as fast as it can be heard.")
    ] = True,
) -> None:
    """Hear emotion as it is spoken, from the microphone (extra `listen`) or a file.

    In a terminal bars show what the last seconds sound like; a line is a segment that has ended and will not change.
    Ctrl-C ends it.

    Examples:

    * `tembr listen`
    * `tembr listen --file call.wav --format json`
    """
    from contextlib import nullcontext

    from tembr.cli import listening
    from tembr.recognize.recognizer import load

    if file is not None and device is not None:
        raise click.UsageError("--file and --device cannot be combined; leave one out")
    recognizer = load(bundle, variant, speaker=adapt)
    source = listening.from_microphone(device) if file is None else listening.from_file(file, channel, paced)
    drawn = format == "text" and listening.scrolls()
    screen = listening.on_terminal(recognizer.labels) if drawn else nullcontext(listening.as_lines(format))
    with source as sound, screen as show:
        listening.listen(recognizer, sound, show, hop=hop, lag=lag, min_confidence=min_confidence)
