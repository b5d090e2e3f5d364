"""A tiny bundle whose answers are known: the emotion is told by the loudness.

`python tests/recognize/fake_bundle.py FOLDER` makes one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

from tembr.bundle import BundleError, Facts, self_test_waveform, write_facts
from tembr.emotions import EMOTIONS

RATE = 16_000
WINDOW = 3.0
AMPLITUDES = (0.08, 0.16, 0.24, 0.32, 0.40, 0.48)
"""Of a sine that carries each emotion; beyond full scale there is none."""

SHARPNESS = 3e3


def tone(emotion: str, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    """A sine that the fake bundle takes for `emotion`, `(samples,)` float32."""
    amplitude = AMPLITUDES[EMOTIONS.index(emotion)]
    return (amplitude * np.sin(2 * np.pi * 220 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def make_bundle(folder: Path, model=None, **changes) -> Path:
    """Write a bundle, of another model where one is given; `changes` replace its facts."""
    folder.mkdir(parents=True, exist_ok=True)
    save(model or make_model(), folder / "model.onnx")
    (folder / "MODEL_CARD.md").write_text("# A fake\n")
    facts = {
        "name": "fake",
        "version": "1",
        "tembr": "0",
        "inputs": "waveform",
        "shapes": {"waveform": ["batch", "samples"]},
        "labels": list(EMOTIONS),
        "sample_rate": RATE,
        "window": WINDOW,
        "members": [],
        "temperature": 1.0,
        "corpora": [],
        "licence": "CC0-1.0",
        "self_test": {"probabilities": self_test_answer(folder), "tolerance": 1e-3},
    }
    write_facts(Facts(**(facts | changes)), folder)
    return folder


def self_test_answer(folder: Path) -> list[float]:
    """What the model says to the self-test signal."""
    from tembr.recognize.network import open_session, run

    session = open_session((folder / "model.onnx").read_bytes(), "fake")
    try:
        return run(session, self_test_waveform(RATE)[None])[0].tolist()
    except BundleError:
        return []


def make_model(labels: tuple[str, ...] = EMOTIONS, waveform: str = "waveform"):
    """softmax(-sharpness · (mean |sample| over all that are not zero - the emotion's)²), cut and padded inside."""
    node = helper.make_node
    constants = {
        "pads": np.array([0, 0, 0, round(WINDOW * RATE)], np.int64),
        "start": np.array([0], np.int64),
        "stop": np.array([round(WINDOW * RATE)], np.int64),
        "axis": np.array([1], np.int64),
        "tiny": np.array(1e-6, np.float32),
        "means": np.array(AMPLITUDES[: len(labels)], np.float32)[None] * 2 / np.pi,
        "sharpness": np.array(-SHARPNESS, np.float32),
    }
    nodes = [
        node("Pad", [waveform, "pads"], ["padded"]),
        node("Slice", ["padded", "start", "stop", "axis"], ["cut"]),
        node("Abs", ["cut"], ["rectified"]),
        node("Sign", ["rectified"], ["sounding"]),
        node("ReduceSum", ["rectified", "axis"], ["sum"]),
        node("ReduceSum", ["sounding", "axis"], ["count"]),
        node("Add", ["count", "tiny"], ["divisor"]),
        node("Div", ["sum", "divisor"], ["mean"]),
        node("Sub", ["mean", "means"], ["apart"]),
        node("Mul", ["apart", "apart"], ["squared"]),
        node("Mul", ["squared", "sharpness"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "fake",
        [helper.make_tensor_value_info(waveform, TensorProto.FLOAT, ["batch", "samples"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(labels)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(
        model, {"labels": json.dumps(labels), "sample_rate": str(RATE), "window": str(WINDOW), "version": "1"}
    )
    checker.check_model(model)
    return model


if __name__ == "__main__":
    print(make_bundle(Path(sys.argv[1])))
