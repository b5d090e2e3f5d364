"""How states of an encoder's layers become one vector for each head: over time, and over layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from tembr.features.layers import frame_mask

FLOOR = 1e-6  # of a variance over time


class Pooling(nn.Module):
    """States of some layers → one vector a layer, or one of their learnt mixture.

    Untrained it is the mean over time, and the mean of the layers.

    Args:
        layers: how many.
        size: of a state.
        attention: frames count for what a linear layer says of each, normalised (self-attentive pooling, Safari et al.,
            2020), in place of all alike.
        mixture: layers are added up by learnt shares before (Yang et al., 2021, "SUPERB").
        statistics: the deviation over time stands beside the mean (Snyder et al., 2018, "X-vectors"; with `attention`
            Okabe et al., 2018, "Attentive statistics pooling").
    """

    def __init__(
        self, layers: int, size: int, attention: bool = False, mixture: bool = False, statistics: bool = False
    ):
        super().__init__()
        self.outputs, self.size, self.statistics = 1 if mixture else layers, size * (1 + statistics), statistics
        self.mixture = nn.Parameter(torch.zeros(layers)) if mixture else None
        self.attention = nn.Parameter(torch.zeros(self.outputs, size)) if attention else None

    def forward(self, states: Sequence[torch.Tensor], frames: torch.Tensor | None = None) -> list[torch.Tensor]:
        """`(batch, frames, size)` of each layer → `(batch, size)` of each output, twice as long with `statistics`.

        Args:
            frames: `(batch,)` int, how many belong to each recording; all by default.
        """
        if self.mixture is not None:
            shares = self.mixture.softmax(0)
            states = [torch.stack([share * one for share, one in zip(shares, states, strict=True)]).sum(0)]
        return [self._pooled(number, one, frames) for number, one in enumerate(states)]

    def _pooled(self, number: int, states: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
        counting = self._counting(number, states, frames)
        mean = (counting * states).sum(1)
        if not self.statistics:
            return mean
        variance = (counting * (states - mean[:, None]).square()).sum(1)
        return torch.cat([mean, variance.clamp(min=FLOOR).sqrt()], dim=-1)

    def _counting(self, number: int, states: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
        """What each frame counts, `(batch, frames, 1)`; 1 in all."""
        if self.attention is None:
            scores = states.new_zeros(states.shape[:2])
        else:
            scores = F.layer_norm(states, states.shape[-1:]) @ self.attention[number]
        if frames is not None:
            scores = scores.masked_fill(~frame_mask(frames, states.shape[1]), -torch.inf)
        return scores.softmax(1)[..., None]
