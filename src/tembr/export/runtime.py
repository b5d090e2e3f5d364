"""Graphs in ONNX Runtime on one thread: opened, fed, and timed side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch

from tembr.bundle import BundleError
from tembr.errors import first_line
from tembr.export.onnx import OUTPUT, WAVEFORM
from tembr.features.inputs import Input

Feed = Mapping[str, np.ndarray]


def open_session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A session on one thread, optimised as ONNX Runtime does by default.

    Raises:
        BundleError: ONNX Runtime refuses the graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has its own hierarchy
        raise BundleError(f"ONNX Runtime refuses the graph ({first_line(error)}); export with other members") from error


def posteriors(session: onnxruntime.InferenceSession, feeds: Sequence[Feed]) -> np.ndarray:
    """Probabilities of each feed's recordings, one run a feed, `(recordings, classes)`."""
    return np.concatenate([session.run([OUTPUT], dict(feed))[0] for feed in feeds])


def make_feed(waveforms: Sequence[np.ndarray], how: str, inputs: Sequence[Input]) -> Feed:
    """What a graph takes for a batch of recordings.

    Args:
        waveforms: `(samples,)` each; for 'waveform' all of one length, which may be any.
        how: 'waveform' or 'features'.
        inputs: of the members, for 'features'.
    """
    if how == "waveform":
        return {WAVEFORM: np.stack(waveforms)}
    return {one.name: values.numpy() for one, values in values_of(waveforms, inputs).items()}


def values_of(waveforms: Sequence[np.ndarray], inputs: Sequence[Input]) -> dict[Input, torch.Tensor]:
    """Values of a batch of recordings of any length as the store has them, `(batch, bins, frames)` each."""
    found = {}
    for one in inputs:
        (values,) = type(one).compute([one], waveforms)
        found[one] = torch.from_numpy(np.stack(values))
    return found


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one run: the median, and the lowest, which the machine's other work does not touch."""

    median: float
    lowest: float


def latencies(sessions: Sequence[onnxruntime.InferenceSession], feed: Feed, rounds: int = 30) -> list[Timing]:
    """Time one run of each session, taken in turn so that all meet the same load."""
    return timings([lambda session=session: session.run([OUTPUT], dict(feed)) for session in sessions], rounds)


def timings(works: Sequence[Callable[[], object]], rounds: int) -> list[Timing]:
    """Time each of `works`, done in turn, every other round backwards; the first two rounds are not counted."""
    times: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 2):
        for work, taken in list(zip(works, times))[:: 1 if number % 2 else -1]:
            started = time.perf_counter()
            work()
            taken.append((time.perf_counter() - started) * 1e3)
    return [Timing(statistics.median(taken[2:]), min(taken[2:])) for taken in times]
