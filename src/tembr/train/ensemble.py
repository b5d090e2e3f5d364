"""Several members as one: a weighted sum of their posteriors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from tembr.errors import ConfigError


class WeightedEnsemble(nn.Module):
    """Logits of each member divided by a temperature, softmax, weighted sum.

    Weights and temperature are parameters without gradient: a search sets them, training does not.

    Args:
        members: name → network from that member's values to logits `(batch, classes)`; may be empty where only
            `combine` is wanted.
        weights: name → non-negative number; divided by their sum. Equal by default.
        temperature: greater than 0; 1 leaves the members' own confidence.

    Raises:
        ConfigError: a negative weight, none above zero, names that are not the members', or a temperature of 0 or less.
    """

    def __init__(
        self,
        members: Mapping[str, nn.Module],
        weights: Mapping[str, float] | None = None,
        temperature: float = 1.0,
    ):
        super().__init__()
        self.names = tuple(weights or members)
        self.members = nn.ModuleDict(members)
        given = [float((weights or dict.fromkeys(self.names, 1.0))[name]) for name in self.names]
        if members and set(members) != set(self.names):
            raise ConfigError(f"weights for {', '.join(self.names)}, but the members are {', '.join(members)}")
        if not self.names or min(given) < 0 or not 0 < sum(given) < float("inf"):
            raise ConfigError(f"weights {given}: none may be negative and one must be above 0")
        if not temperature > 0:
            raise ConfigError(f"temperature {temperature}: must be greater than 0")
        weight = torch.tensor(given, dtype=torch.float32)
        self.weights = nn.Parameter(weight / weight.sum(), requires_grad=False)
        self.temperature = nn.Parameter(torch.tensor(float(temperature)), requires_grad=False)

    def forward(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Name → `(batch, bins, frames)` of each member → posteriors `(batch, classes)`, rows sum to 1."""
        return self.combine([self.members[name](values[name]) for name in self.names])

    def combine(self, logits: Sequence[torch.Tensor]) -> torch.Tensor:
        """Logits `(batch, classes)` of each member, in the order of `names` → posteriors `(batch, classes)`."""
        posteriors = torch.stack([torch.softmax(one / self.temperature, dim=-1) for one in logits])
        return torch.einsum("m,mbc->bc", self.weights, posteriors)

    def l1_regularization(self) -> torch.Tensor:
        """L1 norm of the weights in units of the largest: 1 where one member has all, their number where all are equal.

        Of weights that sum to one the plain norm is always 1 and rewards nothing; this one a search may add to its
        objective to keep the ensemble sparse.
        """
        return (self.weights / self.weights.max()).abs().sum()
