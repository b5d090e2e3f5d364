"""The demo corpus as members are fitted on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tembr.corpora import load_corpus
from tembr.features import FeatureSettings
from tembr.features.inputs import Input, RepresentationInput
from tembr.features.store import FeatureStore, FeatureTable
from tembr.models.data import FoldData

FEATURES = FeatureSettings(window=1.0)


@dataclass(frozen=True, eq=False)
class Demo:
    """180 recordings of six emotions and six speakers, with their inputs by name."""

    labels: tuple[str, ...]
    classes: np.ndarray
    speakers: np.ndarray
    inputs: dict[str, Input]
    tables: dict[Input, FeatureTable]


@pytest.fixture(scope="session")
def demo() -> Demo:
    corpus = load_corpus("demo")
    inputs = {name: RepresentationInput(name, FEATURES) for name in ("mfcc", "chroma", "spectrogram")}
    tables = FeatureStore().prepare(corpus.utterances, inputs.values())
    classes = np.array([corpus.labels.index(u.emotion) for u in corpus.utterances])
    return Demo(corpus.labels, classes, np.array([u.speaker for u in corpus.utterances]), inputs, tables)


def fold_data(demo: Demo, train: np.ndarray, folder: Path, validation: np.ndarray | None = None) -> FoldData:
    """The demo corpus, of which `train` is learnt from."""
    kept = np.empty(0, int) if validation is None else validation
    corpora = np.zeros(len(demo.classes), int)
    return FoldData(demo.labels, FEATURES, demo.tables, demo.classes, demo.speakers, corpora, train, kept, folder)
