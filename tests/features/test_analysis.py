"""Constants of settings, and what representations of one batch share."""

from __future__ import annotations

import math

import pytest
import torch

from tembr.features.analysis import Analysis, constants
from tembr.features.settings import FeatureSettings

SMALL = FeatureSettings(
    sample_rate=8_000, window=0.5, n_fft=256, hop_length=64, n_mels=16, n_mfcc=10, n_chroma=24, contrast_bands=3,
    tempogram_win=32,
)  # fmt: skip


def test_constants_have_the_shapes_of_the_settings():
    found = constants(SMALL)
    shapes = {name: tuple(value.shape) for name, value in vars(found).items() if isinstance(value, torch.Tensor)}
    assert [filters.shape[0] for _, _, filters in found.mel_groups] == [2] * 8
    assert shapes == {
        "window": (256,), "mel": (16, 129), "dct": (10, 16), "chroma": (24, 129), "tonnetz": (6, 24),
        "tempogram": (32,),
    }  # fmt: skip
    assert len(found.contrast) == 3 + 1


def test_windows_are_periodic_in_double_precision_and_matrices_in_single():
    found = constants(SMALL)
    assert (found.window.sum().item(), found.tempogram.sum().item()) == pytest.approx((128, 16), rel=1e-12)
    assert {found.window.dtype, found.tempogram.dtype} == {torch.float64}
    assert {found.mel.dtype, found.dct.dtype, found.chroma.dtype, found.tonnetz.dtype} == {torch.float32}


def test_the_cosine_transform_is_orthonormal():
    dct = constants(SMALL).dct
    torch.testing.assert_close(dct @ dct.T, torch.eye(10), atol=1e-6, rtol=0)
    torch.testing.assert_close(dct[0], torch.full((16,), math.sqrt(1 / 16)))


def test_constants_of_equal_settings_are_built_once():
    assert constants(SMALL.model_copy()) is constants(SMALL)


def test_all_constants_move_to_another_device_together():
    moved = constants(SMALL).to(torch.device("meta"))
    assert {value.device.type for value in vars(moved).values() if isinstance(value, torch.Tensor)} == {"meta"}
    assert {filters.device.type for _, _, filters in moved.mel_groups} == {"meta"}
    assert moved.contrast == constants(SMALL).contrast


def test_what_is_shared_is_computed_once(monkeypatch):
    import tembr.features.analysis as module

    calls, real = [], module.power_spectrogram
    monkeypatch.setattr(module, "power_spectrogram", lambda *given: calls.append(given) or real(*given))
    analysis = Analysis(torch.randn(1, 4_000), SMALL)
    assert [analysis.mfcc.shape[1], analysis.chroma.shape[1], analysis.tempogram.shape[1]] == [10, 24, 32]
    assert analysis.precise_power.shape == analysis.power.shape
    assert [window.dtype for _, window, _ in calls] == [torch.float32, torch.float64]


def test_the_mel_spectrogram_is_floored_80_decibels_below_its_loudest_point():
    waveform = torch.zeros(1, 4_000)
    waveform[0, 2_000] = 1.0
    log_mel = Analysis(waveform, SMALL).log_mel
    assert (log_mel.max() - log_mel.min()).item() == pytest.approx(80, abs=1e-4)
