"""One training epoch: ours against the plain fp32 loop, with the same network and data.

The last of as many epochs as are named after a representation is compared, or the second: on small pictures the moments
of weights without a gradient fade, in a thousand steps and more, below what a float can hold, and a plain loop slows
down.

uv run --all-extras python bench/training.py CORPUS_DIR [REPRESENTATION[:EPOCHS] ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from machine import write_section
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from tembr.augment.settings import AugmentSettings
from tembr.corpora import load_corpus
from tembr.features import FeatureSettings, find
from tembr.features.inputs import RepresentationInput
from tembr.features.picture import PictureSettings
from tembr.features.store import FeatureStore
from tembr.models.network import AudioClassifier
from tembr.models.torchvision import build_network
from tembr.train.fit import Training, fast_bfloat16, fit
from tembr.train.settings import TrainSettings

RECORDINGS, RUNS, EPOCHS = 1024, 3, 2


class PlainDataset(Dataset):
    """The loop most people write: one `.npy` a recording, loaded and standardised item by item."""

    def __init__(self, folder: Path, classes: np.ndarray):
        self.folder, self.classes = folder, classes

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int):
        values = np.load(self.folder / f"{index}.npy")
        return torch.from_numpy((values - values.mean()) / values.std()).unsqueeze(0), int(self.classes[index])


def plain_epoch(network: torch.nn.Module, dataset: Dataset, epochs: int) -> float:
    """Seconds of the last epoch of fp32 training in the default memory layout."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, weight_decay=1e-5, fused=False, foreach=False)
    criterion = torch.nn.CrossEntropyLoss()
    network.train()
    for _ in range(epochs):
        started = time.perf_counter()
        for pictures, target in DataLoader(dataset, 32, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(network(pictures), target)
            loss.backward()
            optimizer.step()
    return time.perf_counter() - started


def rate_of_products(dtype: torch.dtype) -> float:
    """GFLOP/s of products of 512 × 512 matrices, highest of 20."""
    matrix = torch.ones(512, 512, dtype=dtype)
    return 2 * 512**3 / 1e9 / shortest(lambda: matrix @ matrix, 20)


def rate_of_a_step(rows: int, frames: int) -> float:
    """GFLOP/s of forward and backward pass of ResNet18 in single precision on 32 pictures, highest of 5."""
    network = build_network("resnet18", 6).to(memory_format=torch.channels_last)
    pictures = torch.randn(32, 1, rows, frames)
    step = lambda: network(pictures).sum().backward()  # noqa: E731
    with FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / 1e9 / shortest(step, 5)


def shortest(work: Callable[[], object], times: int) -> float:
    """Seconds of the quickest of so many runs."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def main(folder: str, names: list[str]) -> None:
    corpus = load_corpus("nemo", folder)
    utterances = corpus.utterances[: RECORDINGS + 32]
    classes = np.array([corpus.labels.index(u.emotion) for u in utterances])
    index = np.arange(len(utterances))
    parts = index[:RECORDINGS], index[RECORDINGS:]
    lines = ["| representation | epoch | run | plain loop, s | ours, s | ratio |", "|---|---|---|---|---|---|"]
    lowest = {}
    with tempfile.TemporaryDirectory() as place:
        for named in names:
            name, _, count = named.partition(":")
            epochs = int(count or EPOCHS)
            store, taken = FeatureStore(Path(place) / "cache"), RepresentationInput(name, FeatureSettings())
            table = store.prepare(utterances, [taken])[taken]
            items = Path(place) / name
            items.mkdir(exist_ok=True)
            for i in range(RECORDINGS):
                np.save(items / f"{i}.npy", np.array(table[i]))
            settings = TrainSettings(epochs=epochs, patience=epochs)
            chosen = Training(find(name), 6, FeatureSettings(), AugmentSettings(), settings, seed=42)
            ratios = []
            for run in range(RUNS if epochs == EPOCHS else 1):
                make = lambda: AudioClassifier(find(name), FeatureSettings(), PictureSettings(), 6)  # noqa: B023, E731
                plain = plain_epoch(make().network, PlainDataset(items, classes[:RECORDINGS]), epochs)
                ours = fit(chosen, make(), table, classes, parts, Path(place) / f"{named}-{run}")[-1]["seconds"]
                ratios.append(plain / ours)
                lines.append(f"| {name} | {epochs} | {run + 1} | {plain:.2f} | {ours:.2f} | {plain / ours:.2f} |")
            lowest[f"{name}, epoch {epochs}"] = min(ratios)
    said = ", ".join(f"{what} **{ratio:.2f}**" for what, ratio in lowest.items())
    lines += [
        "",
        f"ResNet18, {RECORDINGS} recordings of nEMO, batch 32, two threads; ours with augmentation, 32 validation "
        "recordings and the writing of a checkpoint, the plain loop without. "
        f"Lowest of {RUNS} runs, late epochs of one: {said}. Goal: 3.",
        "",
        f"Products of matrices: {rate_of_products(torch.float32):.0f} GFLOP/s in single precision, "
        f"{rate_of_products(torch.bfloat16):.0f} in bfloat16, which was {'' if fast_bfloat16() else 'not '}used; a "
        f"step on 80 × 94 pictures in single precision: {rate_of_a_step(80, 94):.0f} GFLOP/s.",
    ]
    write_section("A training epoch", "uv run --all-extras python bench/training.py nemo " + " ".join(names), lines)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["melspectrogram"])
