"""Representations of pitch classes. Tuning is a fixed 0: speech has no concert pitch to estimate."""

from __future__ import annotations

import numpy as np
import torch

from tembr.features.stft import apply_filters


def normalize_columns(values: torch.Tensor, norm: str) -> torch.Tensor:
    """Divide each frame by its largest magnitude ('max') or its sum of magnitudes ('l1').

    Frames that are zero stay zero, as in `librosa.util.normalize`. Shape `(batch, bins, frames)`.
    """
    magnitude = values.abs()
    length = magnitude.amax(-2, keepdim=True) if norm == "max" else magnitude.sum(-2, keepdim=True)
    tiny = torch.finfo(values.dtype).tiny
    return values / torch.where(length < tiny, torch.ones_like(length), length)


def chroma(power: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """Energy of the pitch classes, each frame divided by its maximum (`chroma_stft`, tuning 0).

    `(batch, 1 + n_fft // 2, frames)` and `(n_chroma, 1 + n_fft // 2)` → `(batch, n_chroma, frames)` in [0, 1].
    """
    return normalize_columns(apply_filters(filters, power), "max")


def tonnetz_basis(n_chroma: int) -> np.ndarray:
    """Circles of fifths, minor and major thirds, `(6, n_chroma)` (Harte, Sandler & Gasser, 2006)."""
    angles = np.outer([7 / 6, 7 / 6, 3 / 2, 3 / 2, 2 / 3, 2 / 3], np.arange(n_chroma) * 12 / n_chroma)
    angles[::2] -= 0.5  # sine as a cosine a quarter turn later
    radii = np.array([1, 1, 1, 1, 0.5, 0.5])
    return radii[:, None] * np.cos(np.pi * angles)


def tonnetz(chroma: torch.Tensor, basis: torch.Tensor) -> torch.Tensor:
    """Tonal centroid of each frame, from the STFT chroma: `(batch, n_chroma, frames)` → `(batch, 6, frames)`."""
    return apply_filters(basis, normalize_columns(chroma, "l1"))
