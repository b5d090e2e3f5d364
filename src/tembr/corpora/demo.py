"""A small synthetic corpus, to try everything without downloading anything.

Its voices are made of harmonics and formants; the emotions differ in pitch, loudness, tempo, breath and articulation
as they do in acted speech, only more simply. As in acted corpora every speaker has a way of their own with each emotion
and recorded it in one sitting, so that a random split rewards knowing them. Results on it say nothing about results on
people.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import soundfile

from tembr.corpora.corpus import Corpus, CorpusInfo, Utterance
from tembr.corpora.voice import N_FFT, SAMPLE_RATE, VOWELS, Prosody, Speaker, speak
from tembr.emotions import EMOTIONS
from tembr.errors import CorpusError
from tembr.files import cache_root, write_bytes

MARKER = "demo.json"
"""Written last: its presence says that every recording of its parameters is there."""

# fmt: off
PROSODIES = {
    #                    pitch   span   rise  level  tempo  breath   tilt  jitter  tremor  stress  attack
    "anger":     Prosody( 1.25,     6,    -2,     5,  1.15,   0.08,   0.8,  0.012,   0.05,    0.7,    1.3),
    "fear":      Prosody( 1.45,     3,     1,    -1,   1.3,    0.3,  1.15,   0.02,    0.5,    0.4,    0.8),
    "happiness": Prosody( 1.35,     8,     0,     3,  1.08,   0.12,     1,  0.006,   0.05,    0.6,    0.6),
    "sadness":   Prosody( 0.92,     2,    -3,    -5,  0.78,    0.3,   1.5,  0.008,   0.15,    0.2,    0.3),
    "surprised": Prosody(  1.4,     6,     9,     2,  0.98,   0.18,  1.05,  0.005,   0.05,    0.4,    0.4),
    "neutral":   Prosody(    1,     3,    -2,     0,     1,   0.12,   1.2,  0.004,   0.03,    0.4,    0.6),
}
"""The typical prosody of each emotion; every speaker and every recording strays from it."""

HABIT =          Prosody( 0.12,   0.4,   0.4,     3,  0.12,    0.6,  0.15,    0.5,    0.5,    0.3,    0.3)
"""How far speakers' ways with one emotion differ: standard deviation of each factor's logarithm, of `level` in dB."""

STRAY =          Prosody( 0.04,  0.15,  0.15,     1,  0.04,   0.15,  0.04,   0.15,   0.15,   0.15,    0.1)
"""The same from recording to recording of one speaker and emotion."""
# fmt: on

PLACE = 2.5
"""dB; how far the microphone's colour differs between the sittings of one speaker, one for each emotion."""

_VERSION = 2  # raise when the sound changes, so that cached corpora are made anew


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
    sittings = {(i, e): _sitting(person, e, [seed, i]) for i, person in enumerate(people) for e in EMOTIONS}
    texts = [_sentence(i, seed) for i in range(sentences)]
    plan = list(_plan(root, people, texts))
    complete = _read_marker(root) == recipe and all(u.path.is_file() for u, _ in plan)
    if not complete:
        _refuse_foreign(root)
        (root / MARKER).unlink(missing_ok=True)
        for utterance, (who, text, emotion) in plan:
            key = [seed, who, text, 3, EMOTIONS.index(emotion)]
            write_bytes(utterance.path, _clip(*sittings[who, emotion], texts[text], key))
        write_bytes(root / MARKER, recipe.content.encode())
    return INFO.corpus([u for u, _ in plan])


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
    return Speaker(
        name=f"{'F' if woman else 'M'}{index // 2 + 1:02d}",
        gender="female" if woman else "male",
        pitch=rng.uniform(180, 225) if woman else rng.uniform(95, 130),
        tract=rng.uniform(1.1, 1.2) if woman else rng.uniform(0.96, 1.04),
        colour=_colour(3, rng),
        noise=rng.uniform(0.0005, 0.002),
    )


def _sitting(speaker: Speaker, emotion: str, key: list[int]) -> tuple[Speaker, Prosody]:
    """One speaker's own way with an emotion, and how the microphone stood that day."""
    rng = np.random.default_rng([*key, 4, EMOTIONS.index(emotion)])
    placed = replace(speaker, colour=speaker.colour * _colour(PLACE, rng))
    return placed, _vary(PROSODIES[emotion], HABIT, rng)


def _colour(decibels: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth gain over frequency, shape `(N_FFT // 2 + 1,)`, drawn every 1 kHz with that standard deviation."""
    knots = rng.normal(0, decibels, 9)
    return 10 ** (np.interp(np.linspace(0, 8, N_FFT // 2 + 1), np.arange(9), knots) / 20)


def _sentence(index: int, seed: int) -> str:
    rng = np.random.default_rng([seed, 2, index])
    return "".join(rng.choice(list(VOWELS), rng.integers(6, 10)))


def _clip(speaker: Speaker, prosody: Prosody, vowels: str, key: list[int]) -> bytes:
    rng = np.random.default_rng(key)
    waveform = speak(vowels, speaker, _vary(prosody, STRAY, rng), rng)
    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _vary(prosody: Prosody, deviation: Prosody, rng: np.random.Generator) -> Prosody:
    drawn = {f.name: getattr(deviation, f.name) * rng.standard_normal() for f in fields(Prosody)}
    level = prosody.level + drawn.pop("level")
    return replace(prosody, level=level, **{name: getattr(prosody, name) * np.exp(d) for name, d in drawn.items()})


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


INFO = CorpusInfo(
    name="demo",
    load=load,
    about="synthesised voices, nothing to download",
    licence="CC0 1.0 (synthetic)",
    languages=("pl",),
    voices="The demo corpus has no voices of people: it is synthesised.",
)
