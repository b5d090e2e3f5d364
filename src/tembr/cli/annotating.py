"""Annotations of `tembr predict --segments`: what is written about a recording, and into which file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

import click

from tembr.audio import channel_number, inspect
from tembr.files import atomic_write
from tembr.opening import lasting
from tembr.outputs import require_absent, require_own_files
from tembr.recognize.annotations import ANNOTATIONS, annotation
from tembr.recognize.recognizer import Recognizer


def annotate(recognizer: Recognizer, source: str | BinaryIO, file: str, form: str, **options) -> str:
    """The segments of a recording in a form of `ANNOTATIONS`; `options` are those of `Recognizer.segments`.

    Raises:
        AudioError: it cannot be read.
    """
    source = lasting(source)
    segments = recognizer.segments(source, **options)
    facts, channel = inspect(source), options["channel"]
    channels = range(1, facts.channels + 1) if channel == "each" else (channel_number(channel),)
    return annotation(form, segments, name=stem_of(file)[0], duration=facts.duration, channels=tuple(channels))


def places(files: Sequence[str], form: str, out: str | None, force: bool) -> list[Path] | None:
    """Where the annotation of each recording is written; None is stdout.

    One recording may have a file of its own name for it, by its extension. Otherwise `out` is a folder, in which the
    recordings lie as below the folder that they have in common. `x.wav` becomes `x.TextGrid`; beside an `x.mp3` it
    becomes `x.wav.TextGrid`, so that no two meet.

    Raises:
        click.UsageError: several recordings on stdout.
        StoreError: something is there already that may not be lost.
    """
    extension = ANNOTATIONS[form]
    if out is None:
        if len(files) > 1:
            raise click.UsageError(f"--format {form} is a file for each recording; name a folder with --out")
        return None
    if len(files) == 1 and out.lower().endswith(extension.lower()) and not os.path.isdir(out):
        wanted = [Path(out)]
    else:
        require_own_files(out, {}, force)
        wanted = [Path(out, name) for name in names(files, extension)]
    for path in wanted:
        require_absent(path, force)
    return wanted


def names(files: Sequence[str], extension: str) -> list[str]:
    """A path for each recording, below a folder, no two of them alike on any file system."""
    whole = [os.path.split(os.path.abspath(stem_of(file)[0] if file == "-" else file)) for file in files]
    common = os.path.commonpath([folder for folder, _ in whole]) if whole else ""
    inside = [(os.path.relpath(folder, common), name) for folder, name in whole]
    stems = Counter(_key(folder, stem_of(name)[1]) for folder, name in inside)
    taken, found = set(), []
    for folder, name in inside:
        stem = stem_of(name)[1]
        first = stem if stems[_key(folder, stem)] == 1 else name
        choices = chain([first, name], (f"{name}-{number}" for number in count(2)))
        chosen = next(one for one in choices if _key(folder, one) not in taken)
        taken.add(_key(folder, chosen))
        found.append(os.path.normpath(os.path.join(folder, chosen)) + extension)
    return found


def stem_of(file: str) -> tuple[str, str]:
    """Name of a recording, and the same without its extension; what comes from stdin is called so."""
    name = "stdin" if file == "-" else file
    return name, os.path.splitext(os.path.basename(name))[0]


def _key(folder: str, name: str) -> str:
    return os.path.join(folder, name).casefold()


def write_to(paths: Sequence[Path]) -> Callable[[int, str], None]:
    """What writes the annotation of recording number i into its file, whole or not at all."""

    def put(number: int, said: str) -> None:
        with (
            atomic_write(paths[number]) as temporary,
            open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            file.write(said)

    return put
