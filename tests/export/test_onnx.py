"""What is written into a graph, and what is left out of one; nothing is exported."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import onnx
import pytest
import torch
from torch import nn

from tembr.errors import ConfigError
from tembr.export.onnx import export_module, with_interface_of, write_metadata
from tests.export.small_ensemble import loud_graph


def carried(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def traced() -> onnx.ModelProto:
    """A graph with the exporter's notes in all places."""
    model = loud_graph()
    model.doc_string = "made on this machine"
    model.graph.value_info.append(model.graph.output[0])
    model.metadata_props.add(key="path", value="/home/me")
    for part in (model.graph, model.graph.node[0], model.graph.initializer[0], model.graph.input[0]):
        part.metadata_props.add(key="path", value="/home/me")
    model.graph.node[1].doc_string = "File /home/me/x.py, line 3"
    return model


def exporting(monkeypatch, export) -> onnx.ModelProto:
    monkeypatch.setattr(torch.onnx, "export", export)
    return export_module(nn.Identity(), (torch.zeros(1),), ["waveform"], (None,))


def test_text_is_written_as_it_is_and_all_else_as_json():
    model = loud_graph()
    write_metadata(model, {"name": "żółć", "labels": ["złość", "b"], "window": 3.0})
    assert carried(model) == {"name": "żółć", "labels": '["złość", "b"]', "window": "3.0"}


def test_what_is_written_again_takes_the_place_of_the_first():
    model = loud_graph()
    for variant in ("fp32", "static"):
        write_metadata(model, {"variant": variant})
    assert carried(model) == {"variant": "static"}


def test_names_of_axes_and_metadata_are_given_back():
    model, changed = loud_graph(), loud_graph()
    write_metadata(model, {"name": "mine"})
    write_metadata(changed, {"tool": "optimiser"})
    changed.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "unk_1"
    found = with_interface_of(model, changed)
    assert found.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch" and carried(found) == {
        "name": "mine"
    }


def test_sets_of_operators_that_no_node_is_from_are_left_out():
    changed = loud_graph()
    changed.opset_import.extend([onnx.helper.make_opsetid("com.microsoft", 1), onnx.helper.make_opsetid("ai.x", 1)])
    changed.graph.node.add(op_type="FusedMatMul", domain="com.microsoft")
    assert [one.domain for one in with_interface_of(loud_graph(), changed).opset_import] == ["", "com.microsoft"]


def test_a_graph_of_other_outputs_is_another_graph():
    with pytest.raises(ValueError, match="other inputs or outputs"):
        with_interface_of(loud_graph(), loud_graph(temperature=2.0))


def test_nothing_of_this_machine_is_left_in_a_graph(monkeypatch):
    model = exporting(monkeypatch, lambda *_, **__: SimpleNamespace(model_proto=traced()))
    assert b"/home/me" not in model.SerializeToString() and b"this machine" not in model.SerializeToString()
    assert len(model.graph.node) == len(loud_graph().graph.node) and not model.graph.value_info


def test_what_cannot_be_exported_is_one_line_with_the_cause(monkeypatch):
    def refuse(*_, **__):
        raise torch.onnx.errors.OnnxExporterError("long\nstory") from ValueError("no such operator\nat line 3")

    said = r"cannot become one ONNX graph \(no such operator\); export fewer of them"
    with pytest.raises(ConfigError, match=said):
        exporting(monkeypatch, refuse)


def test_the_exporter_is_quiet_and_loggers_are_as_before(monkeypatch, capsys):
    logger = logging.getLogger("torch.onnx")
    monkeypatch.setattr(logger, "level", logging.INFO)
    levels = []

    def talk(*_, **__):
        print("step 1 of 9")
        levels.append(logger.level)
        return SimpleNamespace(model_proto=loud_graph())

    exporting(monkeypatch, talk)
    assert (levels, logger.level, capsys.readouterr().out) == ([logging.ERROR], logging.INFO, "")


def test_a_module_is_exported_in_evaluation_with_its_names(monkeypatch):
    given = {}

    def export(module, examples, **options):
        given.update(options, training=module.training)
        return SimpleNamespace(model_proto=loud_graph())

    exporting(monkeypatch, export)
    assert (given["training"], given["input_names"], given["output_names"]) == (False, ["waveform"], ["probabilities"])
