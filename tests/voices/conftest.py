"""A small corpus whose emotions differ in how pitch and loudness move, by speakers of different voices."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from tembr.corpora.corpus import Corpus, Utterance
from tembr.voices.pool import make_pool
from tembr.voices.settings import CONTOURS

RATE = 16_000
EMOTIONS = ("anger", "sadness", "neutral")


def voice(pitch: float, glide: float, loud: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Harmonics whose fundamental glides by `glide` octaves, in syllables, with a little noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    f0 = pitch * 2 ** (glide * (time / seconds - 0.5))
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    tone = sum(np.sin(k * phase) / k ** (2.2 - loud) for k in range(1, 20))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * time)
    return (0.05 * loud * tone * syllables + 1e-3 * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="package")
def voices(tmp_path_factory) -> Corpus:
    """Four speakers, three emotions, four texts: 48 recordings."""
    folder = tmp_path_factory.mktemp("voices")
    rng = np.random.default_rng(0)
    utterances = []
    for number, pitch in enumerate((110.0, 140.0, 200.0, 240.0)):
        for emotion, glide, loud in zip(EMOTIONS, (0.7, -0.5, 0.0), (1.2, 0.6, 0.8)):
            for text in range(4):
                path = folder / f"{number}-{emotion}-{text}.wav"
                sound = voice(pitch * rng.uniform(0.95, 1.05), glide, loud, rng.uniform(0.9, 1.4), rng)
                soundfile.write(path, sound, RATE)
                utterances.append(Utterance(path.name, path, emotion, f"s{number}", "female", None, f"text {text}"))
    return Corpus("voices", tuple(utterances), "MIT")


@pytest.fixture(scope="package")
def pool(voices, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMBR_CACHE", str(tmp_path_factory.mktemp("cache")))
        return make_pool([voices], CONTOURS)
