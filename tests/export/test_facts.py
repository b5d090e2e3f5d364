"""What a bundle says about itself, gathered from an ensemble of one member."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper

from tembr import __version__
from tembr.bundle import self_test_waveform
from tembr.ensemble.folder import AdaptationFacts, EnsembleFacts, EnsembleFolder, write_space
from tembr.ensemble.projection import Projection, SpeakerSpace
from tembr.errors import ConfigError
from tembr.experiment.settings import load_settings
from tembr.export import ExportSettings
from tembr.export.facts import gather_facts, metadata, self_test_answer, silence_of
from tembr.export.recordings import ExportRecordings
from tests.export.small_ensemble import LABELS, RATE, Loudness, small_ensemble
from tests.small_study import recordings_of

CORPORA = [
    {"name": "nemo", "licence": "CC BY-NC-SA 4.0", "recordings": 9},
    {"name": "demo", "licence": "", "recordings": 3},
]
SCORES = {"n": 7, "folds": 3, "uar": {"value": 0.5}, "confusion": [[1]], "labels": ["anger"]}
FACTS = EnsembleFacts({"loud": 1.0}, 1.5, list(LABELS), CORPORA, "all 9 recordings of nemo", {}, {"speaker": SCORES})


@pytest.fixture
def gathered(tmp_path):
    """A factory of facts from those of an ensemble and export settings."""

    def gather(known: EnsembleFacts = FACTS, space: SpeakerSpace | None = None, **settings):
        folder = EnsembleFolder(tmp_path, known, load_settings(members=["rms"]))
        if space is not None:
            write_space(space, tmp_path / "speakers.safetensors")
        target = recordings_of(tmp_path / "audio").target
        parts = target.utterances[:4], target.utterances[4:6], target.utterances[6:]
        recordings = ExportRecordings(target, (), *parts, unseen=True)
        return gather_facts(folder, small_ensemble(), ExportSettings(**settings), recordings)

    return gather


def test_a_bundle_is_named_by_corpora_and_members_unless_it_has_a_name(gathered):
    assert gathered().name == "nemo+demo loud" and gathered(name="mine").name == "mine"


def test_its_licence_is_that_of_all_corpora_unless_one_is_given(gathered):
    assert gathered().licence == "CC BY-NC-SA 4.0 and unknown"
    assert gathered(licence="MIT").licence == "MIT"
    same = replace(FACTS, corpora=[CORPORA[0], CORPORA[0] | {"name": "other"}])
    assert gathered(same).licence == "CC BY-NC-SA 4.0"


def test_every_corpus_says_what_was_learnt_from(gathered):
    assert [one["trained_on"] for one in gathered().corpora] == ["all 9 recordings of nemo"] * 2


def test_without_corpora_of_its_own_the_training_part_is_counted(gathered):
    (corpus,) = gathered(replace(FACTS, corpora=[])).corpora
    assert corpus == {
        "name": "demo",
        "licence": "CC0 1.0",
        "recordings": 4,
        "speakers": 1,
        "hours": round(6 / 3600, 3),
        "trained_on": "all 9 recordings of nemo",
    }


def test_samples_have_dynamic_axes_and_features_the_shape_of_a_window(gathered):
    assert gathered().shapes == {"waveform": ["batch", "samples"]}
    assert gathered(inputs="features").shapes == {"loudness": ["batch", 1, 1]}


def test_members_rate_and_window_are_the_ensembles(gathered):
    facts = gathered()
    assert facts.members == [{"name": "loud", "weight": 1.0, "network": "loud", "parameters": 2, "channels": []}]
    assert (facts.sample_rate, facts.window, facts.tembr) == (RATE, 1.0, __version__)
    assert facts.features == {"loudness": {"rate": RATE, "bins": 1}}


def test_of_scores_only_measures_are_taken_and_their_protocol_is_explained(gathered):
    facts = gathered()
    assert facts.metrics == {"speaker": {"n": 7, "folds": 3, "uar": {"value": 0.5}}}
    assert facts.split == {"speaker": "3 folds by speaker; nobody tested on was learnt from"}


def test_a_random_split_is_said_with_its_share_and_seed(gathered):
    words = gathered(replace(FACTS, metrics={"random": {}})).split["random"]
    assert words.startswith("20% of the recordings set aside at random, stratified by emotion (seed 42);")


def test_thresholds_of_sets_go_along(gathered):
    assert gathered().set_thresholds == {}
    known = replace(FACTS, set_thresholds={"adapted": [0.12345678, 0.1]})
    assert gathered(known).set_thresholds == {"adapted": [0.123457, 0.1]}


def test_what_was_not_measured_cannot_be_adapted(gathered):
    assert gathered().adaptation == {}


def test_adapting_has_its_figures_and_where_there_is_a_space_its_numbers(gathered):
    known = replace(FACTS, adaptation=AdaptationFacts(30, 2.0, 10.0, [[1.0]], 1.0, 0.4, 0.75, 1.2, {"speaker": SCORES}))
    plain = gathered(known).adaptation
    assert (plain["recordings"], plain["strength"], plain["temperature"]) == (30, 0.75, 1.2)
    assert plain["offset"] == {"typical": [[1.0]], "prior": 2.0, "mixture": 10.0}
    assert plain["metrics"]["speaker"] == {"n": 7, "folds": 3, "uar": {"value": 0.5}} and "two_covariance" not in plain
    space = SpeakerSpace(Projection(1, 1), np.array([[1 / 3], [2.0]]), np.array([0.25]))
    spaced = gathered(known, space).adaptation["two_covariance"]
    assert spaced == {"means": [[0.333333], [2.0]], "spread": [0.25], "share": 0.4, "prior": 1.0}
    learning = replace(known, adaptation=replace(known.adaptation, within_prior=6.0))
    assert gathered(learning, space).adaptation["two_covariance"] == spaced | {"within_prior": 6.0}
    assert "relative" not in gathered(known, space).adaptation
    beside = replace(
        known, adaptation=replace(known.adaptation, relative_typical=[[2.0]], relative_share=0.5, relative_prior=5.0)
    )
    told = gathered(beside, replace(space, relative=Projection(1, 1))).adaptation["relative"]
    assert told == {"typical": [[2.0]], "share": 0.5, "mixture": 10.0, "prior": 5.0}
    assert "relative" not in gathered(known, replace(space, relative=Projection(1, 1))).adaptation  # nothing is typical
    assert gathered(known, space, inputs="features").adaptation == {}


def test_a_file_by_itself_says_what_it_takes_and_answers(gathered):
    carried = metadata(gathered())
    assert carried["labels"] == list(LABELS) and carried["variant"] == "fp32" and "corpora" not in carried


def test_the_self_test_is_what_the_graph_says_to_the_known_signal():
    inputs = [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, ["batch", "samples"])]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 1])]
    node = helper.make_node("ReduceMax", ["waveform"], ["probabilities"], axes=[1], keepdims=1)
    graph = helper.make_graph([node], "loudest", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    expected = round(float(self_test_waveform(RATE).max()), 7)
    assert self_test_answer(model, "waveform", [Loudness()]) == [expected]


def inputs(*trims: bool) -> list[SimpleNamespace]:
    return [SimpleNamespace(trims=each) for each in trims]


def test_silence_is_cut_where_all_members_learnt_without_it():
    assert silence_of(inputs(True, True)) == {"below": 30.0, "margin": 0.1}
    assert silence_of(inputs(False, False)) == {}
    with pytest.raises(ConfigError, match="export them apart"):
        silence_of(inputs(True, False))
