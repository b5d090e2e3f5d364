"""Make the clips of `examples/` with espeak-ng's Polish voice: `uv run python scripts/make_examples.py`.

A synthetic voice has no feelings; pitch, speed and loudness are set as people set theirs, so that a recognizer has
something to say. The clips show the commands, they measure nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from tembr import audio

FOLDER = Path(__file__).resolve().parents[1] / "examples"
CLIPS = {
    # name: (sentence, variant of the voice, pitch 0-99, words a minute, amplitude 0-200)
    "calm": ("Dzisiaj po południu pojadę do miasta.", "pl+m3", 40, 150, 90),
    "loud_and_fast": ("Ile razy mam ci to powtarzać!", "pl+m1", 62, 220, 190),
    "high_and_lively": ("Naprawdę? Nie mogę w to uwierzyć!", "pl+f2", 92, 200, 140),
    "low_and_slow": ("Nie wiem, co mam teraz zrobić.", "pl+f3", 18, 105, 55),
    "bright": ("Jak dobrze, że wreszcie jesteś!", "pl+f4", 80, 185, 130),
}
CONVERSATION = ("calm", "loud_and_fast", "low_and_slow", "high_and_lively", "bright")
PAUSE = 1.2  # seconds between the sentences of the conversation


def speak(sentence: str, voice: str, pitch: int, speed: int, amplitude: int) -> np.ndarray:
    """One sentence, `(samples,)` at 16 kHz."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "clip.wav"
        options = ["-v", voice, "-p", str(pitch), "-s", str(speed), "-a", str(amplitude), "-w", str(path)]
        subprocess.run(["espeak-ng", *options, sentence], check=True)
        return audio.read(path)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    spoken = {name: speak(*how) for name, how in CLIPS.items()}
    for name, waveform in spoken.items():
        soundfile.write(FOLDER / f"{name}.flac", waveform, audio.SAMPLE_RATE)
    pause = np.zeros(round(PAUSE * audio.SAMPLE_RATE), dtype=np.float32)
    parts = [part for name in CONVERSATION for part in (spoken[name], pause)]
    soundfile.write(FOLDER / "conversation.flac", np.concatenate(parts), audio.SAMPLE_RATE)


if __name__ == "__main__":
    try:
        main()
    except FileNotFoundError:
        sys.exit("espeak-ng is missing; on Debian: apt install espeak-ng")
