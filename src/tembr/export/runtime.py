"""Graphs in ONNX Runtime on one thread: opened, fed, and timed side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from tembr.bundle import BundleError
from tembr.export.onnx import OUTPUT, WAVEFORM
from tembr.features.extract import extract_many
from tembr.features.settings import FeatureSettings

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
        reason = str(error).strip().splitlines()[0][:160]
        raise BundleError(f"ONNX Runtime refuses the graph ({reason}); export with other members") from error


def posteriors(session: onnxruntime.InferenceSession, feeds: Sequence[Feed]) -> np.ndarray:
    """Probabilities of each feed's recordings, one run a feed, `(recordings, classes)`."""
    return np.concatenate([session.run([OUTPUT], dict(feed))[0] for feed in feeds])


def make_feed(waveforms: Sequence[np.ndarray], inputs: str, names: Sequence[str], settings: FeatureSettings) -> Feed:
    """What a graph takes for a batch of recordings.

    Args:
        waveforms: `(samples,)` each; for 'waveform' all of one length, which may be any.
        inputs: 'waveform' or 'features'.
        names: representations, for 'features'.
    """
    if inputs == "waveform":
        return {WAVEFORM: np.stack(waveforms)}
    return {name: values.numpy() for name, values in features_of(waveforms, names, settings).items()}


def features_of(waveforms: Sequence[np.ndarray], names: Sequence[str], settings: FeatureSettings) -> dict:
    """Representations of a batch of recordings of any length, cut or padded to the window, as in training."""
    batch = np.stack([settings.fit(waveform) for waveform in waveforms])
    return extract_many(batch, names, settings.sample_rate, settings=settings)


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
