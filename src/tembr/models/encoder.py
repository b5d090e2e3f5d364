"""A pretrained speech encoder, frozen, with linear layers on what some of its layers have: kind `encoder`."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import AfterValidator, Field, field_validator
from torch import nn

from tembr.features.encoder import encoder_input
from tembr.features.inputs import Input
from tembr.features.layers import Part
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureTable
from tembr.models.base import NEVER, MemberSettings, Outputs, register
from tembr.models.compensation import Compensation
from tembr.models.data import FoldData
from tembr.models.discriminants import (
    FURTHEST,
    ClassMoments,
    Discriminants,
    class_moments_of,
    fair_shares,
    fit_discriminants,
    fit_on_moments,
    joint_moments,
    voice_shares,
)
from tembr.models.precision import ExpectedPrecision
from tembr.progress import Progress

Channel = Literal["phone", "mp3", "noise", "room", "microphone"]
"""A degradation of `tembr.degrade.effects`."""

ONCE = AfterValidator(lambda names: tuple(dict.fromkeys(names)))

Channels = Annotated[tuple[Channel, ...], ONCE]
"""Each counts once, however often it is named."""


@register
class EncoderSettings(MemberSettings):
    """Means over time of what some layers have, linear discriminants on each, and the mean of what these say.

    Which of them knows most depends on the corpus; together they know more than the best one of any. All corpora teach
    what an emotion is, and what is only a voice, a language or a room (`tembr.models.discriminants`). Speech that came
    through a telephone or the like is answered by heads of its own, which learnt from copies as they would sound there,
    too; the first of them says which channel a recording came through. A speaker is adapted to by all of them, the
    first as it would be without the channel (`tembr.models.compensation`).

    Attributes:
        encoder: name on the Hugging Face hub, or a folder.
        layers: which, counted from 1; later ones are never computed.
        pooled: what of each is averaged, the one that a speaker is adapted to by first: its states, the units of its
            feed-forward network, the values that the attention above takes from it, see `tembr.features.layers.Part`.
        window: seconds taken of a recording; 0 is all, 30 s at most.
        shrinkage: of the discriminants' covariance towards its diagonal, 0 to 1.
        others: what each corpus beside the target counts for in all, however few its recordings, of which the target is
            1; 0 learns from the target alone.
        channels: degradations that have heads of their own, which learn from recordings as they are and from their
            copies alike, and are compensated for where a speaker is adapted to.
        degrees_of_freedom: of a t distribution of what was learnt from, as the lowest layer has it; the fewer, the less
            sure are answers to recordings unlike that (`tembr.models.precision`). 0 takes it for Gaussian: as sure of
            all.
    """

    kind: Literal["encoder"] = "encoder"
    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((3,), min_length=1)
    pooled: Annotated[tuple[Part, ...], ONCE] = Field(("states",), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    shrinkage: float = Field(0.1, ge=0, le=1)
    others: float = Field(0.2, ge=0)
    channels: Channels = ()
    degrees_of_freedom: float = Field(0.0, ge=0, allow_inf_nan=False)

    embeds: ClassVar[bool] = True

    @field_validator("layers")
    @classmethod
    def _rising(cls, layers: tuple[int, ...]) -> tuple[int, ...]:
        if list(layers) != sorted(set(layers)):
            raise ValueError("name each once, the lowest first")
        return layers

    @property
    def copied_through(self) -> tuple[str, ...]:
        return self.channels

    def describe(self) -> str:
        layers = f"layer{'s' * (len(self.layers) > 1)} {', '.join(map(str, self.layers))}"
        parts = "" if self.pooled == ("states",) else f", {', '.join(self.pooled)}"
        return f"{self.encoder.rstrip('/').rpartition('/')[2]}, {layers}{parts}, frozen"

    def check(self, features: FeatureSettings) -> None:
        self.inputs(features)

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return tuple(
            encoder_input(self.encoder, layer, self.window, part) for layer in self.layers for part in self.pooled
        )

    def embedding_of(self, features: FeatureSettings) -> Hashable:
        return self if self.channels else self.inputs(features)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        sizes = [one.bins for one in self.inputs(features)]
        return PooledHeads(sizes, labels, len(self.channels), self.degrees_of_freedom)

    def fit(self, module: PooledHeads, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        started = time.perf_counter()
        learnt = data.labelled
        channels = data.through(learnt)
        for number, taken in enumerate(self.inputs(data.features)):
            moments = self._moments(taken, learnt, data)
            for heads, channel in zip(module.heads, ("", *self.channels), strict=True):
                parts = {part: one for part, one in moments.items() if part[1] in ("", channel)}
                heads[number].take(fit_on_moments(self._weighed(parts), self.shrinkage))
            if module.precision is not None and not number:
                sums, _, covariance = joint_moments(self._weighed(moments))
                module.precision.fit(sums.sum(0), covariance, self._distinct(learnt, data))
            if self.channels and not number:
                pooled = _pooled(data.tables[taken], learnt)
                self.fit_head(module.channel, pooled, _numbers(channels, ("", *self.channels)), learnt, data)
                self._compensate(module, pooled, learnt, data)
        return [{"seconds": time.perf_counter() - started}]

    def _moments(self, taken: Input, learnt: np.ndarray, data: FoldData) -> dict[tuple[int, str], ClassMoments]:
        """Of the recordings at `learnt` of each corpus through each channel; of other corpora taken once in a study."""
        corpora, channels, found = data.corpora[learnt], data.through(learnt), {}
        for corpus, channel in sorted(set(zip(corpora.tolist(), channels.tolist()))):
            if not self._importance(corpus):
                continue
            own = learnt[(corpora == corpus) & (channels == channel)]
            kept = data.moments if corpus else {}
            key = taken, own.tobytes()
            if key not in kept:
                classes = data.classes[own]
                shares = voice_shares(classes, data.speakers[own], np.zeros(len(own), int))
                kept[key] = class_moments_of(_pooled(data.tables[taken], own), classes, shares, len(data.labels))
            found[corpus, channel] = kept[key]
        return found

    def _distinct(self, learnt: np.ndarray, data: FoldData) -> int:
        """How many recordings count, each with its copies once."""
        counting = learnt[[self._importance(corpus) > 0 for corpus in data.corpora[learnt].tolist()]]
        return len(np.unique(counting if data.originals is None else data.originals[counting]))

    def _weighed(self, moments: Mapping[tuple[int, str], ClassMoments]) -> list[tuple[ClassMoments, float]]:
        """These with factors by which each corpus counts for its importance, however much it has."""
        sizes: Counter[int] = Counter()
        for (corpus, _), one in moments.items():
            sizes[corpus] += one.counts.sum()
        return [(one, self._importance(corpus) / sizes[corpus]) for (corpus, _), one in moments.items()]

    def _importance(self, corpus: int) -> float:
        """What a corpus counts for in all."""
        return self.others if corpus else 1.0

    def fit_head(
        self, head: PooledHead, pooled: np.ndarray, classes: np.ndarray, learnt: np.ndarray, data: FoldData
    ) -> None:
        """Fit a head on pooled values `(n, size)` and classes `(n,)` of the recordings at `learnt`, `(n,)`."""
        corpora = data.corpora[learnt]
        importance = {corpus: self._importance(corpus) for corpus in np.unique(corpora).tolist()}
        shares = fair_shares(classes, data.speakers[learnt], corpora, importance)
        counting = shares > 0
        head.take(fit_discriminants(pooled[counting], classes[counting], shares[counting], self.shrinkage))

    def _compensate(self, module: PooledHeads, pooled: np.ndarray, learnt: np.ndarray, data: FoldData) -> None:
        places = {index: place for place, index in enumerate(learnt.tolist())}
        channels, originals = data.through(learnt), data.originals[learnt]
        for compensation, channel in zip(module.compensations, self.channels, strict=True):
            copies = np.flatnonzero(channels == channel)
            compensation.fit(pooled[copies], pooled[[places[index] for index in originals[copies].tolist()]])


def _pooled(table: FeatureTable, indices: np.ndarray) -> np.ndarray:
    """`(n, size)`."""
    return np.stack([table[int(index)][:, 0] for index in indices])


def _numbers(names: np.ndarray, known: tuple[str, ...]) -> np.ndarray:
    """Places of `names`, `(n,)`, in `known`, `(n,)` int."""
    return np.array([known.index(name) for name in names])


class PooledHeads(nn.Module):
    """Pooled values of some layers → the mean of their heads' logits, less where they are unlike what was learnt from
    (`ExpectedPrecision`); the values are the embedding.

    Each channel has its own heads; what they say counts as much as a recording is likely to have come through it, and
    so do the first values as they would be without.

    Args:
        sizes: of the pooled values.
        labels: outputs.
        channels: how many, beside none.
        degrees: of freedom, see `ExpectedPrecision`; 0 where answers are as sure of all recordings.
    """

    def __init__(self, sizes: Sequence[int], labels: int, channels: int = 0, degrees: float = 0.0):
        super().__init__()
        of_each = [nn.ModuleList(PooledHead(size, labels) for size in sizes) for _ in range(1 + channels)]
        self.heads = nn.ModuleList(of_each)
        self.channel = PooledHead(sizes[0], 1 + channels) if channels else None
        self.compensations = nn.ModuleList(Compensation(sizes[0]) for _ in range(channels))
        self.precision = ExpectedPrecision(sizes[0], degrees) if degrees else None
        self.compensating = True

    def uncompensated(self) -> PooledHeads:
        """The same, with the embedding as it is through a channel."""
        made = copy.copy(self)
        made.compensating = False
        return made

    def forward(self, *values: torch.Tensor) -> Outputs:
        """`(batch, size, 1)` each → `(batch, labels)`, `(batch, size)` each."""
        pooled = [one[..., 0] for one in values]
        said = [torch.stack([h(one) for h, one in zip(heads, pooled, strict=True)]).mean(0) for heads in self.heads]
        shares = None if self.channel is None else self.channel(pooled[0]).softmax(-1)[..., None]
        logits = said[0] if shares is None else (shares * torch.stack(said, dim=1)).sum(1)
        if self.precision is not None:
            logits = self.precision(pooled[0]) * logits
        if shares is None or not self.compensating:
            return logits, tuple(pooled)
        compensated = torch.stack([pooled[0], *(one(pooled[0]) for one in self.compensations)], dim=1)
        return logits, ((shares * compensated).sum(1), *pooled[1:])


class PooledHead(nn.Module):
    """Pooled values of one layer → logits by a linear layer.

    Args:
        size: of the pooled values.
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
