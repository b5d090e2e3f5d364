"""How a voice moves: pitch, voicing, loudness and the bands of its spectrum, frame by frame, as rows of one picture."""

from __future__ import annotations

import numpy as np
import torch

from tembr.errors import ConfigError
from tembr.features.stft import apply_filters

PITCH, VOICING, ENERGY = -3, -2, -1
"""Rows of `contours` after its bands, from the end."""

LOWEST, HIGHEST = 65.0, 500.0  # Hz of a fundamental
BAND = (60.0, 1_500.0)  # Hz: harmonics the pitch is heard in
REFERENCE = 100.0  # Hz: 0 semitones
OCTAVE_COST = 0.04  # of a period twice as long, so that a fundamental is not taken for the octave below
QUIET = 1e-7  # power below which a band is silent


def autocorrelation_basis(window: np.ndarray, sample_rate: int) -> np.ndarray:
    """From the power in the bins of `BAND` to the autocorrelation at the lags of `LOWEST`–`HIGHEST`: `(lags, bins)`.

    The inverse Fourier transform of power (Wiener & Khinchin), divided by the window's own autocorrelation (Boersma,
    1993), so that a perfectly periodic frame reaches its power at its period.

    Args:
        window: `(n_fft,)`, of the analysis.
        sample_rate: Hz.

    Raises:
        ConfigError: the window holds fewer than two of the longest periods.
    """
    n_fft = len(window)
    if n_fft < 2 * sample_rate / LOWEST:
        raise ConfigError(f"contours: n_fft {n_fft} holds fewer than two periods of {LOWEST:g} Hz; take 1024 at 16 kHz")
    first, last = bins_of_band(n_fft, sample_rate)
    lags = lags_of(sample_rate)
    turns = np.outer(lags, np.arange(first, last)) / n_fft
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * n_fft)) ** 2)[:n_fft]
    return (np.cos(2 * np.pi * turns) / np.maximum(own[lags] / own[0], 0.1)[:, None]).astype(np.float32)


def bins_of_band(n_fft: int, sample_rate: int) -> tuple[int, int]:
    """First bin of `BAND` and one past the last."""
    return int(np.ceil(BAND[0] * n_fft / sample_rate)), int(BAND[1] * n_fft / sample_rate) + 1


def lags_of(sample_rate: int) -> np.ndarray:
    """Periods looked at, in samples, shortest first."""
    return np.arange(int(sample_rate / HIGHEST), int(sample_rate / LOWEST))


def pitch(power: torch.Tensor, basis: torch.Tensor, sample_rate: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Fundamental and voicing of every frame, by the highest peak of the autocorrelation.

    Args:
        power: `(batch, 1 + n_fft // 2, frames)`.
        basis: from `autocorrelation_basis`, `(lags, bins)`.
        sample_rate: Hz.

    Returns:
        `(batch, 1, frames)` each: semitones above 100 Hz, a guess where nothing is periodic, and the height of the
        peak, 0 for noise to about 1 for a steady voice.
    """
    n_fft = 2 * (power.shape[1] - 1)
    first, last = bins_of_band(n_fft, sample_rate)
    band = power[:, first:last]
    correlation = apply_filters(basis, band) / band.sum(1, keepdim=True).clamp(min=1e-9)
    lags = torch.from_numpy(lags_of(sample_rate)).to(power.device, torch.float32)
    cost = OCTAVE_COST * torch.log2(lags / lags[0])
    at = (correlation - cost[:, None]).argmax(1, keepdim=True)
    semitones = 12 * torch.log2(sample_rate / REFERENCE / lags)
    return semitones[at], correlation.gather(1, at)


def contours(power: torch.Tensor, mel_power: torch.Tensor, basis: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """`(batch, n_mels + 3, frames)`: mel bands in dB, then pitch (semitones above 100 Hz), voicing and energy (dB)."""
    semitones, voicing = pitch(power, basis, sample_rate)
    bands = 10 * torch.log10(mel_power + QUIET)
    energy = 10 * torch.log10(mel_power.sum(1, keepdim=True) + 10 * QUIET)
    return torch.cat([bands, semitones, voicing, energy], dim=1)
