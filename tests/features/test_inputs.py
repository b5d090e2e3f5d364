"""Representations and samples as inputs of members."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.errors import ConfigError
from tembr.features import extract
from tembr.features.inputs import BATCH, WAVEFORM, RepresentationInput
from tembr.features.settings import FeatureSettings

SMALL = FeatureSettings(
    sample_rate=4_000, window=0.1, n_fft=64, hop_length=16, n_mels=8, n_mfcc=8, contrast_bands=2, tempogram_win=8
)
FREE = SMALL.model_copy(update={"window": 0.0})


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize(("name", "bins", "frames"), [("mfcc", 8, 26), ("rms", 1, 26), (WAVEFORM, 1, 400)])
def test_an_input_says_its_name_and_size(name, bins, frames):
    one = RepresentationInput(name, SMALL)
    assert (one.name, one.bins, one.frames) == (name, bins, frames)
    assert (one.sample_rate, one.window_seconds) == (4_000, 0.1)


@pytest.mark.parametrize("name", ["mfcc", WAVEFORM])
def test_without_a_window_there_is_no_one_number_of_frames(name):
    with pytest.raises(ConfigError, match="features.window=0 .*; export a study with a window"):
        _ = RepresentationInput(name, FREE).frames


def test_samples_are_cut_or_filled_up_to_the_window():
    long, short = noise(500), noise(300)
    ((first, second),) = RepresentationInput.compute([RepresentationInput(WAVEFORM, SMALL)], [long, short])
    assert np.array_equal(first, long[None, :400])
    assert np.array_equal(second, np.pad(short, (0, 100))[None])


def test_several_inputs_are_answered_in_their_order_with_the_values_of_extract():
    inputs = [RepresentationInput(name, SMALL) for name in ("rms", WAVEFORM, "mfcc")]
    rms, samples, mfcc = RepresentationInput.compute(inputs, [noise(400)])
    expected = extract(torch.from_numpy(samples[0]), 4_000, "mfcc", settings=SMALL)
    assert np.array_equal(mfcc[0], expected[0].numpy())
    assert (rms[0].shape, samples[0].shape) == ((1, 26), (1, 400))


def test_more_than_a_batch_of_recordings_keep_their_order():
    waveforms = [noise(400, seed) for seed in range(BATCH + 2)]
    (found,) = RepresentationInput.compute([RepresentationInput(WAVEFORM, SMALL)], waveforms)
    assert np.array_equal(np.concatenate(found), np.stack(waveforms))


def test_without_a_window_recordings_keep_their_length_but_for_the_frames_of_a_slope():
    waveforms = [noise(900), noise(20)]
    (found,) = RepresentationInput.compute([RepresentationInput("delta_mfcc", FREE)], waveforms)
    assert [values.shape for values in found] == [(8, 1 + 900 // 16), (8, 1 + 9)]


def test_inputs_of_equal_settings_are_one_and_state_all_of_them():
    one, other = RepresentationInput("mfcc", SMALL), RepresentationInput("mfcc", SMALL.model_copy())
    assert len({one, other, RepresentationInput("mfcc", FREE)}) == 2
    assert one.facts() == SMALL.model_dump()
