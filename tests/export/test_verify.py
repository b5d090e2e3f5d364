"""A graph against PyTorch, where it is known how far off it is."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper

from tembr.adaptation.fitting import EnsembleOutputs, Fitted
from tembr.export.graph import nobody, with_defaults
from tembr.export.verify import BATCH, somebody, speaker_feed, torch_posteriors, verify_graph
from tests.export.small_ensemble import loud_graph, noise, small_ensemble

CLOSE = 1e-5
"""Between the mean of a second in ONNX Runtime and in numpy."""

LEVELS = (0.0, 0.02, 0.05, 0.1, 0.2)


def adaptable(temperature: float = 2.0) -> onnx.ModelProto:
    return with_defaults(loud_graph(temperature=temperature), nobody(small_ensemble()))


def verified(model: onnx.ModelProto, temperature: float | None = None, levels=LEVELS, **options):
    return verify_graph(model, small_ensemble(), noise(*levels), temperature=temperature, **options)


def with_last(*nodes) -> onnx.ModelProto:
    """The graph whose probabilities, called `right`, go through some more nodes."""
    model = loud_graph()
    model.graph.node[-1].output[0] = "right"
    model.graph.node.extend(nodes)
    return model


def test_the_same_graph_passes():
    found = verified(loud_graph(), corpus="demo", wanted=9)
    assert found.passed and found.difference < CLOSE and found.other_labels == 0
    assert (found.recordings, found.wanted, found.corpus, found.adapted_difference) == (5, 9, "demo", 0.0)
    assert found.silence == [0.5, 0.5]


def test_a_graph_a_little_steeper_is_refused_by_how_far_it_is_off():
    found = verified(loud_graph((10.1, -10.1)))
    expected = max(abs(1 / (1 + np.exp(-20 * x)) - 1 / (1 + np.exp(-20.2 * x))) for x in LEVELS)
    assert not found.passed and found.difference == pytest.approx(expected, abs=CLOSE) and found.other_labels == 0


def test_labels_that_are_changed_round_are_counted():
    found = verified(loud_graph((-10.0, 10.0)))
    assert not found.passed and found.other_labels == 4  # of silence both are alike


def test_a_graph_that_is_off_on_silence_alone_is_refused():
    """What is divided by itself less a half is no number where both are alike."""
    double = helper.make_node("Sub", ["right", "right"], ["zero"])
    back = helper.make_node("Div", ["zero", "loudness"], ["nothing"])
    model = with_last(double, back, helper.make_node("Add", ["right", "nothing"], ["probabilities"]))
    found = verified(model, levels=LEVELS[1:])
    assert not found.passed and found.difference < CLOSE and np.isnan(found.silence).all()


def test_a_graph_that_mixes_its_batch_is_refused():
    mean = helper.make_node("ReduceMean", ["right", "first"], ["mean"], keepdims=1)
    model = with_last(mean, helper.make_node("Mean", ["right", "mean"], ["probabilities"]))
    model.graph.initializer.append(numpy_helper.from_array(np.array([0]), "first"))
    found = verified(model)
    assert not found.passed and found.difference < CLOSE and found.batch_difference > 0.01


def test_an_answer_that_is_no_number_is_infinitely_off():
    model = with_last(helper.make_node("Log", ["right"], ["log"]), helper.make_node("Sqrt", ["log"], ["probabilities"]))
    found = verified(model)
    assert not found.passed and found.difference == float("inf")


def test_a_known_speaker_is_compared_too():
    assert verified(adaptable(), 2.0).passed
    off = verified(adaptable(2.1), 2.0)
    assert not off.passed and off.difference < CLOSE and off.adapted_difference > 1e-3


def test_batches_are_of_seventeen_and_two():
    assert verified(loud_graph(), levels=np.linspace(0, 0.2, BATCH + 3)).passed


def test_pytorchs_posteriors_are_those_of_the_ensemble():
    found = torch_posteriors(small_ensemble(), noise(0.0, 0.1))
    np.testing.assert_allclose(found, torch.tensor([[0.0, 0], [1, -1]]).softmax(-1).numpy(), rtol=1e-5)


def test_somebody_is_told_by_an_offset_and_where_there_is_an_embedding_by_means_about_it():
    plain = somebody(EnsembleOutputs(np.zeros((1, 3))))
    assert plain.offset.tolist() == [-0.5, 0, 0.5] and plain.means is None and plain.share == 0
    assert somebody(EnsembleOutputs(np.zeros((1, 3)), relative=np.ones((1, 3)))).share > 0
    placed = somebody(EnsembleOutputs(np.zeros((1, 2)), np.array([[5.0, 7.0]])))
    assert placed.means.tolist() == [[4, 6], [6, 8]] and (placed.precisions == 0.3).all()


def test_a_speaker_is_fed_with_a_weight_of_one_in_single_precision():
    feed = speaker_feed(Fitted(np.array([1.0, -1.0])))
    assert {name: value.tolist() for name, value in feed.items()} == {"speaker_weight": [1], "speaker_offset": [1, -1]}
    whole = speaker_feed(Fitted(np.zeros(2), np.zeros((2, 1)), np.ones((2, 1))))
    assert list(whole) == ["speaker_weight", "speaker_offset", "speaker_means", "speaker_precisions"]
    assert speaker_feed(Fitted(np.zeros(2), share=0.5))["speaker_share"].tolist() == [0.5]
    assert {value.dtype for value in whole.values()} == {np.dtype(np.float32)}
