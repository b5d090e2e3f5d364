"""Smaller and faster variants of a graph: weights in fewer bits, and arithmetic in 8.

Only the networks are quantised: their two-dimensional convolutions and linear layers. The front end (transform, mel
bands, logarithm) stays in single precision. Static quantisation takes the range of every activation from recordings
that were learnt from, and never from those that anything is measured on.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tembr.errors import ConfigError, first_line
from tembr.export.onnx import with_interface_of
from tembr.export.runtime import Feed

Quantize = Literal["none", "dynamic", "static"]

LEAST = 16
"""Outputs from which a linear layer is quantised."""

CALIBRATION = 128
"""Recordings that activations' ranges are taken from."""

BLOCKS = {8: 256, 4: 64}
"""Bits of a weight in `blocks` → neighbouring weights, and activations, that share a scale.

256 is the largest there is, and the fastest; four bits need finer ones.
"""

LARGE = 1 << 14
"""Numbers of a constant from which it is stored in half precision where that loses nothing."""


@dataclass(frozen=True)
class Variant:
    """A way to quantise.

    Attributes:
        name: of its file in `quantized/`.
        words: what it is, for the report.
        calibrated: whether it needs recordings.
        make: from the graph and calibration feeds to the quantised graph.
        tolerance: of its self-test: what is rounded to 8 bits, and where sums saturate, is not alike on all processors.
        linear: whether it is for networks of products alone (`MatMul`), as encoders are in a graph.
    """

    name: str
    words: str
    calibrated: bool
    make: Callable[[onnx.ModelProto, Iterable[Feed]], onnx.ModelProto]
    tolerance: float
    linear: bool = False


def variants(how: Quantize, model: onnx.ModelProto | None = None) -> tuple[Variant, ...]:
    """Those that `--quantize` makes: none, those without calibration, or all; of a model those that suit it."""
    if how == "none":
        return ()
    convolved = model is not None and any(layer.op_type != "MatMul" for layer in network_layers(model))
    return tuple(v for v in VARIANTS if (how == "static" or not v.calibrated) and not (v.linear and convolved))


def network_layers(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Convolutions over rows and frames, and linear layers, with constant weights: all that is quantised.

    The front end's convolution is over time alone, and its products have their constants on the left. Layers with
    fewer than `LEAST` outputs, such as those that give the logits, and what adapting to a speaker takes stay as they
    are.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    layers = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm", "MatMul") and n.input[1] in weights]
    return [n for n in layers if _is_layer(n, weights[n.input[1]])]


def _is_layer(node: onnx.NodeProto, weight: TensorProto) -> bool:
    if node.op_type == "Conv":
        return len(weight.dims) == 4
    return len(weight.dims) == 2 and min(weight.dims) >= LEAST and "projection" not in weight.name


def half_weights(model: onnx.ModelProto, feeds: Iterable[Feed] = ()) -> onnx.ModelProto:
    """Weights stored in half precision, made single again when the file is opened: half the size, the same speed."""

    def stored(tensor: TensorProto, layer: onnx.NodeProto, prefix: str):
        weight = numpy_helper.to_array(tensor).astype(np.float16)
        cast = helper.make_node("Cast", [f"{prefix}_half"], [tensor.name], f"{prefix}_cast", to=TensorProto.FLOAT)
        return [numpy_helper.from_array(weight, f"{prefix}_half")], [cast]

    return _store_weights(model, stored)


def byte_weights(model: onnx.ModelProto, feeds: Iterable[Feed] = ()) -> onnx.ModelProto:
    """Weights stored as INT8 with a scale a channel, made single when the file is opened: a quarter, the same speed."""

    def stored(tensor: TensorProto, layer: onnx.NodeProto, prefix: str):
        weight = numpy_helper.to_array(tensor)
        axis = 0 if layer.op_type == "Conv" or _transposed(layer) else 1
        others = tuple(i for i in range(weight.ndim) if i != axis)
        scale = np.maximum(np.abs(weight).max(axis=others, keepdims=True) / 127, 1e-12).astype(np.float32)
        rounded = np.rint(weight / scale).astype(np.int8)
        constants = [
            numpy_helper.from_array(rounded, f"{prefix}_byte"),
            numpy_helper.from_array(scale, f"{prefix}_scale"),
        ]
        cast = helper.make_node("Cast", [f"{prefix}_byte"], [f"{prefix}_whole"], f"{prefix}_cast", to=TensorProto.FLOAT)
        scaled = helper.make_node("Mul", [f"{prefix}_whole", f"{prefix}_scale"], [tensor.name], f"{prefix}_scaled")
        return constants, [cast, scaled]

    return _store_weights(model, stored)


def blocks(model: onnx.ModelProto, feeds: Iterable[Feed] = (), *, bits: Literal[4, 8]) -> onnx.ModelProto:
    """Linear layers with a scale for every block of weights in few bits, and of INT8 activations (`MatMulNBits`).

    An operator of ONNX Runtime's own, 1.22 or later for 8 bits. A recording's answer does not depend on what else is in
    the batch.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    from onnxruntime.quantization import matmul_nbits_quantizer as module  # which gives the root logger a handler

    root.handlers[:] = handlers
    root.setLevel(level)
    weights = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    sizes = {layer.name: _block_size(weights[layer.input[1]][0], bits) for layer in network_layers(model)}

    def quantized(given: onnx.ModelProto, path: str) -> None:
        for size in sorted(set(sizes.values())):
            config = module.DefaultWeightOnlyQuantConfig(
                block_size=size, is_symmetric=True, accuracy_level=4, bits=bits
            )
            names = [name for name, own in sizes.items() if own == size]
            others = [node.name for node in given.graph.node if node.name not in names]
            quantizer = module.MatMulNBitsQuantizer(
                given, nodes_to_include=names, nodes_to_exclude=others, algo_config=config
            )
            quantizer.process()
            given = quantizer.model.model
        onnx.save(given, path)

    module.logger.setLevel(logging.ERROR)
    return _through_file(quantized, model)


def _block_size(inputs: int, bits: int) -> int:
    """Of a layer with so many inputs: the last block of a column is filled up, so a narrow layer has smaller ones."""
    return min(BLOCKS[bits], max(16, 1 << (inputs - 1).bit_length()))


def exact_halves(model: onnx.ModelProto) -> onnx.ModelProto:
    """Large constants that are whole in half precision, such as an encoder's positions, stored so, and made single when
    the file is opened."""
    model = copy.deepcopy(model)
    for number, tensor in enumerate(list(model.graph.initializer)):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < LARGE:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            name = f"half_{number}"
            cast = helper.make_node("Cast", [name], [tensor.name], f"{name}_cast", to=TensorProto.FLOAT)
            model.graph.node.insert(0, cast)
            tensor.CopyFrom(numpy_helper.from_array(half, name))
    return model


def dynamic(model: onnx.ModelProto, feeds: Iterable[Feed] = (), *, unsigned: bool) -> onnx.ModelProto:
    """INT8 (or UINT8) weights; activations are measured and rounded to 8 bits at every run."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    return _through_file(
        quantize_dynamic,
        model,
        weight_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        per_channel=True,
        nodes_to_quantize=[n.name for n in network_layers(model)],
        extra_options={"MatMulConstBOnly": True},
    )


def static(
    model: onnx.ModelProto, feeds: Iterable[Feed], *, unsigned: bool, reduce_range: bool = False
) -> onnx.ModelProto:
    """INT8 weights with a scale a channel, INT8 (or UINT8) activations whose ranges come from `feeds`, as QDQ nodes.

    What linear layers give stays in single precision: a sum of products loses less than its factors, and takes no
    longer. A recording's answer does not depend on what else is in the batch. `reduce_range` takes 7 bits for weights,
    against saturation on processors without VNNI. (ONNX Runtime's own remedy, `session.x64quantprecision`, costs those
    with VNNI half their speed.)
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    return _through_file(
        quantize_static,
        model,
        calibration_data_reader=_Reader(feeds),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        reduce_range=reduce_range,
        activation_type=QuantType.QUInt8 if unsigned else QuantType.QInt8,
        weight_type=QuantType.QInt8,
        nodes_to_quantize=[n.name for n in network_layers(model)],
        extra_options={"OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"]},
    )


VARIANTS = (
    Variant("weights-fp16", "weights stored in half precision, fp32 arithmetic", False, half_weights, 1e-3),
    Variant("weights-int8", "weights stored as INT8 a channel, fp32 arithmetic", False, byte_weights, 1e-3),
    Variant(
        "block-int8", "INT8 in blocks of weights and activations", False, partial(blocks, bits=8), 0.05, linear=True
    ),
    Variant(
        "block-int4", "INT4 in blocks of weights, INT8 activations", False, partial(blocks, bits=4), 0.05, linear=True
    ),
    Variant("dynamic-int8", "dynamic, INT8 weights", False, partial(dynamic, unsigned=False), 0.05),
    Variant("dynamic-uint8", "dynamic, UINT8 weights", False, partial(dynamic, unsigned=True), 0.05),
    Variant("static-int8", "static, INT8 activations", True, partial(static, unsigned=False), 0.1),
    Variant("static-uint8", "static, UINT8 activations", True, partial(static, unsigned=True), 0.1),
    Variant(
        "static-uint8-7bit",
        "static, UINT8 activations, 7-bit weights for processors without VNNI",
        True,
        partial(static, unsigned=True, reduce_range=True),
        0.1,
    ),
)


class _Reader:
    """Calibration feeds as ONNX Runtime wants them: one at a time, then None."""

    def __init__(self, feeds: Iterable[Feed]):
        self._feeds = iter(feeds)

    def get_next(self) -> dict | None:
        feed = next(self._feeds, None)
        return None if feed is None else dict(feed)


def _through_file(quantizer: Callable, model: onnx.ModelProto, **options) -> onnx.ModelProto:
    if not network_layers(model):
        raise ConfigError("the graph has no convolution or linear layer to quantise; export with --quantize none")
    quiet = logging.getLogger()
    level = quiet.level
    try:
        quiet.setLevel(logging.ERROR)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            path = str(Path(folder) / "quantized.onnx")
            quantizer(copy.deepcopy(model), path, **options)
            result = onnx.load(path)
    except Exception as error:  # the quantisers raise what they please
        reason = first_line(error)
        raise ConfigError(f"these networks cannot be quantised ({reason}); export with --quantize none") from error
    finally:
        quiet.setLevel(level)
    return exact_halves(with_interface_of(model, result))


def _store_weights(model: onnx.ModelProto, stored: Callable) -> onnx.ModelProto:
    """Replace the networks' weights by smaller constants and nodes that make them single precision again."""
    model = copy.deepcopy(model)
    layers = {layer.input[1]: layer for layer in network_layers(model)}
    kept, nodes = [], []
    for tensor in model.graph.initializer:
        if tensor.name not in layers:
            kept.append(tensor)
            continue
        constants, made = stored(tensor, layers[tensor.name], f"stored_{len(nodes)}")
        kept += constants
        nodes += made
    nodes += model.graph.node
    kept, nodes = copy.deepcopy(kept), copy.deepcopy(nodes)
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    return model


def _transposed(layer: onnx.NodeProto) -> bool:
    return any(a.name == "transB" and a.i for a in layer.attribute)
