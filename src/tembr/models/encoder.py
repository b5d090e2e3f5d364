"""A pretrained speech encoder, frozen, with a linear layer on the pooled states of some layers: kind `encoder`."""

from __future__ import annotations

import time
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import nn

from tembr.features.encoder import encoder_input, load_encoder
from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.models.base import MemberSettings, Outputs, register
from tembr.models.data import FoldData
from tembr.models.discriminants import FURTHEST, Discriminants, fair_shares, fit_discriminants
from tembr.progress import Progress

NEVER = -1e4  # logit of an emotion that was not met


@register
class EncoderSettings(MemberSettings):
    """Mean over time of the states of some layers, linear discriminants on each, and the mean of what these say.

    Which layer knows most depends on the corpus; together they know more than the best one of any. All corpora teach
    what an emotion is, and what is only a voice, a language or a room (`tembr.models.discriminants`). What a
    speaker is adapted by are the states of the lowest of the layers alone.

    Attributes:
        encoder: name on the Hugging Face hub, or a folder.
        layers: whose states, counted from 1; later ones are never computed.
        window: seconds taken of a recording; 0 is all, 30 s at most.
        shrinkage: of the discriminants' covariance towards its diagonal, 0 to 1.
        others: what each corpus beside the target counts for in all, however few its recordings, of which the target is
            1; 0 learns from the target alone.
        copies: what copies through degradations count for, where the study makes such, of which the recordings
            themselves are 1.
    """

    kind: Literal["encoder"] = "encoder"
    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((3,), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    shrinkage: float = Field(0.05, ge=0, le=1)
    others: float = Field(0.2, ge=0)
    copies: float = Field(0.1, ge=0)

    embeds: ClassVar[bool] = True

    @field_validator("layers")
    @classmethod
    def _rising(cls, layers: tuple[int, ...]) -> tuple[int, ...]:
        if list(layers) != sorted(set(layers)):
            raise ValueError("name each once, the lowest first")
        return layers

    def describe(self) -> str:
        layers = f"layer{'s' * (len(self.layers) > 1)} {', '.join(map(str, self.layers))}"
        return f"{self.encoder.rstrip('/').rpartition('/')[2]}, {layers}, frozen"

    def check(self, features: FeatureSettings) -> None:
        self.inputs(features)

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return tuple(encoder_input(self.encoder, layer, self.window) for layer in self.layers)

    def embedding_of(self, features: FeatureSettings) -> tuple[Input, ...]:
        return self.inputs(features)[:1]

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        return PooledHeads(len(self.layers), load_encoder(self.encoder).hidden, labels)

    def fit(self, module: PooledHeads, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        started = time.perf_counter()
        learnt = data.labelled
        for head, taken in zip(module.heads, self.inputs(data.features), strict=True):
            self.fit_head(head, np.stack([data.tables[taken][int(index)][:, 0] for index in learnt]), learnt, data)
        return [{"seconds": time.perf_counter() - started}]

    def fit_head(self, head: PooledHead, pooled: np.ndarray, learnt: np.ndarray, data: FoldData) -> None:
        """Fit the head of one layer on pooled states `(n, size)` of the labelled recordings at `learnt`, `(n,)`."""
        corpora, copied = data.corpora[learnt], data.copied[learnt]
        importance = {2 * corpus: self.others if corpus else 1.0 for corpus in np.unique(corpora).tolist()}
        importance |= {group + 1: self.copies * whole for group, whole in importance.items()}
        shares = fair_shares(data.classes[learnt], data.speakers[learnt], 2 * corpora + copied, importance)
        counting = shares > 0
        head.take(fit_discriminants(pooled[counting], data.classes[learnt[counting]], shares[counting], self.shrinkage))


class PooledHeads(nn.Module):
    """Pooled states of some layers → the mean of their heads' logits; the embedding is the first layer's states.

    Args:
        layers: how many.
        size: of the pooled states of each.
        labels: outputs.
    """

    def __init__(self, layers: int, size: int, labels: int):
        super().__init__()
        self.heads = nn.ModuleList(PooledHead(size, labels) for _ in range(layers))

    def forward(self, *states: torch.Tensor) -> Outputs:
        """`(batch, size, 1)` of each layer → `(batch, labels)`, `(batch, size)`."""
        pooled = [one[..., 0] for one in states]
        logits = torch.stack([head(one) for head, one in zip(self.heads, pooled, strict=True)])
        return logits.mean(0), pooled[0]


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
