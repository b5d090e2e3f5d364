"""How states of an encoder's layers become one vector for each head: over time, and over layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from tembr.features.layers import frame_mask


class Pooling(nn.Module):
    """States of some layers → one vector a layer, or one of their learnt mixture.

    Untrained it is the mean over time, and the mean of the layers.

    Args:
        layers: how many.
        size: of a state.
        attention: frames count for what a linear layer says of each, normalised (self-attentive pooling, Safari et al.,
            2020), in place of all alike.
        mixture: layers are added up by learnt shares before (Yang et al., 2021, "SUPERB").
    """

    def __init__(self, layers: int, size: int, attention: bool = False, mixture: bool = False):
        super().__init__()
        self.outputs = 1 if mixture else layers
        self.mixture = nn.Parameter(torch.zeros(layers)) if mixture else None
        self.attention = nn.Parameter(torch.zeros(self.outputs, size)) if attention else None

    def forward(self, states: Sequence[torch.Tensor], frames: torch.Tensor | None = None) -> list[torch.Tensor]:
        """`(batch, frames, size)` of each layer → `(batch, size)` of each output.

        Args:
            frames: `(batch,)` int, how many belong to each recording; all by default.
        """
        if self.mixture is not None:
            shares = self.mixture.softmax(0)
            states = [torch.stack([share * one for share, one in zip(shares, states, strict=True)]).sum(0)]
        if self.attention is None:
            return [one.mean(1) if frames is None else mean_over_time(one, frames) for one in states]
        return [_attended(one, weights, frames) for one, weights in zip(states, self.attention, strict=True)]


def _attended(states: torch.Tensor, weights: torch.Tensor, frames: torch.Tensor | None) -> torch.Tensor:
    scores = F.layer_norm(states, states.shape[-1:]) @ weights
    if frames is not None:
        scores = scores.masked_fill(~frame_mask(frames, states.shape[1]), -torch.inf)
    return (scores.softmax(1)[..., None] * states).sum(1)


def mean_over_time(states: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """Mean of the first `frames`, `(batch,)` int, of states `(batch, frames, size)`: `(batch, size)`."""
    mask = frame_mask(frames, states.shape[1])[..., None].to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1)
