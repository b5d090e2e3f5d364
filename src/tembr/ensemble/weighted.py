"""Several members as one: a weighted sum of their posteriors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from tembr.errors import ConfigError

FLOOR = 1e-12
"""Posteriors below this count as it, so that their logarithm stays finite."""


class WeightedEnsemble(nn.Module):
    """Logits of each member divided by a temperature, softmax, weighted sum.

    Weights and temperature are buffers: a search sets them, training does not.

    Args:
        weights: name → non-negative number; divided by their sum.
        temperature: greater than 0; 1 leaves the members' own confidence.

    Raises:
        ConfigError: a negative weight, none above zero, or a temperature of 0 or less.
    """

    def __init__(self, weights: Mapping[str, float], temperature: float = 1.0):
        super().__init__()
        self.names = tuple(weights)
        given = [float(weight) for weight in weights.values()]
        if not given or min(given) < 0 or not 0 < sum(given) < float("inf"):
            raise ConfigError(f"weights {given}: none may be negative and one must be above 0")
        if not temperature > 0:
            raise ConfigError(f"temperature {temperature}: must be greater than 0")
        weight = torch.tensor(given, dtype=torch.float32)
        self.register_buffer("weights", weight / weight.sum())
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def forward(self, logits: Sequence[torch.Tensor]) -> torch.Tensor:
        """Logits `(batch, classes)` of each member, in the order of `names` → posteriors `(batch, classes)`."""
        posteriors = torch.stack([torch.softmax(one / self.temperature, dim=-1) for one in logits])
        return torch.einsum("m,mbc->bc", self.weights, posteriors)

    def l1_regularization(self) -> torch.Tensor:
        """L1 norm of the weights in units of the largest: 1 where one member has all, their number where all are equal.

        Of weights that sum to one the plain norm is always 1 and rewards nothing; this one a search may add to its
        objective to keep the ensemble sparse.
        """
        return (self.weights / self.weights.max()).abs().sum()
