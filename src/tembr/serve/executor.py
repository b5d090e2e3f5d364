"""The work of a service on recordings, in threads, as many at once as there are cores for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from tembr import audio
from tembr.errors import AudioError
from tembr.recognize.adaptation import learn, warnings
from tembr.recognize.prediction import Prediction
from tembr.recognize.recognizer import WINDOW, Recognizer
from tembr.recognize.speaker import Speaker
from tembr.serve.bodies import Body
from tembr.serve.errors import Refusal
from tembr.serve.settings import Limits, ServiceSettings

T = TypeVar("T")

OVERLAPPING = 10
"""Seconds of windows of a recording that are answered, as a multiple of the longest one allowed."""


DENSEST = 192_000
"""Samples of all channels that are read for a second, of the longest recording allowed."""


class Executor:
    """One recognizer, and who waits for it.

    Args:
        recognizer: that hears anybody.
        settings: of the service.
    """

    def __init__(self, recognizer: Recognizer, settings: ServiceSettings):
        self.recognizer, self._limits = recognizer, settings.limits
        self._threads = ThreadPoolExecutor(settings.threads, "tembr")

    async def run(self, work: Callable[[], T]) -> T:
        """`work()` in a thread, once one is free.

        Raises:
            Refusal: it took too long; what runs goes on to its end in its thread, and nobody gets it.
        """
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise Refusal(503, "slow", f"no answer within {self._limits.timeout:g} s; try again", 5) from error

    def of(self, speaker: Speaker | None) -> Recognizer:
        """The recognizer of a speaker, or of anybody."""
        return self.recognizer if speaker is None else self.recognizer.for_speaker(speaker)

    async def predict(self, body: Body, **options) -> list[Prediction]:
        """Answers of a recording: one, or one a channel; options as of `Recognizer.predict`."""

        def work() -> list[Prediction]:
            check_length(body.recordings[0], self._limits, each=options.get("channel") == "each")
            found = self.of(body.speaker).predict(body.recordings[0], **options)
            return found if isinstance(found, list) else [found]

        return await self.run(work)

    async def segments(
        self, body: Body, hop: float = 1.0, window: float = WINDOW, **options
    ) -> tuple[float, list[Prediction]]:
        """Seconds of a recording, and its segments; options as of `Recognizer.segments`."""

        def work() -> tuple[float, list[Prediction]]:
            seconds = check_length(body.recordings[0], self._limits)
            check_windows(seconds, hop, window, self._limits)
            found = self.of(body.speaker).segments(body.recordings[0], hop=hop, window=window, **options)
            return seconds, found

        return await self.run(work)

    async def enrol(self, body: Body) -> tuple[Speaker, list[str]]:
        """A speaker learnt from recordings, and what is said to that; those that cannot be read are left out."""

        def work() -> tuple[Speaker, list[str]]:
            left = self._limits.max_seconds
            for recording in body.recordings:
                with suppress(AudioError):
                    left -= check_length(recording, self._limits, left)
            rate, failures = self.recognizer.facts.sample_rate, []
            opened = [lambda one=one: audio.Stream(one, rate) for one in body.recordings]
            network = self.recognizer.network
            speaker = learn(network, opened, body.name, 1, failures)
            return speaker, [*(f"left out: {error}" for error in failures), *warnings(network, speaker)]

        return await self.run(work)


def check_length(recording: bytes, limits: Limits, left: float | None = None, each: bool = False) -> float:
    """Seconds of a recording.

    Args:
        left: seconds that may still be taken; None is all that the limits allow.
        each: whether each channel is answered by itself, for which all are read anew.

    Raises:
        Refusal: it is too long, or has too many samples. AudioError: it cannot be read.
    """
    header, most = audio.inspect(recording), limits.max_seconds if left is None else left
    samples = header.duration * header.sample_rate * header.channels * (header.channels if each else 1)
    if samples > DENSEST * limits.max_seconds:
        raise Refusal(413, "too_much", f"{header.channels} channels at {header.sample_rate} Hz; send fewer, or 16 kHz")
    seconds = header.duration
    if header.estimated and seconds <= most:
        with audio.Stream(recording, None, end=most + 1) as stream:  # to its end, or beyond what is allowed
            deque(stream, maxlen=0)
        seconds = stream.seconds
    if seconds > most:
        raise Refusal(413, "too_long", f"more than {limits.max_seconds:g} s of audio; send it in parts")
    return seconds


def check_windows(seconds: float, hop: float, window: float, limits: Limits) -> None:
    """Refuse windows of a recording of some `seconds` that overlap too much, with a `Refusal`."""
    if seconds * window / hop > OVERLAPPING * limits.max_seconds:
        raise Refusal(413, "too_much", f"windows of {window:g} s each {hop:g} s are too many here; take a larger hop")
