"""A small residual network over the bands as a picture, with the curves beside it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from tembr.features.voice import PITCH
from tembr.voices.network import statistics

HEAD = 128  # channels after bands and curves are joined
CURVES = 32  # channels of pitch, voicing and energy
POOLED = 2  # contours' frames that are averaged to one


class PictureNetwork(nn.Module):
    """Bands through three residual blocks (He et al., 2016), whose filters also slide along frequency, so that what a
    longer throat shifts is still recognised; mean and maximum over bands; curves joined; mean and deviation over what
    is heard.

    Args:
        rows: of the contours.
        classes: outputs.
        channels: of the first block; the second has twice, the third four times as many.
        dropout: before the last layer.
        inner_dropout: of whole channels, in every block.
    """

    hears = "relative"

    def __init__(self, rows: int, classes: int, channels: int = 16, dropout: float = 0.3, inner_dropout: float = 0.1):
        super().__init__()
        c = channels
        self.first = nn.Sequential(nn.Conv2d(1, c, 5, 2, 2, bias=False), nn.BatchNorm2d(c), nn.ReLU())
        self.blocks = nn.Sequential(
            Block(c, c, 1, inner_dropout), Block(c, 2 * c, 2, inner_dropout), Block(2 * c, 4 * c, (2, 1), inner_dropout)
        )
        self.curves = nn.Sequential(*_along_time(-PITCH, CURVES, 5, 2), *_along_time(CURVES, CURVES, 3, 2))
        self.joined = nn.Sequential(*_along_time(8 * c + CURVES, HEAD, 3, 1), nn.Dropout1d(inner_dropout))
        self.pooled = nn.BatchNorm1d(2 * HEAD)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * HEAD, classes)

    def forward(self, values: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """Relative contours and what is heard, `(batch, rows, frames)` both or the latter with one row → logits."""
        values, counts = (F.avg_pool1d(each, POOLED, POOLED, ceil_mode=True) for each in (values, counts[:, -1:]))
        bands = values[:, None, :PITCH].contiguous(memory_format=torch.channels_last)
        states = self.blocks(self.first(bands))
        joined = torch.cat([states.mean(2), states.amax(2), self.curves(values[:, PITCH:])], dim=1)
        states = self.joined(joined).float()
        return self.output(self.dropout(self.pooled(statistics(states, counts[..., ::4]))))


class Block(nn.Module):
    """Two convolutions of 3 × 3 and what goes past them."""

    def __init__(self, inputs: int, outputs: int, step: int | tuple[int, int], dropout: float):
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, step, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.Dropout2d(dropout),
        )
        past = nn.Sequential(nn.Conv2d(inputs, outputs, 1, step, bias=False), nn.BatchNorm2d(outputs))
        self.past = nn.Identity() if (inputs, step) == (outputs, 1) else past

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """`(batch, inputs, bands, frames)` → `(batch, outputs, bands / step, frames / step)`."""
        return torch.relu(self.inner(states) + self.past(states))


def _along_time(inputs: int, outputs: int, width: int, step: int) -> list[nn.Module]:
    convolution = nn.Conv1d(inputs, outputs, width, step, width // 2, bias=False)
    return [convolution, nn.BatchNorm1d(outputs), nn.ReLU()]
