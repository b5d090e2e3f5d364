"""Augmentation of training data: a strategy per representation, and one for the waveform.

Strategies take values as they come from the cache, before they become pictures, so that a curve is still a
curve. Every draw comes from the generator handed in.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field

from tembr.features.registry import Representation


class WaveformSettings(BaseModel):
    """Changes of the recording itself; the representation is then computed anew for every batch.

    Attributes:
        enabled: off by default: cached representations are several times faster.
        gain: dB, at most this much louder or softer.
        noise_snr: dB, lowest signal-to-noise ratio of added white noise, drawn up to 30 dB above it; 0 adds none.
        speed: at most this share faster or slower (pitch and tempo together).
        pitch: semitones, at most this much higher or lower at unchanged tempo.
        shift: share of the window by which the recording is moved at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = False
    gain: float = Field(6.0, ge=0, le=40)
    noise_snr: float = Field(15.0, ge=0, le=80)
    speed: float = Field(0.1, ge=0, lt=0.5)
    pitch: float = Field(2.0, ge=0, le=12)
    shift: float = Field(0.1, ge=0, le=0.5)


class AugmentSettings(BaseModel):
    """How strongly training data are varied; 0 turns a part off.

    Attributes:
        enabled: False trains on the data as they are.
        noise: deviation of added noise as a share of each row's own, fitted on training data.
        time_mask, row_mask: largest share of frames or rows hidden by one mask (SpecAugment).
        masks: masks of each kind.
        harmonic_mask: pitch classes or tonal dimensions hidden at most.
        shift: share of the frames by which a recording is moved at most.
        warp: share by which the frequency axis of spectra, and time everywhere, is stretched or squeezed at most:
            another throat, another tempo (vocal tract length perturbation).
        waveform: variation of the recording itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    noise: float = Field(0.1, ge=0, le=2)
    time_mask: float = Field(0.15, ge=0, le=0.9)
    row_mask: float = Field(0.15, ge=0, le=0.9)
    masks: int = Field(2, ge=0, le=10)
    harmonic_mask: int = Field(2, ge=0, le=6)
    shift: float = Field(0.1, ge=0, le=0.5)
    warp: float = Field(0.0, ge=0, lt=0.5)
    waveform: WaveformSettings = WaveformSettings()


Scale = torch.Tensor | float
Strategy = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
"""`(batch, bins, frames)` and a generator → the same shape."""


def add_noise(values: torch.Tensor, deviation: torch.Tensor | float, generator: torch.Generator) -> torch.Tensor:
    """Gaussian noise, its level drawn for each recording between 0 and `deviation`, one for all or `(bins, 1)`."""
    level = _uniform(values, (len(values), 1, 1), generator) * torch.as_tensor(deviation, device=values.device)
    noise = torch.randn(values.shape, generator=generator, device=values.device, dtype=values.dtype)
    return values + level * noise


def mask(values: torch.Tensor, largest: int, axis: int, generator: torch.Generator) -> torch.Tensor:
    """Hide one stretch of at most `largest` frames (`axis` −1) or rows (−2) under each row's mean over time."""
    length = values.shape[axis]
    width = (_uniform(values, (len(values), 1), generator) * (min(largest, length - 1) + 1)).floor()
    first = (_uniform(values, (len(values), 1), generator) * (length - width + 1)).floor()
    position = torch.arange(length, device=values.device)
    hidden = (position >= first) & (position < first + width)
    hidden = hidden.unsqueeze(1) if axis == -1 else hidden.unsqueeze(2)
    return torch.where(hidden, values.mean(-1, keepdim=True), values)


def mask_rows(values: torch.Tensor, largest: int, generator: torch.Generator) -> torch.Tensor:
    """Silence up to `largest` rows, anywhere, for the whole recording: harmonic masking."""
    rows = values.shape[-2]
    count = (_uniform(values, (len(values), 1), generator) * (min(largest, rows - 1) + 1)).floor()
    rank = _uniform(values, (len(values), rows), generator).argsort(-1).argsort(-1)
    return values * (rank >= count).unsqueeze(-1)


def shift_time(values: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Move each recording along time by up to `share` of its frames, around the end."""
    frames = values.shape[-1]
    offset = ((_uniform(values, (len(values), 1), generator) * 2 - 1) * share * frames).round().long()
    index = (torch.arange(frames, device=values.device) - offset) % frames
    return values.gather(-1, index.unsqueeze(1).expand_as(values))


def warp(values: torch.Tensor, rows: float, time: float, generator: torch.Generator) -> torch.Tensor:
    """Stretch each recording by up to the shares `rows` (from the lowest row up) and `time` (around the middle)."""
    draw = (
        1 + (_uniform(values, (2, len(values), 1), generator) * 2 - 1) * values.new_tensor([rows, time])[:, None, None]
    )
    height, width = values.shape[-2:]
    down = (torch.linspace(0, 2, height, device=values.device) * draw[0] - 1).clamp(max=1)
    along = (torch.linspace(-1, 1, width, device=values.device) * draw[1]).clamp(-1, 1)
    shape = (len(values), height, width)
    grid = torch.stack([along[:, None, :].expand(shape), down[:, :, None].expand(shape)], dim=-1)
    return F.grid_sample(values[:, None], grid, padding_mode="border", align_corners=True)[:, 0]


def _spectrum(s: AugmentSettings, scale: Scale) -> Strategy:
    def strategy(values, generator):
        if s.warp:
            values = warp(values, s.warp, s.warp, generator)
        values = _noise_and_shift(values, s, scale, generator)
        return _masks(values, s, generator, rows=s.row_mask)

    return strategy


def _cepstrum(s: AugmentSettings, scale: Scale) -> Strategy:
    """As for a spectrum, with narrower row masks: a coefficient stands for the whole spectrum."""

    def strategy(values, generator):
        if s.warp:
            values = warp(values, 0.0, s.warp, generator)
        values = _noise_and_shift(values, s, scale, generator)
        return _masks(values, s, generator, rows=s.row_mask / 2)

    return strategy


def _harmonic(s: AugmentSettings, scale: Scale) -> Strategy:
    def strategy(values, generator):
        if s.warp:
            values = warp(values, 0.0, s.warp, generator)
        values = _noise_and_shift(values, s, scale, generator)
        return _masks(mask_rows(values, s.harmonic_mask, generator), s, generator, rows=0.0)

    return strategy


def _rhythm(s: AugmentSettings, scale: Scale) -> Strategy:
    """No time shift by much: a tempogram's frames are nearly the same; lags and times are hidden."""

    def strategy(values, generator):
        return _masks(add_noise(values, s.noise * scale, generator), s, generator, rows=s.row_mask)

    return strategy


def _curve(s: AugmentSettings, scale: Scale) -> Strategy:
    def strategy(values, generator):
        return _noise_and_shift(values, s, scale, generator).clamp(min=0)

    return strategy


STRATEGIES: dict[str, Callable[[AugmentSettings, Scale], Strategy]] = {
    "spectrum": _spectrum,
    "cepstrum": _cepstrum,
    "harmonic": _harmonic,
    "rhythm": _rhythm,
    "curve": _curve,
}


def make_augmentation(representation: Representation, settings: AugmentSettings, scale: Scale) -> Strategy:
    """The strategy of a registry entry.

    Args:
        settings: strengths.
        scale: deviation of the representation's values over the training data, the unit of `noise`; of each row,
            `(bins, 1)`, or of all.
    """
    if not settings.enabled:
        return lambda values, generator: values
    return STRATEGIES[representation.augmentation](settings, scale)


def _noise_and_shift(values, settings: AugmentSettings, scale: Scale, generator) -> torch.Tensor:
    values = add_noise(values, settings.noise * scale, generator)
    return shift_time(values, settings.shift, generator)


def _masks(values, settings: AugmentSettings, generator, rows: float) -> torch.Tensor:
    for _ in range(settings.masks):
        values = mask(values, round(settings.time_mask * values.shape[-1]), -1, generator)
        if rows:
            values = mask(values, round(rows * values.shape[-2]), -2, generator)
    return values


def _uniform(like: torch.Tensor, shape, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(shape, generator=generator, device=like.device)


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
    gain = 10 ** (settings.gain * (_uniform(waveform, (len(waveform), 1), generator) * 2 - 1) / 20)
    snr = settings.noise_snr + 30 * _uniform(waveform, (len(waveform), 1), generator)
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
