"""Mel values of the demo corpus, and a VAE small enough to be fitted in a second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from tembr.augment.generative import TrainingPart
from tembr.augment.settings import VAESettings
from tembr.corpora import load_corpus
from tembr.features import FeatureSettings
from tembr.features.inputs import RepresentationInput
from tembr.features.store import FeatureStore

SMALL = VAESettings(latent=4, embedding=4, channels=4, epochs=2, batch_size=16)
CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Mel:
    """Values `(32, 32)` of 180 recordings, with their emotions and speakers."""

    values: list[np.ndarray]
    classes: np.ndarray
    speakers: np.ndarray

    def part(self, indices: np.ndarray) -> TrainingPart:
        return TrainingPart.of(self.values, self.classes, self.speakers, indices)


@pytest.fixture(scope="session")
def mel() -> Mel:
    corpus, features = load_corpus("demo"), FeatureSettings(window=1.0, n_mels=32, n_mfcc=20)
    (table,) = FeatureStore().prepare(corpus.utterances, [RepresentationInput("melspectrogram", features)]).values()
    classes = np.array([corpus.labels.index(u.emotion) for u in corpus.utterances])
    speakers = np.array([u.speaker for u in corpus.utterances])
    return Mel([np.array(table[i]) for i in range(len(table))], classes, speakers)
