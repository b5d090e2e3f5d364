"""A tiny bundle that can adapt to a speaker, with all it computes known: loudness tells the emotion, pitch the speaker.

Its level has two rows: the pitch in units of `PITCH`, and the emotion's number. A voice of another pitch than `PITCH`
biases the logits by `BIAS` for each unit; `TILT` is what the pitch relative to the level does, nothing while no
speaker is known.
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
TILT = np.array([0, 0, 3, 0, -3, 0], np.float32)
PRIORS = {"recordings": 30, "level_prior": 1.0, "offset_prior": 4.0}


def voice(emotion: str, pitch: float = PITCH, seconds: float = 1.0) -> np.ndarray:
    """A sine that carries `emotion` in a voice of `pitch` Hz, `(samples,)` float32."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (AMPLITUDES[EMOTIONS.index(emotion)] * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def units(pitch: float) -> float:
    """The level's first row for a voice of `pitch` Hz."""
    return float(np.sin(np.pi * pitch / RATE) / np.sin(np.pi * PITCH / RATE))


def logits(emotion: str, pitch: float, level: float = 0.0, weight: float = 0.0) -> np.ndarray:
    """What the network says before softmax and temperature, `(labels,)`."""
    apart = 2 * np.pi / len(EMOTIONS) * (EMOTIONS.index(emotion) - np.arange(len(EMOTIONS)))
    own = units(pitch)
    relative = own - (weight * level + (1 - weight) * own)
    return GAIN * np.cos(apart) + BIAS * (own - 1) + TILT * relative


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values / TEMPERATURE - (values / TEMPERATURE).max())
    return powers / powers.sum()


def make_adaptable(folder: Path, **changes) -> Path:
    """Write the bundle; `changes` replace its facts."""
    facts = {"name": "adaptable", "temperature": TEMPERATURE, "adaptation": PRIORS}
    return make_bundle(folder, make_model(), **(facts | changes))


def make_model(optional: tuple[str, ...] = ("speaker_level", "speaker_weight", "speaker_offset")):
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
        "tilt": np.stack([TILT, np.zeros_like(TILT)]),
        "temperature": np.array(TEMPERATURE, np.float32),
        "speaker_level": np.zeros(2, np.float32),
        "speaker_weight": np.zeros(1, np.float32),
        "speaker_offset": np.zeros(size, np.float32),
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
        node("Concat", ["units", "emotion"], ["level"], axis=1),
        node("Mul", ["speaker_level", "speaker_weight"], ["known"]),
        node("Sub", ["one", "speaker_weight"], ["unknown"]),
        node("Mul", ["level", "unknown"], ["own"]),
        node("Add", ["own", "known"], ["reference"]),
        node("Sub", ["level", "reference"], ["relative"]),
        node("MatMul", ["relative", "tilt"], ["tilted"]),
        node("Sub", ["emotion", "numbers"], ["apart"]),
        node("Mul", ["apart", "turn"], ["angles"]),
        node("Cos", ["angles"], ["likeness"]),
        node("Mul", ["likeness", "gain"], ["base"]),
        node("Sub", ["units", "one"], ["foreign"]),
        node("Mul", ["foreign", "bias"], ["biased"]),
        node("Add", ["base", "biased"], ["both"]),
        node("Add", ["both", "tilted"], ["logits"]),
        node("Add", ["logits", "speaker_offset"], ["shifted"]),
        node("Div", ["shifted", "temperature"], ["cooled"]),
        node("Softmax", ["cooled"], ["probabilities"], axis=1),
    ]
    floats = TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("waveform", floats, ["batch", "samples"])]
    inputs += [helper.make_tensor_value_info(name, floats, list(constants[name].shape)) for name in optional]
    outputs = {"probabilities": size, "level": 2, "logits": size}
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
