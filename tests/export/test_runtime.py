"""Graphs opened, fed and timed; time is what the test says it is."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch

from tembr.bundle import BundleError
from tembr.export import runtime as module
from tembr.export.runtime import Timing, latencies, make_feed, open_session, posteriors, timings, values_of
from tests.export.small_ensemble import Loudness, loud_graph, noise


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Seconds, moved on by who adds to them."""
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    return now


def test_a_session_answers_on_one_thread():
    session = open_session(loud_graph())
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    (found,) = session.run(None, {"waveform": np.stack(noise(0.1))})
    np.testing.assert_allclose(found, torch.tensor([[1.0, -1.0]]).softmax(-1).numpy(), atol=1e-5)


def test_a_graph_that_is_none_is_refused_in_one_line():
    with pytest.raises(BundleError, match="ONNX Runtime refuses the graph .*; export with other members"):
        open_session(onnx.ModelProto())


def test_posteriors_of_all_feeds_stand_one_after_the_other():
    session = open_session(loud_graph())
    quiet, loud = noise(0.0, 0.1)
    feeds = [make_feed([quiet, loud], "waveform", []), make_feed([quiet], "waveform", [])]
    np.testing.assert_allclose(posteriors(session, feeds)[:, 0], [0.5, 1 / (1 + np.exp(-2)), 0.5], atol=1e-5)


def test_of_a_graph_that_has_more_outputs_the_probabilities_are_taken():
    session = open_session(loud_graph(temperature=2.0))
    nobody = {"speaker_weight": np.zeros(1, np.float32), "speaker_offset": np.zeros(2, np.float32)}
    assert posteriors(session, [make_feed(noise(0.1), "waveform", []) | nobody]).shape == (1, 2)


def test_features_are_fed_by_their_names():
    feed = make_feed(noise(0.1, 0.2), "features", [Loudness()])
    assert list(feed) == ["loudness"] and feed["loudness"][:, 0, 0].tolist() == pytest.approx([0.1, 0.2])


def test_samples_are_fed_as_one_batch():
    feed = make_feed(noise(0.1, 0.2, samples=5), "waveform", [])
    assert list(feed) == ["waveform"] and feed["waveform"].shape == (2, 5)


def test_values_are_those_of_recordings_of_any_length():
    recordings = noise(0.25, samples=3) + noise(0.5, samples=8)
    (values,) = values_of(recordings, [Loudness()]).values()
    assert values.tolist() == [[[0.25]], [[0.5]]]


def test_works_are_done_in_turn_and_every_other_round_backwards(clock):
    done = []
    timings([lambda: done.append("a"), lambda: done.append("b")], rounds=2)
    assert "".join(done) == "baabbaab"


def test_the_first_two_rounds_are_not_counted(clock):
    seconds = iter([9.0, 9.0, 0.001, 0.004, 0.002])

    def work():
        clock[0] += next(seconds)

    (timing,) = timings([work], rounds=3)
    assert (timing.median, timing.lowest) == (pytest.approx(2), pytest.approx(1))


def test_every_session_is_timed_by_itself():
    found = latencies([open_session(loud_graph()) for _ in range(2)], make_feed(noise(0.1), "waveform", []), rounds=1)
    assert len(found) == 2 and all(isinstance(one, Timing) and 0 < one.lowest <= one.median for one in found)
