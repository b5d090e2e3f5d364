"""The recording itself, varied."""

from __future__ import annotations

import pytest
import torch

from tembr.augment.settings import WaveformSettings
from tembr.augment.waveform import augment_waveform, change_pitch, change_speed


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_pitch_goes_up_an_octave_at_the_same_tempo():
    seconds = torch.arange(16_000) / 16_000
    raised = change_pitch(torch.sin(2 * torch.pi * 200 * seconds)[None], 12, 16_000)
    assert raised.shape == (1, 16_000)
    assert torch.fft.rfft(raised[0, 4000:12000]).abs().argmax() * 2 == pytest.approx(400, abs=4)


def test_speed_shortens_and_raises():
    seconds = torch.arange(16_000) / 16_000
    faster = change_speed(torch.sin(2 * torch.pi * 200 * seconds)[None], 1.25)
    assert faster.shape == (1, 12_800)
    assert torch.fft.rfft(faster[0]).abs().argmax() * 16_000 / 12_800 == pytest.approx(250, abs=3)


def test_waveform_strengths_of_zero_change_nothing():
    waveform = torch.randn(3, 16_000, generator=generator())
    none = WaveformSettings(gain=0, noise_snr=0, speed=0, pitch=0, shift=0)
    assert torch.equal(augment_waveform(waveform, none, 16_000, generator()), waveform)


def test_waveforms_keep_their_shape_and_repeat_with_the_seed():
    waveform = torch.randn(3, 16_000, generator=generator())
    varied = augment_waveform(waveform, WaveformSettings(enabled=True), 16_000, generator())
    again = augment_waveform(waveform, WaveformSettings(enabled=True), 16_000, generator())
    assert varied.shape == waveform.shape and torch.equal(varied, again) and not torch.equal(varied, waveform)
