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
from tembr.voices.level import heard, own_level
from tembr.voices.network import VoiceEnsemble
from tembr.voices.pool import REPRESENTATION

LEVEL, WEIGHT, OFFSET = "speaker_level", "speaker_weight", "speaker_offset"
"""Inputs that may be left out: level of the speaker's contours, its weight, and what is added to the logits."""

OUTPUTS = (OUTPUT, "level", "logits")


class VoiceGraph(nn.Module):
    """Samples to probabilities, for speakers of whom nothing is known and for those whose level is given.

    Args:
        unknown: networks for a recording by itself; known: for one whose speaker's level is given. May be the same.
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

    def forward(
        self, waveform: torch.Tensor, level: torch.Tensor, weight: torch.Tensor, offset: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """`(batch, samples)`, `(rows,)`, `(1,)` in [0, 1], `(classes,)` → probabilities, own levels, logits.

        Logits are without the offset: `probabilities = softmax((logits + offset) / temperature)`.
        """
        contours = self.front_end(waveform)[REPRESENTATION]
        told = weight > 0
        if self.known is self.unknown:
            logits, own = self.unknown(contours, level, weight)
        else:
            alone, own = self.unknown(contours)
            logits = torch.where(told, self.known(contours, level, weight)[0], alone)
        temperature = torch.where(told, self.temperatures[1], self.temperatures[0])
        return torch.softmax((logits + offset) / temperature, dim=-1), own, logits


def voice_graph(graph: VoiceGraph, rows: int, classes: int) -> onnx.ModelProto:
    """The graph with four inputs, none of them with a default yet: optimisers fold what has one.

    Raises:
        ConfigError: it cannot be exported.
    """
    batch, samples = torch.export.Dim("batch"), torch.export.Dim("samples")
    example = torch.zeros(2, graph.front_end.settings.window_samples // 2 + 1)
    speaker = torch.zeros(rows), torch.zeros(1), torch.zeros(classes)
    names = [WAVEFORM, LEVEL, WEIGHT, OFFSET]
    return export_module(graph, (example, *speaker), names, ({0: batch, 1: samples}, None, None, None), OUTPUTS)


def with_defaults(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose inputs about the speaker may be left out: zeros, nothing known."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for value in changed.graph.input:
        if value.name in (LEVEL, WEIGHT, OFFSET):
            size = value.type.tensor_type.shape.dim[0].dim_value
            changed.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros(size, np.float32), value.name))
    return changed


def nothing_known(waveforms: Sequence[np.ndarray], rows: int, classes: int) -> list[Feed]:
    """One feed a recording for the graph without defaults."""
    speaker = {
        LEVEL: np.zeros(rows, np.float32),
        WEIGHT: np.zeros(1, np.float32),
        OFFSET: np.zeros(classes, np.float32),
    }
    return [{WAVEFORM: waveform[None], **speaker} for waveform in waveforms]


def levels_of(contours: torch.Tensor) -> torch.Tensor:
    """Own level of each recording, `(batch, rows, frames)` → `(batch, rows)`."""
    return own_level(contours, heard(contours))
