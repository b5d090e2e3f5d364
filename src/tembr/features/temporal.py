"""Representations of change over time: zero crossings, energy, onsets, tempo, slopes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from tembr.errors import TembrError
from tembr.features.stft import frame, squared_magnitude
from tembr.features.tonal import normalize_columns

ONSET_LAG = 1  # frames, librosa's default


def zero_crossing_rate(waveform: torch.Tensor, frame_length: int, hop_length: int) -> torch.Tensor:
    """Share of sign changes in each frame, `(batch, samples)` → `(batch, 1, frames)` in [0, 1].

    Magnitudes up to 1e-10 count as positive zero, edges are padded with themselves, as in librosa.
    """
    negative, half = waveform < -1e-10, frame_length // 2
    so_far = F.pad(negative[:, 1:] != negative[:, :-1], (half + 1, half)).cumsum(-1, dtype=torch.int32)
    ends = so_far[:, frame_length - 1 :: hop_length]
    return ((ends - so_far[:, ::hop_length][:, : ends.shape[1]]) / frame_length).unsqueeze(1)


def rms(waveform: torch.Tensor, frame_length: int, hop_length: int) -> torch.Tensor:
    """Root mean square of each frame, `(batch, samples)` → `(batch, 1, frames)`, in units of the waveform.

    A frame is a whole number of blocks, and so is what is padded on either side: each sample is read once.
    """
    half, samples = frame_length // 2, waveform.shape[1]
    block = math.gcd(half, frame_length, hop_length)
    blocks = samples // block
    whole = torch.linalg.vector_norm(waveform[:, : blocks * block].unflatten(1, (blocks, block)), dim=-1)
    rest = torch.linalg.vector_norm(waveform[:, blocks * block :], dim=-1, keepdim=True)
    energy = F.pad(torch.cat([whole, rest], dim=1).square(), (half // block, half // block))
    means = F.avg_pool1d(energy.unsqueeze(1), frame_length // block, hop_length // block) / block
    return means.sqrt()[..., : 1 + (samples + 2 * half - frame_length) // hop_length]


def onset_strength(log_mel: torch.Tensor, n_fft: int, hop_length: int) -> torch.Tensor:
    """Mean rise of the mel decibels from frame to frame, `(batch, n_mels, frames)` → `(batch, frames)`.

    `librosa.onset.onset_strength` with its defaults, computed from this study's own mel spectrogram.
    """
    frames = log_mel.shape[-1]
    rise = (log_mel[..., ONSET_LAG:] - log_mel[..., :-ONSET_LAG]).clamp(min=0).mean(-2)
    return F.pad(rise, (ONSET_LAG + n_fft // (2 * hop_length), 0))[..., :frames]


def tempogram(onset: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    """Local autocorrelation of the onset strength, each frame divided by its maximum (Grosche et al., 2010).

    Args:
        onset: `(batch, frames)`.
        window: `(win_length,)`, frames.

    Returns:
        `(batch, win_length, frames)`, rows are lags in frames, in [-1, 1].
    """
    from scipy.fft import next_fast_len

    win_length, frames = window.shape[0], onset.shape[-1]
    size = next_fast_len(2 * win_length - 1, real=True)  # without wrap-around
    segments = onset.new_zeros(len(onset), frames, size)
    led_in_and_out = frame(ramp_padded(onset, win_length // 2), win_length, 1)[:, :frames]
    torch.mul(led_in_and_out, window, out=segments[..., :win_length])
    spectrum = squared_magnitude(torch.fft.rfft(segments))
    correlation = torch.fft.irfft(spectrum, n=size)[..., :win_length]
    return normalize_columns(correlation.transpose(-1, -2), "max")


def delta(values: torch.Tensor, width: int) -> torch.Tensor:
    """Slope per frame of a straight line fitted to `width` frames (Savitzky–Golay), `librosa.feature.delta`.

    Shape `(batch, bins, frames)`; the first and last frames take the slope of the outermost full window.

    Raises:
        TembrError: fewer than `width` frames.
    """
    frames, half = values.shape[-1], width // 2
    if frames < width:
        raise TembrError(f"a delta needs at least {width} frames, here are {frames}; give a longer recording")
    norm = 2 * sum(k * k for k in range(half + 1))
    inner, by_frame = frames - 2 * half, values.transpose(-1, -2)
    slope = values.new_zeros(())
    for k in range(1, half + 1):
        rise = by_frame[:, half + k :][:, :inner] - by_frame[:, half - k :][:, :inner]
        slope = torch.add(slope, rise, alpha=k / norm)
    first, last = slope[:, :1].expand(-1, half, -1), slope[:, -1:].expand(-1, half, -1)
    return torch.cat([first, slope, last], dim=1).transpose(-1, -2)


def ramp_padded(onset: torch.Tensor, amount: int) -> torch.Tensor:
    """Lead the onset strength in from 0 and out to it over `amount` frames on either side, `(batch, frames)`."""
    ramp = torch.arange(amount, dtype=onset.dtype, device=onset.device) / amount
    return torch.cat([onset[:, :1] * ramp, onset, onset[:, -1:] * ramp.flip(0)], dim=-1)
