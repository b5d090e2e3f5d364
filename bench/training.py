"""One training epoch: ours against the plain fp32 loop, with the same network and data.

uv run --all-extras python bench/training.py CORPUS_DIR [REPRESENTATION ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from machine import write_section
from torch.utils.data import DataLoader, Dataset

from tembr.augment.settings import AugmentSettings
from tembr.corpora import load_corpus
from tembr.features import FeatureSettings, find
from tembr.features.inputs import RepresentationInput
from tembr.features.picture import PictureSettings
from tembr.features.store import FeatureStore
from tembr.models.network import AudioClassifier
from tembr.train.fit import Training, fit
from tembr.train.settings import TrainSettings

RECORDINGS, RUNS = 1024, 3


class PlainDataset(Dataset):
    """The loop most people write: one `.npy` a recording, loaded and standardised item by item."""

    def __init__(self, folder: Path, classes: np.ndarray):
        self.folder, self.classes = folder, classes

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int):
        values = np.load(self.folder / f"{index}.npy")
        return torch.from_numpy((values - values.mean()) / values.std()).unsqueeze(0), int(self.classes[index])


def plain_epoch(network: torch.nn.Module, dataset: Dataset) -> float:
    """Seconds of an epoch of fp32 training in the default memory layout."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, weight_decay=1e-5, fused=False, foreach=False)
    criterion = torch.nn.CrossEntropyLoss()
    network.train()
    started = time.perf_counter()
    for pictures, target in DataLoader(dataset, 32, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(network(pictures), target)
        loss.backward()
        optimizer.step()
    return time.perf_counter() - started


def main(folder: str, names: list[str]) -> None:
    corpus = load_corpus("nemo", folder)
    utterances = corpus.utterances[: RECORDINGS + 32]
    classes = np.array([corpus.labels.index(u.emotion) for u in utterances])
    index = np.arange(len(utterances))
    parts = index[:RECORDINGS], index[RECORDINGS:]
    lines = ["| representation | run | plain loop, s | ours, s | ratio |", "|---|---|---|---|---|"]
    lowest = {}
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            store, taken = FeatureStore(Path(place) / "cache"), RepresentationInput(name, FeatureSettings())
            table = store.prepare(utterances, [taken])[taken]
            items = Path(place) / name
            items.mkdir()
            for i in range(RECORDINGS):
                np.save(items / f"{i}.npy", np.array(table[i]))
            chosen = Training(find(name), 6, FeatureSettings(), AugmentSettings(), TrainSettings(epochs=2), seed=42)
            ratios = []
            for run in range(RUNS):
                make = lambda: AudioClassifier(find(name), FeatureSettings(), PictureSettings(), 6)  # noqa: B023, E731
                plain = plain_epoch(make().network, PlainDataset(items, classes[:RECORDINGS]))
                ours = fit(chosen, make(), table, classes, parts, Path(place) / f"{name}-{run}")[-1]["seconds"]
                ratios.append(plain / ours)
                lines.append(f"| {name} | {run + 1} | {plain:.2f} | {ours:.2f} | {plain / ours:.2f} |")
            lowest[name] = min(ratios)
    said = ", ".join(f"{name} **{ratio:.2f}**" for name, ratio in lowest.items())
    lines += [
        "",
        f"ResNet18, {RECORDINGS} recordings of nEMO, batch 32, two threads; ours with augmentation, 32 validation "
        "recordings and the writing of a checkpoint, the plain loop without. "
        f"Lowest of {RUNS} runs: {said}. Goal: 3.",
    ]
    write_section("A training epoch", "uv run --all-extras python bench/training.py nemo " + " ".join(names), lines)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or ["melspectrogram"])
