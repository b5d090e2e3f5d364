"""A small synthetic corpus, to try everything without downloading anything.

Its voices are made of harmonics and formants; the emotions differ in pitch, loudness, tempo and breath as
they do in acted speech, only more simply. Results on it say nothing about results on people.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import soundfile

from tembr.corpora.corpus import Corpus, Utterance
from tembr.corpora.voice import N_FFT, SAMPLE_RATE, VOWELS, Manner, Speaker, speak
from tembr.emotions import EMOTIONS
from tembr.errors import CorpusError
from tembr.files import cache_root, write_bytes

NAME = "demo"
LICENCE = "CC0 1.0 (synthetic)"
MARKER = "demo.json"
"""Written last: its presence says that every recording of its parameters is there."""

MANNERS = {
    "anger": Manner(pitch=1.25, span=6, rise=-2, level=5, tempo=1.15, breath=0.08, tilt=0.8, jitter=0.012),
    "fear": Manner(pitch=1.45, span=3, rise=1, level=-1, tempo=1.3, breath=0.3, tilt=1.15, jitter=0.02),
    "happiness": Manner(pitch=1.35, span=8, rise=0, level=3, tempo=1.08, breath=0.12, tilt=1.0, jitter=0.006),
    "sadness": Manner(pitch=0.92, span=2, rise=-3, level=-5, tempo=0.78, breath=0.3, tilt=1.5, jitter=0.008),
    "surprised": Manner(pitch=1.4, span=6, rise=9, level=2, tempo=0.98, breath=0.18, tilt=1.05, jitter=0.005),
    "neutral": Manner(pitch=1.0, span=3, rise=-2, level=0, tempo=1.0, breath=0.12, tilt=1.2, jitter=0.004),
}
"""The typical manner of each emotion; every recording strays from it."""

STRAY = {"pitch": 0.07, "span": 0.25, "rise": 0.3, "tempo": 0.08, "breath": 0.3, "tilt": 0.08, "jitter": 0.3}
"""Standard deviation of the logarithm of each factor from recording to recording."""

_VERSION = 1  # raise when the sound changes, so that cached corpora are made anew


@dataclass(frozen=True)
class _Recipe:
    speakers: int
    sentences: int
    seed: int
    version: int = _VERSION

    @property
    def content(self) -> str:
        return json.dumps({f.name: getattr(self, f.name) for f in fields(self)}, indent=2)


def load(folder: str | Path | None = None) -> Corpus:
    """The demo corpus in `folder`, synthesised there if it is not; None is a folder of the cache."""
    if folder is None:
        recipe = _Recipe(6, 5, 0)
        key = hashlib.blake2b(recipe.content.encode(), digest_size=8).hexdigest()
        return synthesize(cache_root() / "corpora" / f"demo-{key}")
    found = _read_marker(Path(folder))
    return synthesize(folder, found.speakers, found.sentences, found.seed) if found else synthesize(folder)


def synthesize(folder: str | Path, speakers: int = 6, sentences: int = 5, seed: int = 0) -> Corpus:
    """Make `speakers` say `sentences` in each of the six emotions, or reuse what is already there.

    Args:
        folder: new, empty, or with an earlier demo corpus.
        speakers: count; women and men in turn.
        sentences: count of different rows of syllables.
        seed: the same seed gives the same samples.

    Returns:
        `speakers * sentences * 6` utterances of 0.8 to 3.5 s, 16 kHz, 16 bit.

    Raises:
        CorpusError: a count below 1, or a folder that holds something else or cannot be written.
    """
    root, recipe = Path(folder), _Recipe(speakers, sentences, seed)
    if speakers < 1 or sentences < 1:
        raise CorpusError(f"demo: {speakers} speakers and {sentences} sentences; ask for at least one of each")
    people = [_speaker(i, seed) for i in range(speakers)]
    texts = [_sentence(i, seed) for i in range(sentences)]
    plan = list(_plan(root, people, texts))
    complete = _read_marker(root) == recipe and all(u.path.is_file() for u, _ in plan)
    if not complete:
        _refuse_foreign(root)
        (root / MARKER).unlink(missing_ok=True)
        for utterance, (who, text, emotion) in plan:
            write_bytes(utterance.path, _clip(people[who], texts[text], emotion, [seed, who, text]))
        write_bytes(root / MARKER, recipe.content.encode())
    return Corpus(NAME, tuple(u for u, _ in plan), LICENCE)


def _plan(root: Path, people, texts) -> Iterator[tuple[Utterance, tuple[int, int, str]]]:
    for who, person in enumerate(people):
        for emotion in EMOTIONS:
            for text, vowels in enumerate(texts):
                file = f"{person.name}_{emotion}_{text + 1:02d}.wav"
                spoken = Utterance(file, root / file, emotion, person.name, person.gender, text=vowels)
                yield spoken, (who, text, emotion)


def _speaker(index: int, seed: int) -> Speaker:
    rng = np.random.default_rng([seed, 1, index])
    woman = index % 2 == 0
    knots = rng.normal(0, 3, 9)  # dB every 1 kHz
    decibels = np.interp(np.linspace(0, 8, N_FFT // 2 + 1), np.arange(9), knots)
    return Speaker(
        name=f"{'F' if woman else 'M'}{index // 2 + 1:02d}",
        gender="female" if woman else "male",
        pitch=rng.uniform(180, 225) if woman else rng.uniform(95, 130),
        tract=rng.uniform(1.1, 1.2) if woman else rng.uniform(0.96, 1.04),
        colour=10 ** (decibels / 20),
        noise=rng.uniform(0.0005, 0.002),
    )


def _sentence(index: int, seed: int) -> str:
    rng = np.random.default_rng([seed, 2, index])
    return "".join(rng.choice(list(VOWELS), rng.integers(6, 10)))


def _clip(speaker: Speaker, vowels: str, emotion: str, key: list[int]) -> bytes:
    rng = np.random.default_rng([*key, 3, EMOTIONS.index(emotion)])
    waveform = speak(vowels, speaker, _stray(MANNERS[emotion], rng), rng)
    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _stray(manner: Manner, rng: np.random.Generator) -> Manner:
    values = {f.name: getattr(manner, f.name) for f in fields(manner)}
    for name, deviation in STRAY.items():
        values[name] *= np.exp(deviation * rng.standard_normal())
    values["level"] += rng.normal(0, 2)
    return Manner(**values)


def _read_marker(root: Path) -> _Recipe | None:
    try:
        recipe = _Recipe(**json.loads((root / MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    whole = all(type(getattr(recipe, f.name)) is int for f in fields(recipe))
    return recipe if whole else None


def _refuse_foreign(root: Path) -> None:
    ours = {f"_{emotion}_" for emotion in EMOTIONS}
    names = os.listdir(root) if root.is_dir() else []
    for name in sorted(names):
        if name != MARKER and not name.startswith(".") and not any(part in name for part in ours):
            raise CorpusError(f"{root}: holds {name}, not a demo corpus; name a new or empty folder")
