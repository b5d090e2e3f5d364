"""From samples or features to probabilities, by hand; nothing is exported."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.errors import ConfigError
from tembr.export import graph as module
from tembr.export.graph import (
    FromFeatures,
    FromWaveform,
    feature_shapes,
    features_graph,
    nobody,
    sample_rate_of,
    waveform_graph,
    window_of,
    with_defaults,
)
from tembr.export.runtime import open_session
from tests.export.small_ensemble import Loudness, LoudSettings, loud_graph, noise, small_ensemble

LOGITS = torch.tensor([[1.0, -1.0]])
"""Of a recording of loudness 0.1."""


@pytest.fixture(autouse=True)
def _front_end(monkeypatch):
    """Loudness needs none but its own."""

    def front_ends(inputs):
        return lambda waveform: [waveform.abs().mean(1)[:, None, None] for _ in inputs]

    monkeypatch.setattr(module, "FrontEnds", front_ends)


@pytest.fixture
def exported(monkeypatch) -> list:
    """What the exporter would be given."""
    given: list = []
    monkeypatch.setattr(module, "export_module", lambda *args: given.append(args))
    return given


def quiet() -> torch.Tensor:
    return torch.from_numpy(np.stack(noise(0.1)))


def two_rates():
    return small_ensemble(LoudSettings(name="a", rate=16_000, seconds=3.0), LoudSettings(name="b", rate=8_000))


def test_samples_become_probabilities():
    (found,) = FromWaveform(small_ensemble())(quiet())
    torch.testing.assert_close(found, LOGITS.softmax(-1))


def test_of_nobody_the_temperature_is_one_and_the_logits_are_given_too():
    found, logits = FromWaveform(small_ensemble(), 2.0)(quiet(), torch.zeros(1), torch.zeros(2))
    torch.testing.assert_close(found, LOGITS.softmax(-1))
    torch.testing.assert_close(logits, LOGITS.log_softmax(-1))


def test_a_known_speakers_offset_is_added_before_the_temperature():
    found, _ = FromWaveform(small_ensemble(), 2.0)(quiet(), torch.ones(1), torch.tensor([-3.0, 1.0]))
    torch.testing.assert_close(found, torch.tensor([[-1.0, 0.0]]).softmax(-1))


def test_half_the_weighted_distance_from_each_emotion_is_taken_away():
    """The embedding is 0.2: 0.5 · 50 · 0.2² = 1 from the first emotion, 0.5 · 100 · 0.2² = 2 from the second."""
    ensemble, means = small_ensemble(embeds=True), torch.tensor([[0.0], [0.4]])
    precisions = torch.tensor([[50.0], [100.0]])
    found, _, embedding = FromWaveform(ensemble, 1.0)(quiet(), torch.ones(1), torch.zeros(2), means, precisions)
    torch.testing.assert_close(embedding, torch.tensor([[0.2]]))
    torch.testing.assert_close(found, torch.tensor([[1.0 - 1, -1.0 - 2]]).softmax(-1))


def test_relative_logits_count_their_share():
    """They are 1 and -1: three quarters of them and a quarter of the logits."""
    ensemble, nothing = small_ensemble(embeds=True, relative=True), torch.zeros(2, 1)
    given = torch.ones(1), torch.zeros(2), nothing, nothing, torch.tensor([0.75])
    found, logits, _, relative = FromWaveform(ensemble, 1.0)(quiet(), *given)
    torch.testing.assert_close(relative, torch.tensor([[1.0, -1.0]]))
    torch.testing.assert_close(found, (0.25 * logits + 0.75 * relative).softmax(-1))


def test_features_become_the_same_probabilities():
    found = FromFeatures(small_ensemble())(torch.tensor([[[0.1]]]))
    torch.testing.assert_close(found, LOGITS.softmax(-1))


def test_nobody_is_zeros_of_the_size_of_the_ensemble():
    assert {name: v.shape for name, v in nobody(small_ensemble()).items()} == {
        "speaker_weight": (1,),
        "speaker_offset": (2,),
    }
    embedded = nobody(small_ensemble(embeds=True))
    assert embedded["speaker_means"].shape == embedded["speaker_precisions"].shape == (2, 1)
    assert all(v.dtype == np.float32 and not v.any() for v in embedded.values())


def test_a_graph_that_cannot_be_adapted_takes_samples_alone(exported):
    waveform_graph(small_ensemble())
    _, examples, names, dynamic, outputs = exported[0]
    assert (names, outputs, len(examples), len(dynamic)) == (["waveform"], ["probabilities"], 1, 1)


def test_a_graph_that_can_be_adapted_has_an_input_for_all_that_is_known(exported):
    waveform_graph(small_ensemble(embeds=True), 1.5)
    _, examples, names, dynamic, outputs = exported[0]
    assert names == ["waveform", "speaker_weight", "speaker_offset", "speaker_means", "speaker_precisions"]
    assert outputs == ["probabilities", "logits", "embedding"] and dynamic[1:] == (None,) * 4
    assert len(examples) == 5
    waveform_graph(small_ensemble(embeds=True, relative=True), 1.5)
    _, examples, names, dynamic, outputs = exported[1]
    assert names[-1] == "speaker_share" and examples[-1].shape == (1,)
    assert outputs[-1] == "relative" and dynamic[1:] == (None,) * 5


def test_a_graph_of_features_has_an_input_of_each_name(exported):
    features_graph(small_ensemble())
    _, examples, names, _ = exported[0]
    assert names == ["loudness"] and examples[0].shape == (2, 1, 1)


def test_shapes_of_features_are_bins_and_frames():
    assert feature_shapes([Loudness()]) == {"loudness": (1, 1)}


def test_members_of_two_rates_cannot_share_a_graph():
    assert sample_rate_of(small_ensemble()) == 16_000
    with pytest.raises(ConfigError, match="members at 8000, 16000 Hz cannot share a graph; choose one rate"):
        sample_rate_of(two_rates())


def test_the_window_is_the_shortest_of_all_members():
    assert window_of(two_rates()) == 1.0


def test_inputs_with_defaults_may_be_left_out_and_the_graph_given_stays_as_it_was():
    model = loud_graph(temperature=2.0)
    before = model.SerializeToString()
    changed = with_defaults(model, nobody(small_ensemble()))
    (found,) = open_session(changed).run(["probabilities"], {"waveform": quiet().numpy()})
    np.testing.assert_allclose(found, LOGITS.softmax(-1).numpy(), atol=1e-5)
    assert model.SerializeToString() == before
