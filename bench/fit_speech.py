"""Fit the network that tells speech from other sounds, `src/tembr/recognize/speech.json`.

Speech is of every second speaker of the corpora named, as recorded, cut short and degraded, and of voices of the demo
corpus' kind; other sounds are synthesised. Whoever is not learnt from is left for `bench/speech.py`.

uv run --all-extras python bench/fit_speech.py nemo=DIR ravdess=DIR emodb=DIR ased=DIR
"""

from __future__ import annotations

import json
import sys
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tembr import audio
from tembr.corpora import Corpus, Utterance, demo, load_corpus
from tembr.corpora.sounds import SOUNDS, synthesize
from tembr.degrade.effects import mp3 as through_mp3
from tembr.degrade.effects import phone, prepare
from tembr.recognize import speech

WEIGHTS = Path(speech.__file__).with_suffix(".json")
MUSIC = ("melody", "glide", "organ", "guitar", "drums", "ensemble")
NOISE = ("white noise", "pink noise", "brown noise", "wind", "engine", "hum", "applause")
DEGRADED = ("phone", "mp3", "noise", "room")
CONDITIONS = ("as recorded", "1 s", "0.5 s", "-50 dB", *DEGRADED, "music at 5 dB", "noise at 5 dB")
DRAWN = 2  # conditions of each recording beside 'as recorded' and '1 s'
SOUNDS_EACH = 400  # of a kind; bench/speech.py has other seeds
VOICES, VOICES_SEED = 24, 1  # demo speakers, half of whom are learnt from; the demo corpus itself is of seed 0
UNITS, DECAY, SEED = 32, 1.0, 0


@cache
def corpus_of(name: str, folder: str) -> Corpus:
    return load_corpus(name, folder, unmapped="keep")


@cache
def effect(condition: str, name: str, folder: str):
    return prepare(condition, corpus_of(name, folder), audio.SAMPLE_RATE)


def learnt_from(corpus: Corpus) -> set[str]:
    """Every second speaker."""
    return set(corpus.speakers[::2])


def loudest(waveform: np.ndarray, seconds: float) -> np.ndarray:
    """The part of that length with the most energy."""
    length = round(seconds * audio.SAMPLE_RATE)
    if len(waveform) <= length:
        return waveform
    energy = np.cumsum(np.pad(waveform.astype(np.float64) ** 2, (1, 0)))
    first = int(np.argmax(energy[length:] - energy[:-length]))
    return waveform[first : first + length]


def under(condition: str, utterance: Utterance, waveform: np.ndarray, name: str, folder: str) -> np.ndarray:
    """A recording as it sounds under one of `CONDITIONS`, every time the same."""
    rng = np.random.default_rng(zlib.crc32(f"{condition} {utterance.key}".encode()))
    if condition in DEGRADED:
        return effect(condition, name, folder)(utterance, waveform)
    if condition.endswith(" s"):
        return loudest(waveform, float(condition.split()[0]))
    if condition == "-50 dB":
        return np.float32(np.round(waveform / (np.abs(waveform).max() + 1e-9) * 10**-2.5 * 32_767) / 32_767)
    if condition.endswith("at 5 dB"):
        kinds = MUSIC if condition.startswith("music") else NOISE
        seed = int(rng.integers(1 << 20)) + (1 << 20)
        other = synthesize(str(rng.choice(kinds)), seed, len(waveform) / audio.SAMPLE_RATE)[: len(waveform)]
        return waveform[: len(other)] + other * (waveform.std() / (other.std() + 1e-12) * 10 ** (-5 / 20))
    return waveform


def of_recording(job: tuple[str, str, int]) -> list[np.ndarray]:
    """Features of a recording under some conditions."""
    name, folder, i = job
    utterance = corpus_of(name, folder).utterances[i]
    waveform = audio.read(utterance.path, audio.SAMPLE_RATE, utterance.start, utterance.end)
    drawn = np.random.default_rng([SEED, i]).choice(CONDITIONS[2:], DRAWN, replace=False)
    heard = (under(str(c), utterance, waveform, name, folder) for c in (*CONDITIONS[:2], *drawn))
    return [speech.features(each[: speech.PIECE]) for each in heard]


def other_sound(kind: str, seed: int) -> np.ndarray:
    """A sound of a drawn length, some of them through a telephone or MP3, broken off, or with noise beneath."""
    rng = np.random.default_rng([SEED, seed, zlib.crc32(kind.encode())])
    wave = synthesize(kind, seed, float(rng.choice([0.5, 1, 1.5, 2, 3, 3, 3])))
    fate = rng.random()
    if fate < 0.2:
        return (phone if fate < 0.1 else through_mp3)(wave, audio.SAMPLE_RATE)
    if fate < 0.4:
        wave[: int(rng.uniform(0, 0.6) * len(wave))] *= rng.choice([0, 0.1])
    elif fate < 0.55:
        wave = wave + np.float32(rng.uniform(0, 0.3) * wave.std()) * rng.standard_normal(len(wave), np.float32)
    return wave


def of_sound(job: tuple[str, int]) -> np.ndarray:
    return speech.features(other_sound(*job))


def fit(spoken: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    """Weights of a network of one hidden layer, both classes weighing what they are."""
    from sklearn.neural_network import MLPClassifier

    rows = np.concatenate([spoken, other])
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    network = MLPClassifier(UNITS, alpha=DECAY, batch_size=256, learning_rate_init=2e-3, random_state=SEED)
    network.set_params(max_iter=60, tol=0).fit(
        ((rows - mean) / scale).clip(-5, 5), np.repeat([1, 0], [len(spoken), len(other)])
    )
    inner, outer = network.coefs_
    bias, last = network.intercepts_
    return {"mean": mean, "scale": scale, "inner": inner, "bias": bias, "outer": outer[:, 0], "last": last[0]}


def jobs_of(name: str, folder: str) -> list[tuple[str, str, int]]:
    corpus = corpus_of(name, folder)
    speakers = learnt_from(corpus)
    return [(name, folder, i) for i, u in enumerate(corpus.utterances) if u.speaker in speakers]


def main(arguments: list[str]) -> None:
    corpora = [argument.split("=", 1) for argument in arguments]
    sounds = [(kind, seed) for kind in SOUNDS for seed in range(SOUNDS_EACH)]
    with TemporaryDirectory() as folder, ProcessPoolExecutor() as pool:
        demo.synthesize(folder, VOICES, seed=VOICES_SEED)
        jobs = [job for pair in (*corpora, ("demo", folder)) for job in jobs_of(*pair)]
        other = np.stack(list(pool.map(of_sound, sounds, chunksize=50)))
        spoken = np.concatenate(list(pool.map(of_recording, jobs, chunksize=50)))
    weights = {name: np.round(value.astype(float), 5).tolist() for name, value in fit(spoken, other).items()}
    WEIGHTS.write_text(json.dumps(weights, separators=(",", ":")).replace("],", "],\n") + "\n")
    print(f"{WEIGHTS}: {len(spoken)} pieces of speech, {len(other)} of other sounds")


if __name__ == "__main__":
    main(sys.argv[1:])
