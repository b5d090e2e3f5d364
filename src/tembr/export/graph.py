"""An ensemble as one ONNX graph, from samples or features to probabilities, adapted to a speaker where it can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch
from torch import nn

from tembr.ensemble.joined import Ensemble
from tembr.errors import ConfigError
from tembr.export.frontend import FrontEnds
from tembr.export.onnx import OUTPUT, WAVEFORM, export_module
from tembr.features.encoder import SHORTEST
from tembr.features.inputs import Input

WEIGHT, OFFSET = "speaker_weight", "speaker_offset"
"""Inputs that may be left out: 1 where the speaker is known, and what is added to the logits."""

MEANS, PRECISIONS = "speaker_means", "speaker_precisions"
"""More of them, where the ensemble has an embedding: see `tembr.adaptation.fitting.Fitted`."""

SHARE = "speaker_share"
"""One more, where it has relative logits: what these count of an answer."""

LOGITS, EMBEDDING, RELATIVE = "logits", "embedding", "relative"
"""Further outputs of a graph that can be adapted; the last ones only where the ensemble has them."""


class FromWaveform(nn.Module):
    """`(batch, samples)` → `OUTPUT`; one that can be adapted takes what is known of a speaker and has more outputs.

    Args:
        ensemble: what answers.
        temperature: adapted logits are divided by it; None for a graph that cannot be adapted.
    """

    def __init__(self, ensemble: Ensemble, temperature: float | None = None):
        super().__init__()
        self.inputs = ensemble.distinct_inputs
        self.front_ends = FrontEnds(self.inputs)
        self.joined, self.arrange = ensemble.module, ensemble.arranged
        self.temperature = temperature

    def forward(
        self,
        waveform: torch.Tensor,
        weight: torch.Tensor | None = None,
        offset: torch.Tensor | None = None,
        means: torch.Tensor | None = None,
        precisions: torch.Tensor | None = None,
        share: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """`(batch, samples)`, `(1,)`, `(labels,)`, `(labels, d)` twice, `(1,)` → `(batch, labels)` …

        With weight above 0 the softmax of logits with what `tembr.adaptation.fitting.Fitted` adds to them, over the
        temperature.
        """
        said = self.joined(self.arrange(dict(zip(self.inputs, self.front_ends(waveform)))))
        if weight is None:
            return (torch.softmax(said.logits, dim=-1),)
        temperature = torch.where(weight > 0, self.temperature, 1.0)
        added = said.logits + offset
        if share is not None:
            added = added + share * (said.relative - said.logits)
        if means is not None:
            added = added - (precisions * (said.embedding[:, None] - means).square()).sum(-1) / 2
        return torch.softmax(added / temperature, dim=-1), *(one for one in said if one is not None)


class FromFeatures(nn.Module):
    """`(batch, bins, frames)` of each input, in their order → posteriors `(batch, labels)`."""

    def __init__(self, ensemble: Ensemble):
        super().__init__()
        self.inputs = ensemble.distinct_inputs
        self.joined, self.arrange = ensemble.module, ensemble.arranged

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.joined(self.arrange(dict(zip(self.inputs, values, strict=True))))[0], dim=-1)


def nobody(ensemble: Ensemble) -> dict[str, np.ndarray]:
    """What a graph that can be adapted is given of a speaker of whom nothing is known: input → zeros, float32."""
    labels, projection = len(ensemble.labels), ensemble.module.projection
    shapes: dict[str, tuple[int, ...]] = {WEIGHT: (1,), OFFSET: (labels,)}
    if projection is not None:
        shapes |= dict.fromkeys((MEANS, PRECISIONS), (labels, projection.directions.shape[1]))
    if ensemble.module.relative is not None:
        shapes[SHARE] = (1,)
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def waveform_graph(ensemble: Ensemble, temperature: float | None = None) -> onnx.ModelProto:
    """A graph from `waveform` float32 `[batch, samples]`, both dynamic, to `probabilities` float32 `[batch, labels]`.

    Everything is inside: front ends, networks, temperature and weights. One that can be adapted has all its inputs,
    none of them with a default yet: optimisers fold what has one (`with_defaults`).

    Raises:
        ConfigError: something in it cannot be exported.
    """
    batch = torch.export.Dim("batch", min=1, max=4_096)
    rate = sample_rate_of(ensemble)
    samples = torch.export.Dim("samples", min=round(SHORTEST * rate), max=3_600 * rate)
    example = torch.randn(2, rate + 1, generator=torch.Generator().manual_seed(0)) / 10
    speaker = {} if temperature is None else {n: torch.from_numpy(v) for n, v in nobody(ensemble).items()}
    outputs = [OUTPUT, *([LOGITS] if speaker else [])]
    outputs += [name for given, name in ((MEANS, EMBEDDING), (SHARE, RELATIVE)) if given in speaker]
    dynamic = ({0: batch, 1: samples}, *[None] * len(speaker))
    names = [WAVEFORM, *speaker]
    return export_module(FromWaveform(ensemble, temperature), (example, *speaker.values()), names, dynamic, outputs)


def features_graph(ensemble: Ensemble) -> onnx.ModelProto:
    """A graph from one input each, of its name, `[batch, bins, frames]`, to `probabilities` `[batch, labels]`.

    Raises:
        ConfigError: something in it cannot be exported.
    """
    batch = torch.export.Dim("batch")
    examples = tuple(torch.zeros(2, *shape) for shape in feature_shapes(ensemble.distinct_inputs).values())
    names = [one.name for one in ensemble.distinct_inputs]
    return export_module(FromFeatures(ensemble), examples, names, (({0: batch},) * len(examples),))


def feature_shapes(inputs: Sequence[Input]) -> dict[str, tuple[int, int]]:
    """Bins and frames of each input by its name, of a recording that fills its window.

    Raises:
        ConfigError: a recording keeps its own length, so that there is no one shape.
    """
    return {one.name: (one.bins, one.frames) for one in inputs}


def sample_rate_of(ensemble: Ensemble) -> int:
    """Hz of the waveforms a graph takes.

    Raises:
        ConfigError: its inputs are of several rates.
    """
    rates = {one.sample_rate for one in ensemble.distinct_inputs}
    if len(rates) > 1:
        raise ConfigError(f"members at {', '.join(map(str, sorted(rates)))} Hz cannot share a graph; choose one rate")
    return rates.pop()


def window_of(ensemble: Ensemble) -> float:
    """Seconds that every member takes of a waveform: the shortest of their windows."""
    return min(one.window_seconds for one in ensemble.distinct_inputs)


def with_defaults(model: onnx.ModelProto, speaker: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """A copy whose inputs about the speaker may be left out: zeros, nothing known."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    changed.graph.initializer.extend(onnx.numpy_helper.from_array(values, name) for name, values in speaker.items())
    return changed
