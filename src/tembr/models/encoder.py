"""A pretrained speech encoder, frozen, with a linear layer on the pooled states of some layers: kind `encoder`."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import nn

from tembr.features.encoder import encoder_input, load_encoder
from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.models.base import NEVER, MemberSettings, Outputs, register
from tembr.models.compensation import Compensation
from tembr.models.data import FoldData
from tembr.models.discriminants import FURTHEST, Discriminants, fair_shares, fit_discriminants
from tembr.progress import Progress

Channel = Literal["phone", "mp3", "noise", "room", "microphone"]
"""A degradation of `tembr.degrade.effects`."""


@register
class EncoderSettings(MemberSettings):
    """Mean over time of the states of some layers, linear discriminants on each, and the mean of what these say.

    Which layer knows most depends on the corpus; together they know more than the best one of any. All corpora teach
    what an emotion is, and what is only a voice, a language or a room (`tembr.models.discriminants`). Speech that came
    through a telephone or the like is answered by heads of its own, which learnt from copies as they would sound there,
    too; the lowest of the layers says which channel a recording came through. A speaker is adapted to by the states of
    all layers, those of the lowest as they would be without the channel (`tembr.models.compensation`).

    Attributes:
        encoder: name on the Hugging Face hub, or a folder.
        layers: whose states, counted from 1; later ones are never computed.
        window: seconds taken of a recording; 0 is all, 30 s at most.
        shrinkage: of the discriminants' covariance towards its diagonal, 0 to 1.
        others: what each corpus beside the target counts for in all, however few its recordings, of which the target is
            1; 0 learns from the target alone.
        channels: degradations that have heads of their own, which learn from recordings as they are and from their
            copies alike, and are compensated for where a speaker is adapted to.
    """

    kind: Literal["encoder"] = "encoder"
    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((3,), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    shrinkage: float = Field(0.05, ge=0, le=1)
    others: float = Field(0.2, ge=0)
    channels: tuple[Channel, ...] = ()

    embeds: ClassVar[bool] = True

    @field_validator("layers")
    @classmethod
    def _rising(cls, layers: tuple[int, ...]) -> tuple[int, ...]:
        if list(layers) != sorted(set(layers)):
            raise ValueError("name each once, the lowest first")
        return layers

    @field_validator("channels")
    @classmethod
    def _once(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(channels))

    @property
    def copied_through(self) -> tuple[str, ...]:
        return self.channels

    def describe(self) -> str:
        layers = f"layer{'s' * (len(self.layers) > 1)} {', '.join(map(str, self.layers))}"
        return f"{self.encoder.rstrip('/').rpartition('/')[2]}, {layers}, frozen"

    def check(self, features: FeatureSettings) -> None:
        self.inputs(features)

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return tuple(encoder_input(self.encoder, layer, self.window) for layer in self.layers)

    def embedding_of(self, features: FeatureSettings) -> Hashable:
        return self if self.channels else self.inputs(features)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        return PooledHeads(len(self.layers), load_encoder(self.encoder).hidden, labels, len(self.channels))

    def fit(self, module: PooledHeads, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        started = time.perf_counter()
        learnt = data.labelled
        channels = data.through(learnt)
        for number, taken in enumerate(self.inputs(data.features)):
            pooled = np.stack([data.tables[taken][int(index)][:, 0] for index in learnt])
            for heads, channel in zip(module.heads, ("", *self.channels), strict=True):
                own = np.isin(channels, ["", channel])
                self.fit_head(heads[number], pooled[own], data.classes[learnt[own]], learnt[own], data)
            if self.channels and not number:
                self.fit_head(module.channel, pooled, _numbers(channels, ("", *self.channels)), learnt, data)
                self._compensate(module, pooled, learnt, data)
        return [{"seconds": time.perf_counter() - started}]

    def fit_head(
        self, head: PooledHead, pooled: np.ndarray, classes: np.ndarray, learnt: np.ndarray, data: FoldData
    ) -> None:
        """Fit a head on pooled states `(n, size)` and classes `(n,)` of the recordings at `learnt`, `(n,)`."""
        corpora = data.corpora[learnt]
        importance = {corpus: self.others if corpus else 1.0 for corpus in np.unique(corpora).tolist()}
        shares = fair_shares(classes, data.speakers[learnt], corpora, importance)
        counting = shares > 0
        head.take(fit_discriminants(pooled[counting], classes[counting], shares[counting], self.shrinkage))

    def _compensate(self, module: PooledHeads, pooled: np.ndarray, learnt: np.ndarray, data: FoldData) -> None:
        places = {index: place for place, index in enumerate(learnt.tolist())}
        channels, originals = data.through(learnt), data.originals[learnt]
        for compensation, channel in zip(module.compensations, self.channels, strict=True):
            copies = np.flatnonzero(channels == channel)
            compensation.fit(pooled[copies], pooled[[places[index] for index in originals[copies].tolist()]])


def _numbers(names: np.ndarray, known: tuple[str, ...]) -> np.ndarray:
    """Places of `names`, `(n,)`, in `known`, `(n,)` int."""
    return np.array([known.index(name) for name in names])


class PooledHeads(nn.Module):
    """Pooled states of some layers → the mean of their heads' logits; the states are the embedding.

    Each channel has its own heads; what they say counts as much as a recording is likely to have come through it, and
    so do the first layer's states as they would be without.

    Args:
        layers: how many.
        size: of the pooled states of each.
        labels: outputs.
        channels: how many, beside none.
    """

    def __init__(self, layers: int, size: int, labels: int, channels: int = 0):
        super().__init__()
        of_each = [nn.ModuleList(PooledHead(size, labels) for _ in range(layers)) for _ in range(1 + channels)]
        self.heads = nn.ModuleList(of_each)
        self.channel = PooledHead(size, 1 + channels) if channels else None
        self.compensations = nn.ModuleList(Compensation(size) for _ in range(channels))
        self.compensating = True

    def uncompensated(self) -> PooledHeads:
        """The same, with the embedding as it is through a channel."""
        made = copy.copy(self)
        made.compensating = False
        return made

    def forward(self, *states: torch.Tensor) -> Outputs:
        """`(batch, size, 1)` of each layer → `(batch, labels)`, `(batch, layers, size)`."""
        pooled = [one[..., 0] for one in states]
        said = [torch.stack([h(one) for h, one in zip(heads, pooled, strict=True)]).mean(0) for heads in self.heads]
        if self.channel is None:
            return said[0], torch.stack(pooled, dim=1)
        shares = self.channel(pooled[0]).softmax(-1)[..., None]
        logits = (shares * torch.stack(said, dim=1)).sum(1)
        if not self.compensating:
            return logits, torch.stack(pooled, dim=1)
        compensated = torch.stack([pooled[0], *(one(pooled[0]) for one in self.compensations)], dim=1)
        return logits, torch.stack([(shares * compensated).sum(1), *pooled[1:]], dim=1)


class PooledHead(nn.Module):
    """Pooled states of one layer → logits by a linear layer.

    Args:
        size: of the pooled states.
        labels: outputs.
    """

    def __init__(self, size: int, labels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.output = nn.Linear(size, labels).requires_grad_(False)

    def take(self, found: Discriminants) -> None:
        """Set the state to what was found."""
        self.mean.copy_(torch.from_numpy(found.mean))
        self.deviation.copy_(torch.from_numpy(found.deviation))
        self.output.weight.zero_()
        self.output.bias.fill_(NEVER)
        self.output.weight[found.classes] = torch.from_numpy(found.weights).float()
        self.output.bias[found.classes] = torch.from_numpy(found.biases).float()

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """`(batch, size)` → `(batch, labels)`."""
        return self.output(((pooled - self.mean) / self.deviation).clamp(-FURTHEST, FURTHEST))
