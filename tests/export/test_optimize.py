from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tembr.export import optimize as module
from tembr.export.optimize import optimize


def tiny(factor: float = 2.0) -> onnx.ModelProto:
    """probabilities = waveform · factor, with a node that does nothing."""
    nodes = [
        helper.make_node("Identity", ["waveform"], ["same"]),
        helper.make_node("Mul", ["same", "factor"], ["probabilities"]),
    ]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 6])  # noqa: E731
    constant = numpy_helper.from_array(np.float32(factor), "factor")
    graph = helper.make_graph(nodes, "tiny", [value("waveform")], [value("probabilities")], [constant])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


FEEDS = [{"waveform": np.ones((1, 6), np.float32)}]


def with_tools(monkeypatch, **tools):
    monkeypatch.setattr(module, "TOOLS", tools)
    return optimize(tiny(), FEEDS, rounds=3)


def test_a_tool_that_changes_answers_is_dropped(monkeypatch):
    found = with_tools(monkeypatch, wrong=lambda model: tiny(2.1))
    assert not found.steps[1].kept and "changes probabilities by 1.0e-01" in found.steps[1].why
    assert found.model.SerializeToString() == tiny().SerializeToString()


def test_a_tool_that_fails_is_dropped(monkeypatch):
    found = with_tools(monkeypatch, broken=lambda model: 1 / 0)
    assert found.steps[1].why == "failed: ZeroDivisionError" and not found.steps[1].kept


def test_a_tool_that_forgets_the_names_of_axes_is_reminded(monkeypatch):
    def forget(model):
        del model.graph.node[0]
        model.graph.node[0].input[0] = "waveform"
        model.graph.output[0].type.tensor_type.ClearField("shape")
        return model

    found = with_tools(monkeypatch, shorter=forget)
    assert found.model.graph.output[0] == tiny().graph.output[0]


def test_a_tool_that_renames_an_output_is_dropped(monkeypatch):
    def rename(model):
        model.graph.output[0].name = model.graph.node[-1].output[0] = "y"
        return model

    assert with_tools(monkeypatch, rename=rename).steps[1].why == "failed: ValueError"


def test_a_tool_may_not_touch_what_it_is_given(monkeypatch):
    def spoil(model):
        del model.graph.node[:]
        raise ValueError

    assert len(with_tools(monkeypatch, spoil=spoil).model.graph.node) == 2


@pytest.mark.parametrize(
    "difference, time, load, smaller, portable, kept",
    [
        (2e-5, 0.5, 0.5, True, True, False),
        (float("nan"), 0.5, 0.5, True, True, False),
        (0, 1.1, 0.5, True, True, False),
        (0, 0.9, 1.0, False, True, True),
        (0, 0.9, 1.0, False, False, False),
        (0, 0.8, 1.0, False, False, True),
        (0, 1.0, 1.0, True, True, True),
        (0, 1.0, 1.0, True, False, False),
        (0, 1.0, 0.8, False, True, True),
        (0, 1.0, 1.0, False, True, False),
    ],
)
def test_what_is_kept(difference, time, load, smaller, portable, kept):
    assert module._verdict(difference, time, load, smaller, portable)[0] is kept


def test_the_tools_leave_a_graph_that_answers_the_same(bundle, waveforms):
    model = onnx.load(bundle.folder / "model.onnx")
    found = optimize(model, [{"waveform": w[None]} for w in waveforms[:2]], rounds=2)
    assert all(step.difference <= 1e-5 for step in found.steps if step.kept)
    assert {node.domain for node in found.portable.graph.node} <= {"", "ai.onnx", "com.microsoft"}
