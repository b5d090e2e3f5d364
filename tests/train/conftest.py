from __future__ import annotations

import numpy as np
import pytest

from tembr.augment import AugmentSettings
from tembr.corpora import load_corpus
from tembr.features import FeatureSettings, find
from tembr.features.picture import PictureSettings
from tembr.features.store import FeatureStore, FeatureTable
from tembr.train.fit import Recipe
from tembr.train.settings import TrainSettings

FEATURES = FeatureSettings(window=1.0)


def recipe(name: str = "chroma", **train) -> Recipe:
    settings = TrainSettings(**{"epochs": 3, "network": "resnet18", "device": "cpu"} | train)
    return Recipe(find(name), 6, FEATURES, PictureSettings(), AugmentSettings(), settings)


@pytest.fixture(scope="session")
def classes() -> np.ndarray:
    corpus = load_corpus("demo")
    return np.array([corpus.labels.index(u.emotion) for u in corpus.utterances])


@pytest.fixture(scope="session")
def tables() -> dict[str, FeatureTable]:
    return FeatureStore().prepare(load_corpus("demo").utterances, ["chroma", "mfcc"], FEATURES)


@pytest.fixture(scope="session")
def parts() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    index = np.arange(180)
    return index[index % 3 == 0], index[index % 3 == 1], index[index % 3 == 2]
