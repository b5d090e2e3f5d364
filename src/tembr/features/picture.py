"""From a representation's values to the picture a network sees."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import nn

from tembr.features.normalization import normalize_recording
from tembr.features.registry import Representation


class PictureSettings(BaseModel):
    """How values become pictures.

    Attributes:
        per_recording: 'auto' takes the representation's own way ('cmvn' for the MFCC family, 'minmax' for
            chroma and the like, 'none' for decibels), or one of `normalization.Normalization` for all.
        training_statistics: standardise each row by its mean and deviation over the training recordings.
        curve_bands: rows a one-row curve (ZCR, RMS) is repeated over.
        max_bins: rows above which a tall picture (spectrogram, tempogram) is averaged down; 0 for never.
            A network's time grows with the rows: 1,025 cost eight times 128.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_recording: Literal["auto", "none", "cmn", "cmvn", "minmax"] = "auto"
    training_statistics: bool = True
    curve_bands: int = Field(32, ge=1, le=256)
    max_bins: int = Field(128, ge=0, le=4_096)


def curve_picture(curve: torch.Tensor, bands: int, weights: str) -> torch.Tensor:
    """Repeat a one-row curve over `bands` rows with falling weights: `(batch, 1, frames)` → `(batch, bands, frames)`.

    `weights`: 'linear' is 1 − i/n, 'exponential' is exp(−3 i/n), for row i of n.
    """
    position = torch.arange(bands, dtype=curve.dtype, device=curve.device) / bands
    fall = 1 - position if weights == "linear" else torch.exp(-3 * position)
    return curve * fall[:, None]


class Picture(nn.Module):
    """Values of one representation → standardised one-channel pictures.

    The training statistics are buffers, so they travel with the weights and into an exported graph.

    Args:
        representation: registry entry.
        settings: the study's.
        bins: rows of the values.
    """

    def __init__(self, representation: Representation, settings: PictureSettings, bins: int):
        super().__init__()
        auto = settings.per_recording == "auto"
        self.normalization = representation.normalization if auto else settings.per_recording
        self.curve = representation.picture
        self.bands = settings.curve_bands
        self.standardise = settings.training_statistics
        rows = self.bands if self.curve else bins
        self.rows = min(rows, settings.max_bins) if settings.max_bins else rows
        self.register_buffer("mean", torch.zeros(self.rows, 1))
        self.register_buffer("deviation", torch.ones(self.rows, 1))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """`(batch, bins, frames)` → `(batch, 1, rows, frames)`."""
        rows = self._rows(values)
        if self.standardise:
            rows = (rows - self.mean) / self.deviation
        return rows.unsqueeze(1)

    def fit(self, batches: Iterable[torch.Tensor]) -> None:
        """Take mean and deviation of every row from `batches` of training values, `(batch, bins, frames)` each."""
        count, total, squares = 0, torch.zeros(self.rows).double(), torch.zeros(self.rows).double()
        for values in batches:
            rows = self._rows(values).double()
            count += rows.shape[0] * rows.shape[2]
            total += rows.sum((0, 2))
            squares += rows.square().sum((0, 2))
        mean = total / count
        deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
        self.mean.copy_(mean[:, None])
        self.deviation.copy_(torch.where(deviation < 1e-4, 1.0, deviation)[:, None])

    def averaged(self, values: torch.Tensor) -> torch.Tensor:
        """Tall values averaged down, where that may come first: `(batch, bins, frames)` → `(batch, rows, frames)`.

        The picture of what is given back is that of `values`. Augmentation has an eighth of a spectrogram to do then.
        """
        return self._fewer(values) if self.normalization in ("none", "cmn") and not self.curve else values

    def _rows(self, values: torch.Tensor) -> torch.Tensor:
        values = normalize_recording(values, self.normalization)
        return curve_picture(values, self.bands, self.curve) if self.curve else self._fewer(values)

    def _fewer(self, values: torch.Tensor) -> torch.Tensor:
        if values.shape[1] <= self.rows:
            return values
        return F.adaptive_avg_pool2d(values.unsqueeze(1), (self.rows, values.shape[2])).squeeze(1)
