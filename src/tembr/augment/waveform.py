"""Augmentation of the recording itself: speed, pitch, shift, gain, noise.

Every draw comes from the generator handed in.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F

from tembr.augment.representations import shift_time
from tembr.augment.settings import WaveformSettings


def augment_waveform(
    waveform: torch.Tensor, settings: WaveformSettings, sample_rate: int, generator: torch.Generator
) -> torch.Tensor:
    """Vary a batch of recordings, `(batch, samples)` → the same shape: speed, pitch, shift, gain, noise.

    Speed and pitch are drawn once a batch, the rest for each recording.
    """
    samples = waveform.shape[-1]
    speed = 1 + settings.speed * float(torch.rand((), generator=generator, device=waveform.device) * 2 - 1)
    pitch = settings.pitch * float(torch.rand((), generator=generator, device=waveform.device) * 2 - 1)
    waveform = change_speed(change_pitch(waveform, pitch, sample_rate), speed)
    waveform = F.pad(waveform, (0, max(0, samples - waveform.shape[-1])))[..., :samples]
    waveform = shift_time(waveform.unsqueeze(1), settings.shift, generator).squeeze(1)
    draw = partial(torch.rand, (len(waveform), 1), generator=generator, device=waveform.device)
    gain = 10 ** (settings.gain * (draw() * 2 - 1) / 20)
    snr = settings.noise_snr + 30 * draw()
    if settings.noise_snr:
        power = waveform.square().mean(-1, keepdim=True)
        noise = torch.randn(waveform.shape, generator=generator, device=waveform.device)
        waveform = waveform + noise * (power / 10 ** (snr / 10)).sqrt()
    return gain * waveform


def change_speed(waveform: torch.Tensor, factor: float) -> torch.Tensor:
    """Play `factor` times as fast, pitch and tempo together: `(batch, samples)` → `(batch, samples / factor)`."""
    length = max(1, round(waveform.shape[-1] / factor))
    if length == waveform.shape[-1]:
        return waveform
    return F.interpolate(waveform.unsqueeze(1), size=length, mode="linear", align_corners=True).squeeze(1)


def change_pitch(waveform: torch.Tensor, semitones: float, sample_rate: int) -> torch.Tensor:
    """Raise the pitch by `semitones` at unchanged tempo: `(batch, samples)`, the same shape (librosa's pitch shift)."""
    import librosa

    if not semitones:
        return waveform
    shifted = librosa.effects.pitch_shift(waveform.cpu().numpy(), sr=sample_rate, n_steps=semitones, res_type="soxr_qq")
    return torch.from_numpy(shifted).to(waveform)
