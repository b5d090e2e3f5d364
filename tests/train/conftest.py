from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tembr.augment.settings import AugmentSettings
from tembr.corpora import load_corpus
from tembr.features import FeatureSettings, find
from tembr.features.inputs import RepresentationInput
from tembr.features.picture import PictureSettings
from tembr.features.store import FeatureStore, FeatureTable
from tembr.models.network import AudioClassifier
from tembr.train.fit import Training, fit
from tembr.train.settings import TrainSettings

FEATURES = FeatureSettings(window=1.0)


def training(name: str = "chroma", seed: int = 42, **train) -> Training:
    settings = TrainSettings(**{"epochs": 3, "network": "resnet18_quarter", "device": "cpu"} | train)
    return Training(find(name), 6, FEATURES, AugmentSettings(), settings, seed)


def untrained(chosen: Training) -> AudioClassifier:
    torch.manual_seed(chosen.seed)
    train = chosen.train
    return AudioClassifier(
        chosen.representation, FEATURES, PictureSettings(), chosen.classes, train.network, train.dropout
    )


@dataclass(frozen=True)
class Trained:
    """What a training came to: its classifier, its history, and what it says of the test part."""

    classifier: AudioClassifier
    history: list[dict]
    posteriors: np.ndarray


def trained_on(chosen: Training, table, classes, parts, folder: Path, on_epoch=lambda row: None) -> Trained:
    """Train on the first two of `parts`, leave the weights in `folder`, answer the third."""
    classifier = untrained(chosen)
    history = fit(chosen, classifier, table, classes, parts[:2], folder, on_epoch)
    save_file({name: value.contiguous() for name, value in classifier.state_dict().items()}, folder / "weights")
    values = torch.from_numpy(np.stack([table[index] for index in parts[2]])) if len(parts) > 2 else None
    with torch.inference_mode():
        posteriors = classifier.eval()(values).softmax(-1).numpy() if values is not None else np.empty(0)
    return Trained(classifier, history, posteriors)


@pytest.fixture(scope="session")
def classes() -> np.ndarray:
    corpus = load_corpus("demo")
    return np.array([corpus.labels.index(u.emotion) for u in corpus.utterances])


@pytest.fixture(scope="session")
def tables() -> dict[str, FeatureTable]:
    inputs = [RepresentationInput(name, FEATURES) for name in ("chroma", "mfcc")]
    return {one.name: table for one, table in FeatureStore().prepare(load_corpus("demo").utterances, inputs).items()}


@pytest.fixture(scope="session")
def parts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    index = np.arange(180)
    return index[index % 3 == 0], index[index % 3 == 1], index[index % 3 == 2]
