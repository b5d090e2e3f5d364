"""Representations of a real batch on one core, ours against librosa: each alone, all eleven together.

uv run --all-extras python bench/extraction.py CORPUS_DIR
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import sys
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import torch
from machine import write_section

from tembr import audio
from tembr.features import extract_many

RATE, SAMPLES, RECORDINGS, RUNS = 16_000, 48_000, 32, 12

feature = librosa.feature

LIBROSA: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "melspectrogram": lambda y: librosa.power_to_db(feature.melspectrogram(y=y, sr=RATE), ref=np.max),
    "spectrogram": lambda y: librosa.amplitude_to_db(np.abs(librosa.stft(y)), ref=np.max),
    "mfcc": lambda y: feature.mfcc(y=y, sr=RATE, n_mfcc=40),
    "chroma": lambda y: feature.chroma_stft(y=y, sr=RATE, tuning=0),
    "spectral_contrast": lambda y: feature.spectral_contrast(y=y, sr=RATE),
    "zcr": lambda y: feature.zero_crossing_rate(y),
    "rms": lambda y: feature.rms(y=y),
    "tempogram": lambda y: feature.tempogram(y=y, sr=RATE),
    "tonnetz": lambda y: feature.tonnetz(chroma=feature.chroma_stft(y=y, sr=RATE, tuning=0)),
    "delta_mfcc": lambda y: feature.delta(feature.mfcc(y=y, sr=RATE, n_mfcc=40)),
    "delta_tempogram": lambda y: feature.delta(feature.tempogram(y=y, sr=RATE)),
}
"""As librosa's documentation calls them; tonnetz from the chroma of the STFT, as ours."""


def own_tonnetz(y: np.ndarray) -> np.ndarray:
    """From a constant-Q chroma, librosa's default, which we do not compute."""
    return feature.tonnetz(y=y, sr=RATE)


def milliseconds(work: Callable[[], object]) -> float:
    """Processor time of a recording."""
    started = time.process_time()
    work()
    return (time.process_time() - started) / RECORDINGS * 1e3


def lowest(*works: Callable[[], object]) -> list[float]:
    """Milliseconds of each at its best, taken in turn."""
    for work in works:
        work()
    return [min(times) for times in zip(*([milliseconds(work) for work in works] for _ in range(RUNS)))]


def beside_librosa(waveforms: torch.Tensor, name: str) -> list[float]:
    """Milliseconds of one representation, ours and librosa's."""
    theirs, batch = LIBROSA[name], waveforms.numpy()
    return lowest(lambda: extract_many(waveforms, (name,)), lambda: [theirs(y) for y in batch])


def line(name: str, ours: float, theirs: float) -> str:
    return f"| {name} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f} |"


def main(folder: Path) -> None:
    files = sorted(folder.rglob("*.wav"))
    files = files[:: max(1, len(files) // RECORDINGS)][:RECORDINGS]
    batch = np.stack([audio.fit_length(audio.read(file), SAMPLES) for file in files])
    tensor = torch.from_numpy(batch)
    alone = {name: beside_librosa(tensor, name) for name in LIBROSA}
    every = list(LIBROSA.values())
    default = [own_tonnetz if name == "tonnetz" else theirs for name, theirs in LIBROSA.items()]
    ours, same, own = lowest(
        lambda: extract_many(tensor),
        lambda: [[theirs(y) for theirs in every] for y in batch],
        lambda: [[theirs(y) for theirs in default] for y in batch],
    )
    worst = min(alone, key=lambda name: alone[name][1] / alone[name][0])
    lines = [
        "| representation | ours, ms | librosa, ms | ratio |",
        "|---|---|---|---|",
        *(line(name, *times) for name, times in alone.items()),
        line("**all eleven together**", ours, same),
        "",
        f"Like for like: both sides take tonnetz from the chroma of the STFT. Processor time of a recording of 3 s, "
        f"{len(batch)} recordings of nEMO, one thread, lowest of {RUNS} runs taken in turn. All eleven together: "
        f"**{same / ours:.1f} times** librosa's throughput (goal: 10); least alone is {worst} with "
        f"**{alone[worst][1] / alone[worst][0]:.1f} times** (goal: 3). With librosa's default tonnetz, from a "
        f"constant-Q chroma that we do not compute, its eleven take {own:.1f} ms, {own / ours:.0f} times ours.",
    ]
    write_section("Eleven representations", "uv run --all-extras python bench/extraction.py nemo", lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
