from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import get_window

from tembr.export.dft import PowerSpectrum, choose_columns


def hann(n_fft: int) -> torch.Tensor:
    return torch.from_numpy(get_window("hann", n_fft))


def by_fft(waveform: torch.Tensor, n_fft: int, hop: int) -> torch.Tensor:
    frames = waveform.double().unfold(-1, n_fft, hop) * hann(n_fft)
    return torch.fft.rfft(frames).abs().square().transpose(1, 2)


def test_a_tone_on_a_bin_has_the_power_of_half_the_window():
    n_fft, bin_ = 256, 19
    tone = torch.cos(2 * np.pi * bin_ * torch.arange(n_fft) / n_fft)[None]
    power = PowerSpectrum(hann(n_fft), 64)(tone)[0, :, 0]
    assert power.argmax() == bin_
    assert power[bin_] == pytest.approx((n_fft / 4) ** 2, rel=1e-5)  # half the window's sum of n_fft / 2
    assert power[bin_ + 1] == pytest.approx((n_fft / 8) ** 2, rel=1e-5)  # Hann's neighbour is half as high
    assert power[bin_ + 2] < 1e-6


def test_an_impulse_has_the_power_of_the_window_in_every_bin():
    impulse = torch.zeros(1, 128)
    impulse[0, 32] = 1
    assert torch.allclose(PowerSpectrum(hann(128), 128)(impulse), torch.tensor(hann(128)[32].item() ** 2))


@pytest.mark.parametrize(
    "n_fft, hop", [(2048, 512), (1024, 256), (512, 160), (400, 141), (501, 100), (127, 64), (64, 7)]
)
@pytest.mark.parametrize("precise", [False, True])
def test_it_is_the_fourier_transform_for_any_frame_and_hop(n_fft, hop, precise):
    waveform = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (2, 6_000)).astype(np.float32))
    expected = by_fft(waveform, n_fft, hop)
    found = PowerSpectrum(hann(n_fft), hop, precise=precise)(waveform)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= (3e-7 if precise else 3e-6) * expected.max()


@pytest.mark.parametrize("columns", [1, 2, 8, 32, 64, 256])
def test_any_division_gives_the_same(columns):
    waveform = torch.from_numpy(np.random.default_rng(1).normal(0, 0.1, (1, 4_096)).astype(np.float32))
    expected = by_fft(waveform, 512, 64)
    assert (PowerSpectrum(hann(512), 64, columns)(waveform) - expected).abs().max() <= 3e-6 * expected.max()


@pytest.mark.parametrize("n_fft, hop", [(2048, 512), (1024, 256), (512, 160), (512, 128), (256, 64)])
def test_usual_hops_slide_without_copying_frames(n_fft, hop):
    columns = choose_columns(n_fft, hop)
    assert columns > 1 and n_fft % columns == 0 and hop % columns == 0


def test_an_odd_hop_is_still_divided():
    assert choose_columns(400, 141) > 1
    assert choose_columns(127, 64) == 1  # a prime
