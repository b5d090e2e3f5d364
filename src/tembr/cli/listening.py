"""What `tembr listen` does: a microphone or a file at the speed of speech, events shown as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from queue import Queue
from typing import NamedTuple

import numpy as np

from tembr import audio
from tembr.errors import AudioError
from tembr.extras import needed
from tembr.recognize import formats
from tembr.recognize.recognizer import Recognizer
from tembr.recognize.stream import Event, LiveStream

BLOCK = 0.1
"""Seconds that are heard at a time."""

BAR = 30
"""Characters of the longest bar."""


class Sound(NamedTuple):
    """Samples as they come.

    Attributes:
        rate: Hz.
        blocks: `(samples,)` each.
    """

    rate: int
    blocks: Iterable[np.ndarray]


def listen(recognizer: Recognizer, sound: Sound, show: Callable[[Event], None], **options) -> None:
    """Show every event of a sound; Ctrl-C ends it, and what was heard until then is told to its end.

    Args:
        options: as of `Recognizer.stream`.
    """
    stream = recognizer.stream(sound.rate, **options)
    try:
        for event in _events(stream, sound.blocks):
            show(event)
    except KeyboardInterrupt:
        pass
    for event in stream.finish():
        show(event)


def _events(stream: LiveStream, blocks: Iterable[np.ndarray]) -> Iterator[Event]:
    for block in blocks:
        yield from stream.push(block)


@contextmanager
def from_file(path: str, channel: str | int = "mix", paced: bool = True) -> Iterator[Sound]:
    """A recording, at the speed of speech where it is `paced`.

    Raises:
        AudioError: it cannot be read.
    """
    with audio.Stream(path, None, channel=channel) as stream:
        size = max(1, round(BLOCK * stream.stored_rate))
        blocks = (block[i : i + size] for block in stream for i in range(0, len(block), size))
        yield Sound(stream.stored_rate, _paced(blocks, stream.stored_rate) if paced else blocks)


def _paced(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Each block when its last sample would have been spoken."""
    begin, samples = time.monotonic(), 0
    for block in blocks:
        samples += len(block)
        time.sleep(max(0.0, begin + samples / rate - time.monotonic()))
        yield block


@contextmanager
def from_microphone(device: str | None = None) -> Iterator[Sound]:
    """The microphone, without end.

    Args:
        device: its number or a part of its name; None is the system's own choice.

    Raises:
        MissingExtraError: sounddevice is not installed. AudioError: there is no such microphone, or it does not open.
    """
    with needed("a microphone", "listen"):
        try:
            import sounddevice
        except OSError as error:  # the wheel for Linux comes without PortAudio
            raise AudioError(f"the microphone needs PortAudio ({error}); install libportaudio2") from error
    chosen = int(device) if device and device.isdecimal() else device
    blocks: Queue[np.ndarray] = Queue()
    try:
        rate = round(sounddevice.query_devices(chosen, "input")["default_samplerate"])
        opened = sounddevice.InputStream(
            rate, round(BLOCK * rate), chosen, 1, "float32", callback=lambda data, *_: blocks.put(data[:, 0].copy())
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        why = (str(error).splitlines() or ["unknown"])[0]
        raise AudioError(f"no microphone ({why}); plug one in, name it with --device, or give a --file") from error
    with opened:
        yield Sound(rate, (blocks.get() for _ in count()))


def as_lines(form: str) -> Callable[[Event], None]:
    """Shows every event as a line of JSON, or every closed segment as a line of text, on stdout."""

    def show(event: Event) -> None:
        if form == "json":
            print(json.dumps(event.as_dict(), ensure_ascii=False), flush=True)
        elif event.kind == "closed":
            print(formats.segment(event.prediction), flush=True)

    return show


@contextmanager
def on_terminal(labels: Iterable[str]) -> Iterator[Callable[[Event], None]]:
    """Shows bars of what the last seconds sound like, and above them the segments that are closed."""
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from tembr.cli.console import results
    from tembr.emotions import display_name

    def bars(event: Event | None) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        for label in labels:
            value = event.prediction.probabilities[label] if event else 0.0
            table.add_row(display_name(label), f"{value:4.0%}", Text("█" * round(BAR * value)))
        table.add_row(Text(_clock(event), style="dim"))
        return table

    with Live(bars(None), console=results, refresh_per_second=8, transient=True) as live:

        def show(event: Event) -> None:
            if event.kind == "answer":
                live.update(bars(event))
            elif event.kind == "closed":
                live.console.print(formats.segment(event.prediction))

        yield show


def _clock(event: Event | None) -> str:
    return f"{event.time:.1f} s; Ctrl-C ends" if event else "listening; Ctrl-C ends"
