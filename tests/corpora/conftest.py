"""Small recordings for the tests of corpora."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile


@pytest.fixture
def tone():
    """Write a tone: `tone(path, seconds=0.1, rate=16_000, amplitude=0.5, channels=1, hertz=440)`."""

    def write(
        path: Path,
        seconds: float = 0.1,
        rate: int = 16_000,
        amplitude: float = 0.5,
        channels: int = 1,
        hertz: float = 440,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * rate)) / rate
        wave = (amplitude * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
        soundfile.write(path, np.tile(wave[:, None], (1, channels)), rate)
        return path

    return write
