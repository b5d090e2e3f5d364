"""Memory does not follow the length of a recording, nor time what can be streamed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.recognize.fake_bundle import RATE

PROBE = """
import resource, sys, tembr
from tembr.recognize import voice
class Everywhere:
    def __init__(self, rate): self.rest = 0
    def hear(self, block, last=False):
        whole, self.rest = divmod(self.rest + len(block), 512)
        return [1.0] * whole
if sys.argv[3] == "segments": voice.Voice = Everywhere
recognizer = tembr.load(sys.argv[1])
getattr(recognizer, sys.argv[3])(sys.argv[2], channel=sys.argv[4])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def noise(path: Path, minutes: int) -> Path:
    rng = np.random.default_rng(0)
    minute = (rng.normal(0, 0.1, (60 * RATE, 2)) * 32767).astype(np.int16)
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(minutes):
            file.write(minute)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="resource is not there")
@pytest.mark.parametrize(("way", "channel"), [("predict", "mix"), ("segments", "mix"), ("predict", "each")])
def test_twelve_minutes_take_no_more_memory_than_two(bundle, tmp_path, way, channel):
    def peak(minutes: int) -> float:
        path = noise(tmp_path / f"{minutes}.wav", minutes)
        command = [sys.executable, "-c", PROBE, str(bundle), str(path), way, channel]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert peak(12) < peak(2) + 12  # MiB; the longer one decoded is 46
