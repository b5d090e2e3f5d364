"""Silence around speech, which encoders do not take: how much of it a recording has says where it was made, not how."""

from __future__ import annotations

import numpy as np

FRAME = 0.02  # seconds over which power is taken
BELOW = 30.0  # dB; a frame this far below the loudest is silence
MARGIN = 0.1  # seconds that are left before the first frame that is not silence, and after the last

FACTS = {"silence_below": BELOW, "silence_margin": MARGIN}
"""Of values that are computed from recordings trimmed so."""


def trimmed(waveform: np.ndarray, sample_rate: int, below: float = BELOW, margin: float = MARGIN) -> np.ndarray:
    """A waveform without the silence around its sound.

    Args:
        waveform: `(samples,)`.
        sample_rate: Hz.
        below: dB below the loudest frame of 20 ms from which a frame is silence.
        margin: seconds that are left of it on either side.

    Returns:
        `(samples',)`, a part of it; all of it where there is no sound, or less than one frame.
    """
    size = round(FRAME * sample_rate)
    count = len(waveform) // size
    if not count:
        return waveform
    power = np.square(waveform[: count * size].reshape(count, size)).mean(axis=1)
    loud = np.flatnonzero(power >= power.max() * 10 ** (-below / 10))
    if not len(loud):  # NaN: whoever answers says so
        return waveform
    left = round(margin * sample_rate)
    return waveform[max(0, loud[0] * size - left) : (loud[-1] + 1) * size + left]
