"""Make the clips of `examples/` with espeak-ng's Polish voices: `uv run python scripts/make_examples.py`.

A synthetic voice has no feelings: its pitch, melody, speed and loudness are set as people set theirs. The clips are
named after these settings, not after an answer. They show the commands, they measure nothing.
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
    # name: (sentence, voice, pitch 0-99, range of the pitch in % of the voice's, words a minute, amplitude 0-200)
    "calm": ("Dzisiaj po południu pojadę do miasta.", "pl+klatt2", 40, 40, 145, 60),
    "high_and_hushed": ("Słyszysz? Ktoś jest za drzwiami.", "pl+steph", 80, 120, 190, 50),
    "high_and_lively": ("Naprawdę? Nie mogę w to uwierzyć!", "pl+f3", 60, 200, 190, 110),
    "loud_and_fast": ("Ile razy mam ci to powtarzać!", "pl+klatt2", 62, 150, 210, 150),
    "low_and_slow": ("Nie wiem, co mam teraz zrobić.", "pl+steph", 25, 30, 110, 45),
}
CONVERSATION = ("calm", "high_and_lively", "loud_and_fast", "high_and_hushed", "low_and_slow")
PAUSE = 1.2  # seconds between the sentences of the conversation


def speak(sentence: str, voice: str, pitch: int, melody: int, speed: int, amplitude: int) -> np.ndarray:
    """One sentence, `(samples,)` at 16 kHz."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "clip.wav"
        options = ["-v", voice, "-p", str(pitch), "-s", str(speed), "-a", str(amplitude), "-w", str(path)]
        marked = f'<speak><prosody range="{melody}%">{sentence}</prosody></speak>'
        subprocess.run(["espeak-ng", "-m", *options, marked], check=True)
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
