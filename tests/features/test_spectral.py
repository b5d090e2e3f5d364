"""Decibels, cepstrum and contrast of a few bins."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.errors import ConfigError
from tembr.features.spectral import contrast_bands, mfcc, power_to_db, spectral_contrast

HUNDREDS = np.arange(9) * 100.0  # Hz: bins up to 800


def frame(*bins: float) -> torch.Tensor:
    """One recording of one frame."""
    return torch.tensor(bins)[None, :, None]


@pytest.mark.parametrize(
    ("relative", "top_db", "expected"),
    [
        (False, 80, [0, 10, 20]),
        (True, 80, [-20, -10, 0]),
        (False, 15, [5, 10, 20]),
        (True, 15, [-15, -10, 0]),
    ],
)
def test_decibels_are_re_one_or_re_the_maximum_with_a_floor(relative, top_db, expected):
    decibels = power_to_db(frame(1.0, 10.0, 100.0), relative=relative, top_db=top_db)
    assert decibels.flatten().tolist() == pytest.approx(expected)


def test_decibels_of_silence_are_those_of_the_smallest_power():
    assert power_to_db(frame(0.0, 1e-3), relative=False, amin=1e-5).flatten().tolist() == pytest.approx([-50, -30])


def test_a_loud_recording_lowers_no_other():
    both = torch.cat([frame(1.0, 10.0), frame(1e4, 1e5)])
    assert power_to_db(both, relative=True)[..., 0].tolist() == [[-10, 0], [-10, 0]]


def test_cepstral_coefficients_are_sums_over_the_mel_bands():
    dct = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    assert mfcc(frame(-3.0, -7.0), dct).flatten().tolist() == [-10, 4]


def test_bands_of_contrast_double_and_begin_a_bin_early():
    bands = contrast_bands(HUNDREDS, fmin=100, bands=2, quantile=0.5)
    assert bands == [(0, 1, 1), (0, 2, 2), (1, 9, 4)]


def test_at_either_extreme_of_a_band_there_is_one_bin_at_least():
    assert [count for *_, count in contrast_bands(HUNDREDS, fmin=100, bands=2)] == [1, 1, 1]


@pytest.mark.parametrize(("fmin", "bands"), [(500, 2), (10, 1), (400, 2)])
def test_without_a_bin_in_every_band_there_are_no_bands(fmin, bands):
    assert contrast_bands(HUNDREDS, fmin, bands) == []


def test_contrast_is_the_decibels_from_the_valley_to_the_peak_of_a_band():
    power = frame(3.0, 10.0, 30.0, 1.0, 100.0).square()
    contrast = spectral_contrast(power, [(0, 4, 2), (3, 5, 1)])
    assert contrast.flatten().tolist() == pytest.approx([10, 20])


def test_contrast_without_bands_says_what_to_change():
    with pytest.raises(ConfigError, match="lower contrast_bands or change contrast_fmin"):
        spectral_contrast(frame(1.0), [])
