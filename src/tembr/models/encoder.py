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
from tembr.progress import Progress

FURTHEST = 6.0  # deviations; a value beyond counts as that
FLOOR = 1e-3  # of a deviation
NEVER = -1e4  # logit of an emotion that was not met


@register
class EncoderSettings(MemberSettings):
    """Mean over time of the states of some layers, a linear classifier on each, and the mean of what these say.

    Which layer knows most depends on the corpus; together they know more than the best one of any.

    Attributes:
        encoder: name on the Hugging Face hub, or a folder.
        layers: whose states, counted from 1; later ones are never computed.
        window: seconds taken of a recording; 0 is all, 30 s at most.
        classifier: linear discriminants with equal priors, or a logistic regression.
        shrinkage: of the discriminants' covariance towards its diagonal, 0 to 1.
        c: inverse strength of the regression's penalty.
        emotions_from: corpora that emotions are learnt from: the target with its copies, or all.
    """

    kind: Literal["encoder"] = "encoder"
    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((3,), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    classifier: Literal["discriminants", "regression"] = "discriminants"
    shrinkage: float = Field(0.1, ge=0, le=1)
    c: float = Field(0.01, gt=0)
    emotions_from: Literal["target", "all"] = "target"

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
        return self.inputs(features)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        return PooledHeads(len(self.layers), load_encoder(self.encoder).hidden, labels)

    def fit(self, module: PooledHeads, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        started = time.perf_counter()
        learnt = data.target if self.emotions_from == "target" else data.labelled
        for head, taken in zip(module.heads, self.inputs(data.features), strict=True):
            values = np.stack([data.tables[taken][int(index)][:, 0] for index in learnt])
            self.fit_head(head, values, data.classes[learnt])
        return [{"seconds": time.perf_counter() - started}]

    def fit_head(self, head: PooledHead, pooled: np.ndarray, classes: np.ndarray) -> None:
        """Fit the head of one layer on pooled states `(n, size)` and the emotions of n recordings."""
        values = pooled.astype(np.float64)
        mean, deviation = values.mean(0), values.std(0) + FLOOR
        values = np.clip((values - mean) / deviation, -FURTHEST, FURTHEST)
        head.take(mean, deviation, self._classifier().fit(values, classes))

    def _classifier(self):
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
        from sklearn.linear_model import LogisticRegression

        if self.classifier == "regression":
            return LogisticRegression(C=self.c, max_iter=1_000)
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage)


class PooledHeads(nn.Module):
    """Pooled states of some layers → the mean of their heads' logits; the embedding is all the states in a row.

    Args:
        layers: how many.
        size: of the pooled states of each.
        labels: outputs.
    """

    def __init__(self, layers: int, size: int, labels: int):
        super().__init__()
        self.heads = nn.ModuleList(PooledHead(size, labels) for _ in range(layers))

    def forward(self, *states: torch.Tensor) -> Outputs:
        """`(batch, size, 1)` of each layer → `(batch, labels)`, `(batch, layers · size)`."""
        pooled = [one[..., 0] for one in states]
        logits = torch.stack([head(one) for head, one in zip(self.heads, pooled, strict=True)])
        return logits.mean(0), torch.cat(pooled, dim=-1)


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

    def take(self, mean: np.ndarray, deviation: np.ndarray, found) -> None:
        """Set the state to what a linear classifier of scikit-learn found."""
        weights, biases = found.coef_, found.intercept_
        if len(found.classes_) == 2:  # scikit-learn gives one row, of the second class against the first
            weights, biases = np.vstack([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
        self.mean.copy_(torch.from_numpy(mean))
        self.deviation.copy_(torch.from_numpy(deviation))
        self.output.weight.zero_()
        self.output.bias.fill_(NEVER)
        self.output.weight[found.classes_] = torch.from_numpy(weights).float()
        self.output.bias[found.classes_] = torch.from_numpy(biases).float()

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """`(batch, size)` → `(batch, labels)`."""
        return self.output(((pooled - self.mean) / self.deviation).clamp(-FURTHEST, FURTHEST))
