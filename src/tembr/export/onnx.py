"""A PyTorch module as an ONNX graph, and what is written into one."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Mapping, Sequence

import onnx
import torch
from torch import nn

from tembr.errors import ConfigError, first_line

OPSET = 20
"""The first with `Gelu`."""

OUTPUT = "probabilities"
WAVEFORM = "waveform"


def write_metadata(model: onnx.ModelProto, facts: Mapping[str, object]) -> None:
    """Put `facts` into the file's own metadata; what is not text becomes JSON."""
    texts = {k: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for k, v in facts.items()}
    onnx.helper.set_model_props(model, texts)


def with_interface_of(model: onnx.ModelProto, changed: onnx.ModelProto) -> onnx.ModelProto:
    """`changed` with the names of axes and the metadata of `model`, which tools tend to lose.

    Sets of operators that none of its nodes is from, which tools tend to add, are left out.

    Raises:
        ValueError: its inputs or outputs are others.
    """
    for ours, theirs in ((model.graph.input, changed.graph.input), (model.graph.output, changed.graph.output)):
        if [value.name for value in ours] != [value.name for value in theirs]:
            raise ValueError("other inputs or outputs")
        for value, other in zip(ours, theirs):
            other.CopyFrom(value)
    del changed.metadata_props[:]
    changed.metadata_props.extend(model.metadata_props)
    used = {"", "ai.onnx", *(node.domain for node in changed.graph.node)}
    kept = [copy.deepcopy(one) for one in changed.opset_import if one.domain in used]
    del changed.opset_import[:]
    changed.opset_import.extend(kept)
    return changed


def export_module(
    module: nn.Module, examples: tuple, names: list[str], shapes: tuple, outputs: Sequence[str] = (OUTPUT,)
) -> onnx.ModelProto:
    """A module as a graph, without the exporter's notes.

    Args:
        examples: one value an input; `names`: of the inputs; `shapes`: their dynamic axes.
        outputs: names of the outputs.

    Raises:
        ConfigError: something in it cannot be exported.
    """
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                module.eval(),
                examples,
                input_names=names,
                output_names=list(outputs),
                dynamic_shapes=shapes,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = first_line(error.__cause__ or error)
        raise ConfigError(f"these members cannot become one ONNX graph ({reason}); export fewer of them") from error
    return _without_traces(program.model_proto)


def _without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Leave out the exporter's notes on where in the source each node came from."""
    model.doc_string = ""
    for part in (model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info):
        part.doc_string = ""
        part.ClearField("metadata_props")
    for value in (*model.graph.input, *model.graph.output):
        value.ClearField("metadata_props")
    del model.metadata_props[:]
    del model.graph.value_info[:]
    return model


@contextlib.contextmanager
def _quiet():
    """Keep the exporter's talk about its own progress out of the user's way."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
