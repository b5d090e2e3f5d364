"""All eleven representations of a real batch on one core: ours against librosa, side by side.

uv run --all-extras python bench/extraction.py CORPUS_DIR
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import sys
import time
from pathlib import Path

import librosa
import numpy as np
import torch
from machine import write_section

from tembr import audio
from tembr.features import extract_many

RATE, SAMPLES, RECORDINGS, RUNS = 16_000, 48_000, 32, 3


def librosa_eleven(y: np.ndarray, tonnetz_from_stft: bool) -> list[np.ndarray]:
    """The eleven as its documentation calls them; its own tonnetz takes a constant-Q chroma."""
    f = librosa.feature
    mfcc, tempogram = f.mfcc(y=y, sr=RATE, n_mfcc=40), f.tempogram(y=y, sr=RATE)
    chroma = f.chroma_stft(y=y, sr=RATE, tuning=0)
    return [
        librosa.power_to_db(f.melspectrogram(y=y, sr=RATE), ref=np.max),
        librosa.amplitude_to_db(np.abs(librosa.stft(y)), ref=np.max),
        mfcc,
        chroma,
        f.spectral_contrast(y=y, sr=RATE),
        f.zero_crossing_rate(y),
        f.rms(y=y),
        tempogram,
        f.tonnetz(chroma=f.chroma_stft(y=y, sr=RATE, tuning=0)) if tonnetz_from_stft else f.tonnetz(y=y, sr=RATE),
        f.delta(f.mfcc(y=y, sr=RATE, n_mfcc=40)),
        f.delta(f.tempogram(y=y, sr=RATE)),
    ]


def milliseconds(work, recordings: int) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) / recordings * 1e3


def main(folder: Path) -> None:
    files = sorted(folder.rglob("*.wav"))
    files = files[:: max(1, len(files) // RECORDINGS)][:RECORDINGS]
    batch = np.stack([audio.fit_length(audio.read(file), SAMPLES) for file in files])
    tensor = torch.from_numpy(batch)
    librosa_eleven(batch[0], True), librosa_eleven(batch[0], False), extract_many(tensor)
    lines = [
        "| run | ours, ms | librosa, ms | ratio | librosa with tonnetz from the STFT, ms | ratio |",
        "|---|---|---|---|---|---|",
    ]
    ratios = []
    for run in range(RUNS):
        ours, own, same = (
            min(milliseconds(work, len(batch)) for _ in range(3))
            for work in (
                lambda: extract_many(tensor),
                lambda: [librosa_eleven(y, False) for y in batch],
                lambda: [librosa_eleven(y, True) for y in batch],
            )
        )
        ratios.append((own / ours, same / ours))
        lines.append(f"| {run + 1} | {ours:.2f} | {own:.1f} | {own / ours:.1f} | {same:.1f} | {same / ours:.1f} |")
    own, same = (min(column) for column in zip(*ratios, strict=True))
    lines += [
        "",
        f"Lowest of {RUNS} runs, per recording of 3 s, {len(batch)} recordings of nEMO, one thread: "
        f"**{own:.1f} times** librosa's throughput as its documentation calls the eleven, "
        f"**{same:.1f} times** with both sides taking tonnetz from the STFT chroma as we define it. Goal: 20 times.",
    ]
    write_section("Eleven representations", "uv run --all-extras python bench/extraction.py nemo", lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
