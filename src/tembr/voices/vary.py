"""Variation of relative contours for training: another throat, another tempo, another part, holes, another style."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from tembr.features.voice import PITCH
from tembr.train.mixstyle import STRENGTH
from tembr.voices.settings import VoiceSettings


def vary(
    values: torch.Tensor, weights: torch.Tensor, settings: VoiceSettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """`(batch, rows, frames)` and which frames are heard `(batch, 1, frames)` → the same, `settings.crop` frames long.

    Every draw comes from `generator` (MixStyle's mixture from torch's own, which the trainer seeds).
    """
    batch, rows, frames = values.shape
    width, bands = settings.crop, rows + PITCH
    draw = lambda *shape: torch.rand(*shape, generator=generator)  # noqa: E731
    throat = 1 + (2 * draw(batch) - 1) * settings.warp
    tempo = 1 + (2 * draw(batch) - 1) * settings.stretch
    first, count = _extent(weights)
    start = first + draw(batch) * (count - width * tempo).clamp(min=0)
    position = start[:, None] + torch.arange(width) * tempo[:, None]
    nearest = position.round().long().clamp(max=frames - 1)[:, None]
    inside = weights.gather(2, nearest) * (position <= frames - 1)[:, None]
    down = (torch.linspace(0, 2, bands) * throat[:, None] - 1).clamp(max=1)
    along = position / (frames - 1) * 2 - 1
    shape = (batch, bands, width)
    grid = torch.stack([along[:, None].expand(shape), down[:, :, None].expand(shape)], dim=-1)
    spectrum = F.grid_sample(values[:, None, :bands], grid, padding_mode="border", align_corners=True)[:, 0]
    curves = values[:, bands:].gather(2, nearest.expand(-1, rows - bands, -1))
    varied = torch.cat([spectrum, curves], dim=1) * inside
    for _ in range(settings.masks):
        varied = _hide(varied, settings.time_mask, -1, draw)
        varied = _hide(varied, settings.band_mask, -2, draw)
    if settings.mixstyle:
        varied = _mix_styles(varied, settings.mixstyle, generator) * inside
    return varied, inside


def _extent(weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """First frame heard and number of frames, `(batch,)` each."""
    return weights[:, 0].argmax(-1).float(), weights[:, 0].sum(-1)


def _hide(values: torch.Tensor, largest: int, axis: int, draw) -> torch.Tensor:
    """Zero, which is the level, over one stretch of at most `largest` frames (−1) or rows (−2)."""
    length = values.shape[axis]
    width = draw(len(values), 1) * largest
    first = draw(len(values), 1) * (length - width)
    position = torch.arange(length)
    hidden = (position >= first) & (position < first + width)
    return values.masked_fill(hidden.unsqueeze(1 if axis == -1 else 2), 0)


def _mix_styles(values: torch.Tensor, probability: float, generator: torch.Generator) -> torch.Tensor:
    """Mean and deviation of each row partly those of another recording of the batch (MixStyle, Zhou et al., 2021)."""
    other = torch.randperm(len(values), generator=generator)
    share = torch.distributions.Beta(STRENGTH, STRENGTH).sample((len(values), 1, 1))
    share = torch.where(torch.rand(len(values), 1, 1, generator=generator) < probability, share, 1.0)
    mean, deviation = values.mean(-1, keepdim=True), values.std(-1, keepdim=True) + 0.05
    plain = (values - mean) / deviation
    return plain * (share * deviation + (1 - share) * deviation[other]) + share * mean + (1 - share) * mean[other]
