"""An ensemble of one member that hears loudness alone, and the same as an ONNX graph that nobody exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from tembr.ensemble.joined import Ensemble, join
from tembr.ensemble.projection import Projection
from tembr.ensemble.weighted import WeightedEnsemble
from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.models import Member, MemberSettings

LABELS = ("anger", "fear")
SLOPES = (10.0, -10.0)
RATE = 16_000


@dataclass(frozen=True)
class Loudness(Input):
    """Mean magnitude of a recording of a second."""

    rate: int = RATE
    seconds: float = 1.0
    name = "loudness"
    bins = 1
    frames = 1

    @property
    def sample_rate(self) -> int:
        return self.rate

    @property
    def window_seconds(self) -> float:
        return self.seconds

    def facts(self) -> dict:
        return {"rate": self.rate}

    @classmethod
    def compute(cls, inputs, waveforms):
        return [[np.array([[np.abs(w).mean()]], np.float32) for w in waveforms] for _ in inputs]


class Loud(nn.Module):
    """Loudness times a slope for each label; its embedding is the loudness once and twice."""

    def __init__(self, embeds: bool):
        super().__init__()
        self.slopes, self.embeds = nn.Parameter(torch.tensor(SLOPES)), embeds

    def forward(self, values: torch.Tensor):
        loudness = values[:, :, 0]
        embedding = torch.cat([loudness, 2 * loudness], dim=1)
        return loudness * self.slopes, (embedding,) if self.embeds else None


class LoudSettings(MemberSettings):
    kind: Literal["loud"] = "loud"
    name: str = "loud"
    rate: int = RATE
    seconds: float = 1.0

    def inputs(self, features):
        return (Loudness(self.rate, self.seconds),)

    def build(self, features, labels):
        return Loud(False)

    def fit(self, module, data, seed, progress):
        return []


class EmbeddedLoudSettings(LoudSettings):
    embeds: ClassVar[bool] = True


def small_ensemble(*members: LoudSettings, embeds: bool = False, relative: bool = False) -> Ensemble:
    """Of members of equal weight; with `embeds` its embedding is the second of the first member's numbers.

    With `relative` relative logits are five times that, and the opposite.
    """
    kind = EmbeddedLoudSettings if embeds else LoudSettings
    chosen = [kind(**one.model_dump()) for one in members or (LoudSettings(),)]
    made = [Member(one, FeatureSettings(), LABELS, Loud(embeds)) for one in chosen]
    projection = Projection(2 * len(made), 1) if embeds else None
    if projection is not None:
        projection.directions[1] = 1.0
    beside = Projection(2 * len(made), 2) if relative else None
    if beside is not None:
        beside.directions[1] = torch.tensor([5.0, -5.0])
    return join(made, WeightedEnsemble({one.name: 1.0 for one in chosen}), projection, beside)


def loud_graph(slopes: tuple[float, ...] = SLOPES, temperature: float | None = None) -> onnx.ModelProto:
    """`waveform` float32 `[batch, samples]` → `probabilities`; with a temperature it can be adapted by an offset."""
    node, adapted = helper.make_node, temperature is not None
    constants = {"axis": np.array([1]), "slopes": np.array([slopes], np.float32)}
    nodes = [
        node("Abs", ["waveform"], ["magnitude"]),
        node("ReduceMean", ["magnitude", "axis"], ["loudness"], keepdims=1),
        node("Mul", ["loudness", "slopes"], ["scores"]),
        node("LogSoftmax", ["scores"], ["logits"], axis=1),
    ]
    inputs = {"waveform": ["batch", "samples"]}
    if adapted:
        constants |= {"zero": np.zeros(1, np.float32), "one": np.ones(1, np.float32)}
        constants["temperature"] = np.array([temperature], np.float32)
        nodes += [
            node("Greater", ["speaker_weight", "zero"], ["known"]),
            node("Where", ["known", "temperature", "one"], ["divisor"]),
            node("Add", ["logits", "speaker_offset"], ["added"]),
            node("Div", ["added", "divisor"], ["powers"]),
        ]
        inputs |= {"speaker_weight": [1], "speaker_offset": [len(slopes)]}
    nodes.append(node("Softmax", ["powers" if adapted else "logits"], ["probabilities"], axis=1))
    outputs = ["probabilities", *(["logits"] if adapted else [])]
    graph = helper.make_graph(
        nodes,
        "loud",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", len(slopes)]) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def noise(*loudness: float, samples: int = RATE) -> list[np.ndarray]:
    """Recordings of these mean magnitudes, `(samples,)` each."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], samples)
    return [(level * signs).astype(np.float32) for level in loudness]
