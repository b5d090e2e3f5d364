"""Commands that hear speech as it is spoken: `listen`, and `serve`, a service for programs and browsers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from tembr.cli.app import app
from tembr.cli.options import Bundle, Variant, Words, one_channel, probability


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
    from tembr.cli.predicting import is_terminal
    from tembr.recognize.recognizer import load

    if file is not None and device is not None:
        raise click.UsageError("--file and --device cannot be combined; leave one out")
    recognizer = load(bundle, variant, speaker=adapt)
    source = listening.from_microphone(device) if file is None else listening.from_file(file, channel, paced)
    drawn = format == "text" and is_terminal(sys.stdout)
    screen = listening.on_terminal(recognizer.labels) if drawn else nullcontext(listening.as_lines(format))
    with source as sound, screen as show:
        listening.listen(recognizer, sound, show, hop=hop, lag=lag, min_confidence=min_confidence)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes any that is free.", min=0, max=65_535)] = 8000,
    bundle: Bundle = None,
    variant: Variant = None,
    provider: Annotated[
        str,
        typer.Option(
            click_type=Words("tembr.recognize.providers:PROVIDERS"),
            help="What runs the network, where this installation of ONNX Runtime has it.",
        ),
    ] = "cpu",
    threads: Annotated[int | None, typer.Option(help="Recordings heard at once; one a core by default.", min=1)] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="File with the hash of an API key a line; also TEMBR_API_KEYS. Without, all are let in."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Name by which the service is reached, such as a proxy's: speech.example. Repeatable."
        ),
    ] = None,
    trust_proxy: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Proxy whose X-Forwarded-For says who asks; by default nobody's."),
    ] = "",
    new_key: Annotated[bool, typer.Option("--new-key", help="Print a new API key and its hash, and end.")] = False,
    limit: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="Change a limit: max_streams=50. Repeatable; --limits lists them."),
    ] = None,
    limits: Annotated[bool, typer.Option("--limits", help="List the limits and what they are, and end.")] = False,
) -> None:
    """Answer programs and browsers: a page, HTTP and a WebSocket for live speech (extra `serve`).

    The page is at the address printed. Nothing that is sent is stored; SIGTERM and Ctrl-C finish what runs.

    Examples:

    * `tembr serve`
    * `tembr serve --host 0.0.0.0 --keys keys.txt --limit max_streams=50`
    """
    from tembr.cli import serving
    from tembr.extras import require

    require("tembr serve", "serve", "fastapi", "uvicorn", "websockets", "multipart", "prometheus_client")
    if new_key:
        serving.print_key()
    elif limits:
        serving.print_limits(limit or [])
    else:
        reached = {"hosts": tuple(name.lower() for name in allow_host or ()), "proxy": trust_proxy}
        settings = serving.settings_of(host, port, threads, keys, limit or [], **reached)
        serving.run(settings, bundle, variant, provider)
