"""A tiny bundle that can adapt to a speaker, with all it computes known: loudness tells the emotion, pitch the speaker.

Its embedding is the pitch in units of `PITCH`, and the number of the emotion. A voice of another pitch biases the
logits by `BIAS` for each unit; `TEMPERATURE` is that of adapted answers.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper
from tests.recognize.fake_bundle import AMPLITUDES, RATE, WINDOW, make_bundle

from tembr.emotions import EMOTIONS

PITCH = 220.0
GAIN, TEMPERATURE = 6.0, 2.0
BIAS = np.array([5, -5, 0, 0, 0, 0], np.float32)
TYPICAL = GAIN * np.cos(2 * np.pi / len(EMOTIONS) * (np.arange(len(EMOTIONS))[:, None] - np.arange(len(EMOTIONS))))
"""What it says to a voice it knows, an emotion a row."""

OFFSET = {"typical": TYPICAL.tolist(), "prior": 4.0, "mixture": 10.0}
PRIORS = {"recordings": 30, "offset": OFFSET, "temperature": TEMPERATURE}
SPEAKER = ("speaker_weight", "speaker_offset", "speaker_means", "speaker_precisions", "speaker_share")

RELATIVELY = 0.5
"""Its relative logits are its logits times that."""


def voice(emotion: str, pitch: float = PITCH, seconds: float = 1.0) -> np.ndarray:
    """A sine that carries `emotion` in a voice of `pitch` Hz, `(samples,)` float32."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (AMPLITUDES[EMOTIONS.index(emotion)] * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def units(pitch: float) -> float:
    """The embedding's first number for a voice of `pitch` Hz."""
    return float(np.sin(np.pi * pitch / RATE) / np.sin(np.pi * PITCH / RATE))


def logits(emotion: str, pitch: float) -> np.ndarray:
    """What the network says of any voice before softmax, `(labels,)`."""
    apart = 2 * np.pi / len(EMOTIONS) * (EMOTIONS.index(emotion) - np.arange(len(EMOTIONS)))
    return GAIN * np.cos(apart) + BIAS * (units(pitch) - 1)


def embedding(emotion: str, pitch: float) -> np.ndarray:
    """The network's embedding, `(2,)`."""
    return np.array([units(pitch), EMOTIONS.index(emotion)])


def softmax(values: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    powers = np.exp(values / temperature - (values / temperature).max())
    return powers / powers.sum()


def make_adaptable(folder: Path, **changes) -> Path:
    """Write the bundle; `changes` replace its facts."""
    facts = {"name": "adaptable", "adaptation": PRIORS}
    return make_bundle(folder, make_model(), **(facts | changes))


def make_model(optional: tuple[str, ...] = SPEAKER):
    """The network; what is not in `optional` is a constant nobody can change."""
    node, size = helper.make_node, len(EMOTIONS)
    constants = {
        "pads": np.array([0, 0, 0, round(WINDOW * RATE)], np.int64),
        "start": np.array([0], np.int64),
        "next": np.array([1], np.int64),
        "stop": np.array([round(WINDOW * RATE)], np.int64),
        "before": np.array([round(WINDOW * RATE) - 1], np.int64),
        "axis": np.array([1], np.int64),
        "tiny": np.array(1e-6, np.float32),
        "one": np.array(1, np.float32),
        "pitch": np.array(1 / (2 * np.sin(np.pi * PITCH / RATE)), np.float32),
        "step": np.array(np.pi / 2 / AMPLITUDES[0], np.float32),
        "numbers": np.arange(size, dtype=np.float32)[None],
        "turn": np.array(2 * np.pi / size, np.float32),
        "gain": np.array(GAIN, np.float32),
        "bias": BIAS[None],
        "temperature": np.array(TEMPERATURE, np.float32),
        "zero": np.array(0, np.float32),
        "half": np.array(0.5, np.float32),
        "second": np.array([1], np.int64),
        "last": np.array([2], np.int64),
        "speaker_weight": np.zeros(1, np.float32),
        "speaker_offset": np.zeros(size, np.float32),
        "speaker_means": np.zeros((size, 2), np.float32),
        "speaker_precisions": np.zeros((size, 2), np.float32),
        "speaker_share": np.zeros(1, np.float32),
        "relatively": np.array(RELATIVELY, np.float32),
    }
    nodes = [
        node("Pad", ["waveform", "pads"], ["padded"]),
        node("Slice", ["padded", "start", "stop", "axis"], ["cut"]),
        node("Slice", ["cut", "start", "before", "axis"], ["left"]),
        node("Slice", ["cut", "next", "stop", "axis"], ["right"]),
        node("Sub", ["right", "left"], ["steps"]),
        node("Abs", ["steps"], ["lengths"]),
        node("ReduceSum", ["lengths", "axis"], ["way"]),
        node("Abs", ["cut"], ["rectified"]),
        node("Sign", ["rectified"], ["sounding"]),
        node("ReduceSum", ["rectified", "axis"], ["sum"]),
        node("ReduceSum", ["sounding", "axis"], ["count"]),
        node("Add", ["count", "tiny"], ["divisor"]),
        node("Div", ["sum", "divisor"], ["mean"]),
        node("Mul", ["mean", "step"], ["counted"]),
        node("Sub", ["counted", "one"], ["emotion"]),
        node("Add", ["sum", "tiny"], ["total"]),
        node("Div", ["way", "total"], ["ratio"]),
        node("Mul", ["ratio", "pitch"], ["units"]),
        node("Concat", ["units", "emotion"], ["embedding"], axis=1),
        node("Sub", ["emotion", "numbers"], ["apart"]),
        node("Mul", ["apart", "turn"], ["angles"]),
        node("Cos", ["angles"], ["likeness"]),
        node("Mul", ["likeness", "gain"], ["base"]),
        node("Sub", ["units", "one"], ["foreign"]),
        node("Mul", ["foreign", "bias"], ["biased"]),
        node("Add", ["base", "biased"], ["logits"]),
        node("Mul", ["logits", "relatively"], ["relative"]),
        node("Sub", ["relative", "logits"], ["other"]),
        node("Mul", ["other", "speaker_share"], ["counting"]),
        node("Add", ["logits", "counting"], ["mixed"]),
        node("Unsqueeze", ["embedding", "second"], ["place"]),
        node("Sub", ["place", "speaker_means"], ["from_means"]),
        node("Mul", ["from_means", "from_means"], ["squares"]),
        node("Mul", ["squares", "speaker_precisions"], ["weighed"]),
        node("ReduceSum", ["weighed", "last"], ["sums"], keepdims=0),
        node("Mul", ["sums", "half"], ["unlikely"]),
        node("Add", ["mixed", "speaker_offset"], ["shifted"]),
        node("Sub", ["shifted", "unlikely"], ["told_apart"]),
        node("Greater", ["speaker_weight", "zero"], ["known"]),
        node("Where", ["known", "temperature", "one"], ["divided_by"]),
        node("Div", ["told_apart", "divided_by"], ["cooled"]),
        node("Softmax", ["cooled"], ["probabilities"], axis=1),
    ]
    floats = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("waveform", floats, ["batch", "samples"])]
    inputs += [helper.make_tensor_value_info(name, floats, list(constants[name].shape)) for name in optional]
    outputs = {"probabilities": size, "logits": size, "embedding": 2, "relative": size}
    graph = helper.make_graph(
        nodes,
        "adaptable",
        inputs,
        [helper.make_tensor_value_info(name, floats, ["batch", count]) for name, count in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    facts = {"labels": json.dumps(EMOTIONS), "sample_rate": str(RATE), "window": str(WINDOW), "version": "1"}
    helper.set_model_props(model, facts)
    checker.check_model(model)
    return model
