"""Members joined: the module that answers, and what of it is read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from tembr.ensemble.projection import Projection, in_rows
from tembr.ensemble.weighted import FLOOR, WeightedEnsemble
from tembr.errors import ConfigError
from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.models import Member
from tembr.models.base import with_embedding


class Answer(NamedTuple):
    """What an ensemble says, as tensors.

    Attributes:
        logits: `(batch, labels)`.
        embedding: that adapting takes, `(batch, d)`, or None.
        relative: relative logits, `(batch, labels)`, or None.
    """

    logits: torch.Tensor
    embedding: torch.Tensor | None = None
    relative: torch.Tensor | None = None


class JoinedModule(nn.Module):
    """Values of every member's inputs → logits of the ensemble, and what adapting takes.

    Args:
        members: name → module, see `MemberSettings.build`.
        weighted: of the same names.
        projection: of the members' joined embeddings; None where no member has one.
        embedding: names of the members whose embeddings it takes.
        relative: of the same embeddings; None where there is none.

    Raises:
        ConfigError: a projection of no embedding.
    """

    def __init__(
        self,
        members: Mapping[str, nn.Module],
        weighted: WeightedEnsemble,
        projection: Projection | None = None,
        embedding: Sequence[str] = (),
        relative: Projection | None = None,
    ):
        super().__init__()
        self.members, self.weighted = nn.ModuleDict(members), weighted
        self.projection, self.relative = projection, relative
        self.embedding = tuple(embedding)
        if projection is not None and not self.embedding:
            raise ConfigError("a projection takes embeddings; name the members whose")

    def forward(self, values: Mapping[str, Sequence[torch.Tensor]]) -> Answer:
        """Name → values of its inputs → logits, log-posteriors, embedding and relative logits, see `Answer`."""
        outputs = {name: self.members[name](*values[name]) for name in self.weighted.names}
        logits = self.weighted([output[0] for output in outputs.values()]).clamp(min=FLOOR).log()
        if self.projection is None:
            return Answer(logits)
        first, others = in_rows([outputs[name][1] for name in self.embedding])
        relative = None if self.relative is None else self.relative(torch.cat([*first, *others], dim=-1))
        return Answer(logits, self.projection(torch.cat(first, dim=-1)), relative)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Fitted members joined, ready to answer and to be exported.

    Attributes:
        members: with a weight above 0, in order of the weights.
        module: see there; in evaluation mode.
    """

    members: tuple[Member, ...]
    module: JoinedModule

    @property
    def labels(self) -> tuple[str, ...]:
        return self.members[0].labels

    @property
    def features(self) -> FeatureSettings:
        return self.members[0].features

    @property
    def inputs(self) -> dict[str, tuple[Input, ...]]:
        """What each member takes, by name."""
        return {member.settings.name: member.inputs for member in self.members}

    @property
    def distinct_inputs(self) -> tuple[Input, ...]:
        """All that any member takes, each once, in order."""
        return tuple(dict.fromkeys(one for inputs in self.inputs.values() for one in inputs))

    @torch.inference_mode()
    def posteriors(self, values: Mapping[Input, torch.Tensor]) -> torch.Tensor:
        """Input → `(batch, bins, frames)` → `(batch, labels)`, rows sum to 1."""
        return torch.softmax(self.module(self.arranged(values))[0], dim=-1)

    def arranged(self, values: Mapping[Input, torch.Tensor]) -> dict[str, list[torch.Tensor]]:
        """Values by input as the module takes them: by member."""
        return {name: [values[one] for one in inputs] for name, inputs in self.inputs.items()}


def join(
    members: Sequence[Member],
    weighted: WeightedEnsemble,
    projection: Projection | None = None,
    relative: Projection | None = None,
) -> Ensemble:
    """Members in the order of `weighted.names` as one."""
    modules = {member.settings.name: member.module for member in members}
    embedding = [one.name for one in with_embedding([m.settings for m in members], members[0].features)]
    return Ensemble(tuple(members), JoinedModule(modules, weighted, projection, embedding, relative).eval())
