"""What is said instead of a confident guess: silence, too little sound, damage on the way to the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from tembr.audio import Stream

FRAME = 0.02
"""Seconds over which a level is taken."""

SOUND = 10 ** (-66 / 20)
"""Level from which a frame counts as sound: standard deviation of its samples, so that an offset is silence."""

SHORTEST = 0.3
"""Seconds of sound below which nothing is said about emotion."""

CLIPPED = 1e-3
"""Share of samples at full scale from which a recording counts as clipped."""

TELEPHONE = 8_000
"""Hz; at this rate or below half of what the networks listen to is missing."""

CANCELLED = 0.1
"""Power of the averaged channels against that of channels with nothing in common, below which they cancel (-10 dB)."""

UNANSWERABLE = frozenset({"silence", "too_short", "no_speech"})


def level(samples: np.ndarray) -> float:
    """Standard deviation of `samples`, relative to full scale."""
    return float(samples.std()) if len(samples) else 0.0


class Meter:
    """Measures blocks of mono samples as they pass: how many seconds are louder than `SOUND`."""

    def __init__(self, sample_rate: int):
        self._frame = round(FRAME * sample_rate)
        self._rest = np.empty(0, np.float32)
        self._loud = 0

    @property
    def sound(self) -> float:
        """Seconds of sound so far."""
        return self._loud * FRAME

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The same blocks, measured; the last part of a frame is left out."""
        for block in blocks:
            samples = np.concatenate([self._rest, block])
            whole = len(samples) // self._frame * self._frame
            levels = samples[:whole].reshape(-1, self._frame).std(axis=1)
            self._loud += int(np.count_nonzero(levels >= SOUND))
            self._rest = samples[whole:]
            yield block


def warnings(stream: Stream, sound: float, speech: bool = True) -> tuple[str, ...]:
    """What speaks against an answer, once `stream` has been read to its end.

    Args:
        sound: seconds of sound in it (`Meter.sound`).
        speech: whether somebody speaks in it (`Speech.found`).
    """
    found = []
    if sound == 0:
        found.append("silence: nothing is louder than -66 dB; check the microphone or the file")
    elif sound < SHORTEST:
        found.append(f"too_short: {sound:.2f} s of sound; give at least {SHORTEST} s")
    elif not speech:
        found.append("no_speech: no voice found; check what was recorded")
    return (*found, *damage(stream))


def damage(stream: Stream) -> tuple[str, ...]:
    """What the recording suffered before it came here, once `stream` has been read to its end."""
    found = []
    if stream.clipped >= CLIPPED:
        found.append(f"clipped: {stream.clipped:.1%} of the samples are at full scale; record with less gain")
    if stream.stored_rate <= TELEPHONE:
        found.append(f"low_rate: stored at {stream.stored_rate} Hz, as telephones do; answers are less certain")
    if stream.claimed - stream.seconds > SHORTEST:
        found.append(f"truncated: {stream.seconds:.1f} s are there of {stream.claimed:.1f} s; copy the file again")
    if stream.mixing and stream.mixing.level >= SOUND and stream.mixing.kept < CANCELLED:
        found.append("cancelled: the channels cancel each other when averaged; hear one of them, such as channel left")
    return tuple(found)
