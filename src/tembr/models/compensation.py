"""Channel compensation: what an encoder would say of a recording, had it not come through a telephone or the like.

A linear map from the states of a copy to those of what it is a copy of, of low rank; feature mapping of speaker
recognition (Reynolds, 2003, "Channel robust speaker verification via feature mapping") by reduced-rank regression
(Izenman, 1975).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tembr.models.discriminants import FLOOR, FURTHEST

RANK = 64
RIDGE = 0.004
"""Of a state's variance, added to it so that few recordings determine the map too."""


class Compensation(nn.Module):
    """Pooled states through a channel → as they would be without it, `(batch, size)` twice.

    Args:
        size: of the states; the map is of rank 64 at most.
    """

    def __init__(self, size: int):
        super().__init__()
        rank = min(RANK, size)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.narrow = nn.Linear(size, rank, bias=False).requires_grad_(False)
        self.widen = nn.Linear(rank, size).requires_grad_(False)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        standardised = ((pooled - self.mean) / self.deviation).clamp(-FURTHEST, FURTHEST)
        return self.widen(self.narrow(standardised[:, None]))[:, 0]  # products in a graph, as the encoder's are

    def fit(self, through: np.ndarray, without: np.ndarray) -> None:
        """Learn from pooled states of recordings through the channel and without, `(n, size)` each."""
        through, without = through.astype(np.float64), without.astype(np.float64)
        mean, deviation, wanted = through.mean(0), through.std(0) + FLOOR, without.mean(0)
        standardised = np.clip((through - mean) / deviation, -FURTHEST, FURTHEST)
        moments = standardised.T @ standardised
        found = np.linalg.solve(moments + RIDGE * len(through) * np.eye(len(mean)), standardised.T @ (without - wanted))
        _, axes = np.linalg.eigh(found.T @ moments @ found)
        kept = axes[:, -self.narrow.out_features :]
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(deviation))
        self.narrow.weight.copy_(torch.from_numpy((found @ kept).T))
        self.widen.weight.copy_(torch.from_numpy(kept))
        self.widen.bias.copy_(torch.from_numpy(wanted))
