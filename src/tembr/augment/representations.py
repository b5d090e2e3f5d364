"""A strategy of augmentation per representation.

Strategies take values as they come from the cache, before they become pictures, so that a curve is still a
curve. Every draw comes from the generator handed in.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from tembr.augment.settings import AugmentSettings
from tembr.features.registry import Representation

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


def equalize(values: torch.Tensor, deviation: float, generator: torch.Generator, points: int = 6) -> torch.Tensor:
    """Add a smooth curve over the rows to each recording: another microphone.

    Args:
        values: logarithmic, `(batch, bins, frames)`.
        deviation: of the curve at each of `points`, between which it is linear.
    """
    curve = deviation * torch.randn((len(values), 1, points), generator=generator, device=values.device)
    return values + F.interpolate(curve, size=values.shape[-2], mode="linear", align_corners=True).transpose(1, 2)


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
