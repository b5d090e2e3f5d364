"""Where the speech is in contours, what level each row has there, and the contours relative to a level."""

from __future__ import annotations

import torch

from tembr.features.voice import ENERGY, PITCH, VOICING

PAUSE = 35.0  # dB below the loudest frame: what lies before the first louder frame and after the last is no speech
SOUNDING = 33.0  # dB below the loudest frame at most
VOICED = 0.55  # height of the autocorrelation's peak
DECIBELS, SEMITONES, PERIODICITY = 10.0, 3.0, 0.3
"""One unit of a band or the energy, of the pitch, of the voicing, as a network sees them: about a deviation each."""


def heard(contours: torch.Tensor) -> torch.Tensor:
    """Which values count: `(batch, rows, frames)`, 0 or 1.

    Of every row the frames from the first that is at most 35 dB fainter than the loudest to the last such one, so
    that padding and silence around the speech weigh nothing; of the pitch only voiced frames.
    """
    energy, voicing = contours[:, ENERGY:], contours[:, VOICING : VOICING + 1]
    loudest = energy.amax(-1, keepdim=True)
    active = (energy > loudest - PAUSE).to(contours.dtype)
    before = active.cumsum(-1)
    inside = ((before > 0) & (before[..., -1:] - before + active > 0)).to(contours.dtype)
    voiced = inside * (voicing > VOICED) * (energy > loudest - SOUNDING)
    bands = contours.shape[1] + PITCH
    return torch.cat([inside.expand(-1, bands, -1), voiced, inside, inside], dim=1)


def own_level(contours: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Mean of every row over what is heard of it, or 0: `(batch, rows, frames)` twice → `(batch, rows)`."""
    return (contours * weights).sum(-1) / weights.sum(-1).clamp(min=1)


def relative(contours: torch.Tensor, weights: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Contours above `level`, in units of `scale`; 0 where nothing is heard. Voicing has no level: it is 0.6 for all.

    `(batch, rows, frames)` twice and `(batch, rows)` → `(batch, rows, frames)`.
    """
    rows = contours.shape[1]
    fixed = torch.zeros(rows, dtype=torch.bool, device=contours.device)
    fixed[VOICING] = True
    level = torch.where(fixed, torch.full_like(level, 0.6), level)
    return (contours - level[..., None]) / scale(rows).to(contours)[:, None] * weights


def scale(rows: int) -> torch.Tensor:
    """The unit of each row, `(rows,)`."""
    units = torch.full((rows,), DECIBELS)
    units[PITCH], units[VOICING] = SEMITONES, PERIODICITY
    return units
