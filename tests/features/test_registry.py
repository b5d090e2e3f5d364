"""Every entry of the registry fits what else there is."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from tembr.augment.representations import STRATEGIES
from tembr.features.analysis import Analysis
from tembr.features.normalization import Normalization
from tembr.features.registry import REGISTRY, REPRESENTATIONS
from tembr.features.settings import FeatureSettings

SMALL = FeatureSettings(
    sample_rate=8_000, window=0.5, n_fft=256, hop_length=64, n_mels=16, n_mfcc=10, n_chroma=24, contrast_bands=3,
    tempogram_win=32, top_db=20,
)  # fmt: skip


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    """Noise that swells from nothing."""
    noise = torch.randn(2, 4_000, generator=torch.Generator().manual_seed(0))
    return Analysis(noise * torch.linspace(0, 1, 4_000) ** 4, SMALL)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_an_entry_names_what_exists(name):
    entry = REGISTRY[name]
    assert entry.name == name and entry.augmentation in STRATEGIES
    assert entry.normalization in get_args(Normalization)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_an_entry_has_as_many_bins_as_it_says_under_other_settings(analysis, name):
    entry = REGISTRY[name]
    assert entry.compute(analysis).shape == (2, entry.bins(SMALL), 1 + 4_000 // 64)


def test_curves_and_nothing_else_become_pictures():
    curves = {name for name in REPRESENTATIONS if REGISTRY[name].bins(SMALL) == 1}
    assert curves == {name for name in REPRESENTATIONS if REGISTRY[name].picture} == {"zcr", "rms"}


@pytest.mark.parametrize("name", ["melspectrogram", "spectrogram"])
def test_decibels_end_at_the_floor_of_the_settings(analysis, name):
    values = REGISTRY[name].compute(analysis)
    assert (values.min(), values.max()) == (-20, 0)


def test_titles_tell_representations_apart():
    assert len({entry.title for entry in REGISTRY.values()}) == len(REPRESENTATIONS) == 11
