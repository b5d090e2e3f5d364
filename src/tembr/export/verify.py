"""Whether the graph answers as PyTorch does, on real recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch

from tembr.adaptation.fitting import EnsembleOutputs, Fitted
from tembr.audio import fit_length
from tembr.ensemble.joined import Ensemble
from tembr.export.graph import MEANS, OFFSET, PRECISIONS, SHARE, WEIGHT
from tembr.export.onnx import OUTPUT
from tembr.export.runtime import Feed, make_feed, open_session, posteriors, values_of

TOLERANCE = 1e-4
"""Largest difference of a probability between the graph and PyTorch in single precision."""

BATCH = 17


@dataclass(frozen=True)
class Verification:
    """The comparison of a graph with PyTorch (inputs as the store has them, then the ensemble).

    Attributes:
        passed: whether the graph may be shipped.
        recordings: compared; `wanted`: asked for, more than there are in a small corpus.
        corpus: their corpus.
        difference: largest of a probability, recordings one by one.
        other_labels: recordings that the two name differently.
        batch_difference: largest of a probability between batches of 17 and 2, and one by one.
        adapted_difference: largest of a probability for a speaker that is known; 0 where it cannot be adapted.
        silence: probabilities of silence, which must be numbers that sum to one.
        tolerance: of all differences.
    """

    passed: bool
    recordings: int
    wanted: int
    corpus: str
    difference: float
    other_labels: int
    batch_difference: float
    adapted_difference: float
    silence: list[float]
    tolerance: float = TOLERANCE


def verify_graph(
    model: onnx.ModelProto,
    ensemble: Ensemble,
    waveforms: Sequence[np.ndarray],
    inputs: str = "waveform",
    corpus: str = "",
    wanted: int = 0,
    temperature: float | None = None,
) -> Verification:
    """Compare a graph with the ensemble it came from.

    Args:
        waveforms: recordings, `(samples,)` each, of any length.
        inputs: what the graph takes, 'waveform' or 'features'.
        corpus, wanted: for the record.
        temperature: of adapted answers; None where the graph cannot be adapted.
    """
    session, taken = open_session(model), ensemble.distinct_inputs
    expected = torch_posteriors(ensemble, waveforms)
    found = posteriors(session, [make_feed([waveform], inputs, taken) for waveform in waveforms])
    difference = _largest(found - expected)
    other = int((found.argmax(1) != expected.argmax(1)).sum())
    apart = max(_batched_difference(session, part, inputs, taken) for part in _equally_long(waveforms))
    adapted = 0.0
    if temperature is not None:
        adapted = max(_adapted_difference(session, ensemble, w, temperature) for w in waveforms[:BATCH])
    rate = taken[0].sample_rate
    silence = posteriors(session, [make_feed([np.zeros(rate, np.float32)], inputs, taken)])[0]
    sound = bool(np.isfinite(silence).all()) and abs(float(silence.sum()) - 1) < 1e-4
    passed = max(difference, apart, adapted) <= TOLERANCE and not other and sound
    numbers = [round(float(p), 6) for p in silence]
    return Verification(passed, len(waveforms), wanted, corpus, difference, other, apart, adapted, numbers)


def torch_posteriors(ensemble: Ensemble, waveforms: Sequence[np.ndarray]) -> np.ndarray:
    """Posteriors by PyTorch in single precision, one recording at a time, `(recordings, labels)`."""
    with torch.no_grad():
        parts = [ensemble.posteriors(values_of([w], ensemble.distinct_inputs)) for w in waveforms]
    return torch.cat(parts).numpy()


def somebody(said: EnsembleOutputs) -> Fitted:
    """A speaker nobody is, for comparison: offsets rising with the label, emotions about the recording itself."""
    labels, share = said.logits.shape[1], 0.0 if said.relative is None else 0.4
    offset = np.linspace(-0.5, 0.5, labels)
    if said.embeddings is None:
        return Fitted(offset, share=share)
    means = said.embeddings[0] + np.linspace(-1, 1, labels)[:, None]
    return Fitted(offset, means, np.full_like(means, 0.3), share)


def speaker_feed(fitted: Fitted) -> Feed:
    """What a graph takes about a speaker."""
    values = {WEIGHT: np.ones(1), OFFSET: fitted.offset} | ({SHARE: np.full(1, fitted.share)} if fitted.share else {})
    if fitted.means is not None:
        values |= {MEANS: fitted.means, PRECISIONS: fitted.precisions}
    return {name: value.astype(np.float32) for name, value in values.items()}


def _adapted_difference(session, ensemble: Ensemble, waveform: np.ndarray, temperature: float) -> float:
    """Between the graph and the formula in numpy on PyTorch's logits and embedding."""
    values = values_of([waveform], ensemble.distinct_inputs)
    with torch.no_grad():
        answer = ensemble.module(ensemble.arranged(values))
    said = EnsembleOutputs(*(None if one is None else one.double().numpy() for one in answer))
    fitted = somebody(said)
    powers = (said.logits + fitted.added(said)) / temperature
    expected = torch.softmax(torch.from_numpy(powers), dim=-1).numpy()
    given = {"waveform": waveform[None], **speaker_feed(fitted)}
    return _largest(session.run([OUTPUT], given)[0] - expected)


def _batched_difference(session, waveforms: Sequence[np.ndarray], inputs: str, taken) -> float:
    together = posteriors(session, [make_feed(waveforms, inputs, taken)])
    alone = posteriors(session, [make_feed([waveform], inputs, taken) for waveform in waveforms])
    return _largest(together - alone)


def _equally_long(waveforms: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """The first 17 and the first 2 recordings, as long as the longest of them."""
    for size in (BATCH, 2):
        part = list(waveforms[:size])
        yield [fit_length(w, max(map(len, part)), repeat=True) for w in part]


def _largest(difference: np.ndarray) -> float:
    """Largest magnitude; infinite where it is not a number."""
    largest = float(np.abs(difference).max())
    return largest if np.isfinite(largest) else float("inf")
