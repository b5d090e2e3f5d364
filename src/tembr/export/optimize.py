"""Graph optimisation with the maintained tools: every step is measured, and kept only where it helps."""

from __future__ import annotations

import contextlib
import copy
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from tembr.export.onnx import with_interface_of
from tembr.export.runtime import Feed, latencies, open_session, posteriors, timings

EQUAL = 1e-5
"""Largest difference of a probability that an optimisation may make."""

FASTER, SLOWER = 0.97, 1.03
"""Ratios of time below and above which a change is more than noise."""

MUCH_FASTER = 0.85
"""Ratio of time below which a file of ONNX Runtime's own operators is worth it; it makes them itself on opening one."""


@dataclass(frozen=True)
class Step:
    """What one optimisation did.

    Attributes:
        name: of the tool; 'exported' is the graph it began with.
        kept: whether the bundle has it.
        why: in words.
        nodes, bytes: of the graph after it.
        milliseconds: one recording on one thread, lowest of many.
        load: milliseconds to open a session, lowest of a few.
        before: milliseconds of the graph before it, measured in turn with it.
        difference: largest of a probability, from the graph before it.
    """

    name: str
    kept: bool
    why: str
    nodes: int
    bytes: int
    milliseconds: float = 0.0
    load: float = 0.0
    before: float = 0.0
    difference: float = 0.0


@dataclass(frozen=True)
class Optimized:
    """A graph after the steps that helped.

    Attributes:
        model: the best one.
        portable: the best one of standard operators alone, which quantisers and other runtimes understand.
        steps: all that were tried.
    """

    model: onnx.ModelProto
    portable: onnx.ModelProto
    steps: tuple[Step, ...]


def optimize(model: onnx.ModelProto, feeds: Sequence[Feed], rounds: int = 20) -> Optimized:
    """Try each tool in turn on what the last kept step left.

    Args:
        model: as exported; not changed.
        feeds: recordings that outputs are compared on; the first is timed.
        rounds: of each of two timings; the one that shows less of a change counts.
    """
    steps = [Step("exported", True, "the beginning", len(model.graph.node), model.ByteSize())]
    portable = model
    for name, tool in TOOLS.items():
        model, step = _try(name, tool, model, feeds, rounds)
        portable = model if _portable(model) else portable
        steps.append(step)
    return Optimized(model, portable, tuple(steps))


def _try(name: str, tool: Callable, model: onnx.ModelProto, feeds: Sequence[Feed], rounds: int):
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            changed = with_interface_of(model, tool(copy.deepcopy(model)))
        after = open_session(changed)
    except Exception as error:  # each tool has errors of its own, and none may stop an export
        reason = f"failed: {type(error).__name__}"
        return model, Step(name, False, reason, len(model.graph.node), model.ByteSize())
    step = _measured(name, model, changed, open_session(model), after, feeds, rounds)
    return (changed if step.kept else model), step


def _measured(name, model, changed, before, after, feeds, rounds) -> Step:
    difference = float(np.abs(posteriors(before, feeds) - posteriors(after, feeds)).max())
    runs = [[t.lowest for t in latencies((before, after), feeds[0], rounds)] for _ in range(2)]
    milliseconds = min(runs, key=lambda pair: abs(pair[1] / pair[0] - 1))  # a gain has to show twice
    loads = [t.lowest for t in timings([lambda: open_session(model), lambda: open_session(changed)], 4)]
    size = len(changed.graph.node), changed.ByteSize()
    smaller = size[0] < len(model.graph.node) or size[1] < 0.99 * model.ByteSize()
    ratios = milliseconds[1] / milliseconds[0], loads[1] / loads[0]
    kept, why = _verdict(difference, *ratios, smaller, _portable(changed))
    return Step(name, kept, why, *size, milliseconds[1], loads[1], milliseconds[0], difference)


def _verdict(difference: float, time: float, load: float, smaller: bool, portable: bool) -> tuple[bool, str]:
    if not difference <= EQUAL:
        return False, f"changes probabilities by {difference:.1e}"
    if time > SLOWER:
        return False, f"{time:.2f} times the time"
    if not portable and time > MUCH_FASTER:
        return False, f"{time:.2f} times the time is too little for a file that only ONNX Runtime reads"
    if time < FASTER:
        return True, f"{time:.2f} times the time"
    if smaller:
        return True, "smaller and no slower"
    return (True, f"opens in {load:.2f} times the time") if load < FASTER**3 else (False, "changes nothing measurable")


def _portable(model: onnx.ModelProto) -> bool:
    return all(node.domain in ("", "ai.onnx") for node in model.graph.node)


def _onnxslim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxslim

    return onnxslim.slim(model)


def _onnxoptimizer(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxoptimizer

    return onnxoptimizer.optimize(model, onnxoptimizer.get_fuse_and_elimination_passes())


def _onnxruntime(level: onnxruntime.GraphOptimizationLevel) -> Callable[[onnx.ModelProto], onnx.ModelProto]:
    def tool(model: onnx.ModelProto) -> onnx.ModelProto:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level, options.log_severity_level = level, 4
        with tempfile.TemporaryDirectory() as folder:
            options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
            onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
            return onnx.load(options.optimized_model_filepath)

    return tool


TOOLS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "onnxslim": _onnxslim,
    "onnxoptimizer": _onnxoptimizer,
    "ONNX Runtime, basic": _onnxruntime(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC),
    "ONNX Runtime, extended": _onnxruntime(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED),
}
"""In order. Layout optimisation is left out: its result depends on the processor it was made on."""
