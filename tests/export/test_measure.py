"""What a variant is worth, on three recordings by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tembr.evaluate.metrics import Interval
from tembr.export import measure as module
from tembr.export.measure import Measured, best, measure
from tembr.export.runtime import Timing

FEEDS = [{"waveform": np.array([values], np.float32)} for values in ([0.9, 0.1], [0.6, 0.4], [0.3, 0.7])]
TRUTH = np.array([0, 0, 1])


def times(matrix) -> onnx.ModelProto:
    """A graph whose probabilities are its input times a matrix."""
    shape = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 2]) for n in ("waveform", "probabilities")]
    constant = numpy_helper.from_array(np.array(matrix, np.float32), "matrix")
    node = helper.make_node("MatMul", ["waveform", "matrix"], ["probabilities"])
    graph = helper.make_graph([node], "times", shape[:1], shape[1:], [constant])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


MODELS = {"fp32": ("as it is", times(np.eye(2))), "rough": ("fear preferred", times([[0.8, 0.2], [0, 1]]))}
"""The second says 0.72, 0.48 and 0.24 of the first label: it mistakes the second recording."""


@pytest.fixture
def lines(monkeypatch) -> list[Measured]:
    monkeypatch.setattr(module, "latencies", lambda sessions, feed: [Timing(4.0, 3.0), Timing(2.0, 1.0)])
    return measure(MODELS, FEEDS, TRUTH, ["anger", "fear"])


def line(variant: str, accuracy: float, lowest: float, size: int = 100, agreement: float = 1.0) -> Measured:
    share = Interval(accuracy, accuracy, accuracy)
    return Measured(variant, "", size, 2 * lowest, lowest, agreement, 0.0, share, share, 200)


def test_the_first_is_what_all_are_compared_with(lines):
    assert (lines[0].agreement, lines[0].difference) == (1.0, 0.0)


def test_agreement_and_difference_are_from_the_first(lines):
    assert lines[1].agreement == pytest.approx(2 / 3) and lines[1].difference == pytest.approx(0.18, abs=1e-6)


def test_recognition_is_scored_on_the_truth(lines):
    assert [one.accuracy.value for one in lines] == pytest.approx([1, 2 / 3])
    assert [one.uar.value for one in lines] == pytest.approx([1, 0.75])
    assert lines[1].recordings == 3


def test_a_line_has_its_words_size_and_both_times(lines):
    rough = lines[1]
    assert (rough.variant, rough.words, rough.milliseconds, rough.lowest) == ("rough", "fear preferred", 2.0, 1.0)
    assert rough.bytes == MODELS["rough"][1].ByteSize()


def test_variants_are_counted_as_they_are_done(monkeypatch):
    done = []
    monkeypatch.setattr(module, "latencies", lambda sessions, feed: [Timing(1.0, 1.0)] * 2)
    measure(MODELS, FEEDS, TRUTH, ["anger", "fear"], lambda *counted: done.append(counted))
    assert done == [(1, 2), (2, 2)]


def test_exactly_half_a_point_may_be_lost():
    assert best([line("fp32", 0.9, 10), line("a", 0.895, 4)]).variant == "a"
    assert best([line("fp32", 0.9, 10), line("a", 0.8949, 4)]).variant == "fp32"


def test_the_lowest_time_decides_and_not_the_median():
    slow_median = Measured("a", "", 100, 99.0, 4.0, 1.0, 0.0, Interval(0.9, 0.9, 0.9), Interval(0.9, 0.9, 0.9), 200)
    assert best([line("fp32", 0.9, 10), slow_median]).variant == "a"


def test_times_within_a_twentieth_are_the_same():
    assert best([line("fp32", 0.9, 10.5, 100), line("a", 0.9, 10, 200)]).variant == "fp32"
    assert best([line("fp32", 0.9, 10.6, 100), line("a", 0.9, 10, 200)]).variant == "a"
