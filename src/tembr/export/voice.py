"""Voice networks as one ONNX graph that can be told of a speaker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import torch
from torch import nn

from tembr.export.frontend import FrontEnd
from tembr.export.onnx import OUTPUT, WAVEFORM, export_module
from tembr.export.runtime import Feed
from tembr.features.settings import FeatureSettings
from tembr.voices.network import VoiceEnsemble
from tembr.voices.pool import REPRESENTATION

LEVEL, WEIGHT, OFFSET = "speaker_level", "speaker_weight", "speaker_offset"
"""Inputs that may be left out: level of the speaker's contours, its weight, and what is added to the logits."""

MEANS, PRECISIONS = "speaker_means", "speaker_precisions"
"""More of them, where the ensemble has a manner: where the speaker's emotions lie, see `tembr.recognize.manner.Own`."""

OUTPUTS = (OUTPUT, "level", "logits", "position")
"""The last only where the ensemble has a manner."""


class VoiceGraph(nn.Module):
    """Samples to probabilities, for speakers of whom nothing is known and for those whose level is given.

    Args:
        unknown: networks for a recording by itself; known: for one whose speaker's level is given. Groups that both
            have are computed once: without a level, at a weight of 0, they are the same.
        features: settings of the contours.
        temperatures: of either.
    """

    def __init__(
        self,
        unknown: VoiceEnsemble,
        known: VoiceEnsemble,
        features: FeatureSettings,
        temperatures: tuple[float, float] = (1.0, 1.0),
    ):
        super().__init__()
        self.front_end = FrontEnd([REPRESENTATION], features)
        self.unknown, self.known, self.temperatures = unknown, known, temperatures
        self.shared, self.alone, self.told = _divided(unknown, known)

    def forward(
        self,
        waveform: torch.Tensor,
        level: torch.Tensor,
        weight: torch.Tensor,
        offset: torch.Tensor,
        means: torch.Tensor | None = None,
        precisions: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, ...]:
        """`(batch, samples)`, `(rows,)`, `(1,)` in [0, 1], `(classes,)`, `(classes, d)` twice → `OUTPUTS`.

        Logits are without offset and manner: `probabilities = softmax((logits + offset − ½ Σ precisions · (position −
        means)²) / temperature)`.
        """
        contours = self.front_end(waveform)[REPRESENTATION]
        told = weight > 0
        logits = torch.zeros(())
        if self.shared:
            logits, own = self.shared(contours, level, weight)
        if self.alone:
            said, own = self.alone(contours)
            logits = logits + torch.where(told, 0.0, said)
        if self.told:
            said, own = self.told(contours, level, weight)
            logits = logits + torch.where(told, said, 0.0)
        temperature = torch.where(told, self.temperatures[1], self.temperatures[0])
        if means is None:
            return torch.softmax((logits + offset) / temperature, dim=-1), own, logits
        position = self.known.position(contours)
        apart = (precisions * (position[:, None] - means).square()).sum(-1)
        return torch.softmax((logits + offset - apart / 2) / temperature, dim=-1), own, logits, position

    def nobody(self, rows: int, classes: int) -> dict[str, torch.Tensor]:
        """What the graph is given of a speaker of whom nothing is known: input → zeros."""
        told = {LEVEL: torch.zeros(rows), WEIGHT: torch.zeros(1), OFFSET: torch.zeros(classes)}
        if self.known.manner is not None:
            shape = classes, len(self.known.manner.spread)
            told |= {MEANS: torch.zeros(shape), PRECISIONS: torch.zeros(shape)}
        return told


def _divided(unknown: VoiceEnsemble, known: VoiceEnsemble) -> list[VoiceEnsemble | None]:
    """The groups that both have, and those of either alone; None where there is none."""
    columns = unknown.columns.tolist()
    groups = [list(zip(ensemble.weights, ensemble.groups)) for ensemble in (unknown, known)]
    both = [group for group in groups[0] if any(_same(group, other) for other in groups[1])]
    rest = [[group for group in some if not any(_same(group, one) for one in both)] for some in groups]
    return [VoiceEnsemble(some, columns).eval() if some else None for some in (both, *rest)]


def _same(one: tuple[float, nn.ModuleList], other: tuple[float, nn.ModuleList]) -> bool:
    return one[0] == other[0] and [*map(id, one[1])] == [*map(id, other[1])]


def voice_graph(graph: VoiceGraph, rows: int, classes: int) -> onnx.ModelProto:
    """The graph with all inputs, none of them with a default yet: optimisers fold what has one.

    Raises:
        ConfigError: it cannot be exported.
    """
    batch, samples = torch.export.Dim("batch"), torch.export.Dim("samples")
    example = torch.zeros(2, graph.front_end.settings.window_samples // 2 + 1)
    told = graph.nobody(rows, classes)
    outputs = OUTPUTS if MEANS in told else OUTPUTS[:3]
    dynamic = ({0: batch, 1: samples}, *[None] * len(told))
    return export_module(graph, (example, *told.values()), [WAVEFORM, *told], dynamic, outputs)


def with_defaults(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose inputs about the speaker may be left out: zeros, nothing known."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for value in changed.graph.input:
        if value.name in (LEVEL, WEIGHT, OFFSET, MEANS, PRECISIONS):
            size = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
            changed.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(size, np.float32), value.name))
    return changed


def nothing_known(graph: VoiceGraph, waveforms: Sequence[np.ndarray], rows: int, classes: int) -> list[Feed]:
    """One feed a recording for the graph without defaults."""
    speaker = {name: values.numpy() for name, values in graph.nobody(rows, classes).items()}
    return [{WAVEFORM: waveform[None], **speaker} for waveform in waveforms]
