"""Normalising each recording by itself."""

from __future__ import annotations

from typing import Literal

import torch

Normalization = Literal["none", "cmn", "cmvn", "minmax"]


def normalize_recording(values: torch.Tensor, how: Normalization) -> torch.Tensor:
    """Normalise each recording by itself, `(batch, bins, frames)`.

    'cmn': every bin to zero mean over time; 'cmvn': to unit deviation too; 'minmax': the whole to 0–1; 'none': as it
    is. A constant stays at 0.
    """
    if how == "cmn":
        return values - values.mean(-1, keepdim=True)
    if how == "cmvn":
        centred = values - values.mean(-1, keepdim=True)
        return centred / values.std(-1, keepdim=True, correction=0).clamp(min=1e-5)
    if how == "minmax":
        low = values.amin((-2, -1), keepdim=True)
        return (values - low) / (values.amax((-2, -1), keepdim=True) - low).clamp(min=1e-8)
    return values
