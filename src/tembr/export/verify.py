"""Whether the graph answers as PyTorch does, on real recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch

from tembr.audio import fit_length
from tembr.export.runtime import features_of, make_feed, open_session, posteriors
from tembr.features.settings import FeatureSettings
from tembr.train.ensemble import WeightedEnsemble

TOLERANCE = 1e-4
"""Largest difference of a probability between the graph and PyTorch in single precision."""

BATCH = 17


@dataclass(frozen=True)
class Verification:
    """The comparison of a graph with PyTorch (`extract`, then `WeightedEnsemble`).

    Attributes:
        passed: whether the graph may be shipped.
        recordings: compared; `wanted`: asked for, more than there are in a small corpus.
        corpus: their corpus.
        difference: largest of a probability, recordings one by one.
        other_labels: recordings that the two name differently.
        batch_difference: largest of a probability between batches of 17 and 2, and one by one.
        silence: probabilities of silence, which must be numbers that sum to one.
        tolerance: of both differences.
    """

    passed: bool
    recordings: int
    wanted: int
    corpus: str
    difference: float
    other_labels: int
    batch_difference: float
    silence: list[float]
    tolerance: float = TOLERANCE


def verify_graph(
    model: onnx.ModelProto,
    ensemble: WeightedEnsemble,
    settings: FeatureSettings,
    waveforms: Sequence[np.ndarray],
    inputs: str = "waveform",
    corpus: str = "",
    wanted: int = 0,
) -> Verification:
    """Compare a graph with the ensemble it came from.

    Args:
        waveforms: recordings, `(samples,)` each, of any length.
        inputs: what the graph takes, 'waveform' or 'features'.
        corpus, wanted: for the record.
    """
    session = open_session(model)
    expected = torch_posteriors(ensemble, settings, waveforms)
    feeds = [make_feed([waveform], inputs, ensemble.names, settings) for waveform in waveforms]
    found = posteriors(session, feeds)
    difference = _largest(found - expected)
    other = int((found.argmax(1) != expected.argmax(1)).sum())
    apart = max(
        _largest(posteriors(session, [make_feed(part, inputs, ensemble.names, settings)]) - found[: len(part)])
        for part in _equally_long(waveforms, settings)
    )
    silent = make_feed([np.zeros(settings.window_samples // 2, np.float32)], inputs, ensemble.names, settings)
    silence = posteriors(session, [silent])[0]
    sound = bool(np.isfinite(silence).all()) and abs(float(silence.sum()) - 1) < 1e-4
    passed = difference <= TOLERANCE and apart <= TOLERANCE and not other and sound
    numbers = [round(float(p), 6) for p in silence]
    return Verification(passed, len(waveforms), wanted, corpus, difference, other, apart, numbers)


def torch_posteriors(
    ensemble: WeightedEnsemble, settings: FeatureSettings, waveforms: Sequence[np.ndarray]
) -> np.ndarray:
    """Posteriors by PyTorch in single precision, `(recordings, classes)`."""
    with torch.no_grad():
        parts = [ensemble(features_of(batch, ensemble.names, settings)) for batch in _batches(waveforms, BATCH)]
    return torch.cat(parts).numpy()


def _equally_long(waveforms: Sequence[np.ndarray], settings: FeatureSettings) -> Iterator[list[np.ndarray]]:
    """The first 17 and the first 2 recordings, padded to one length: that of the longest, at least the window."""
    for size in (BATCH, 2):
        part = list(waveforms[:size])
        length = max(settings.window_samples, *(len(w) for w in part))
        yield [fit_length(w, length, repeat=settings.padding == "repeat") for w in part]


def _batches(waveforms: Sequence[np.ndarray], size: int) -> Iterator[Sequence[np.ndarray]]:
    for start in range(0, len(waveforms), size):
        yield waveforms[start : start + size]


def _largest(difference: np.ndarray) -> float:
    """Largest magnitude; infinite where it is not a number."""
    largest = float(np.abs(difference).max())
    return largest if np.isfinite(largest) else float("inf")
