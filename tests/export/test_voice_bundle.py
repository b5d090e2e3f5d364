"""From an experiment to a bundle that adapts, on the demo corpus: what is measured is what is shipped."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from tembr.bundle import BundleError
from tembr.corpora import load_corpus
from tembr.errors import ConfigError, StoreError
from tembr.export.voice_bundle import export_voices
from tembr.recognize import load
from tembr.recognize.network import Network
from tembr.recognize.overlap import overlap
from tembr.recognize.speaker import Speaker, SpeakerError
from tembr.recognize.verify import verify
from tembr.voices.answer import ensemble_of, known, softmax, unknown
from tembr.voices.experiment import run_experiment
from tembr.voices.networks import Networks
from tembr.voices.plan import Part
from tembr.voices.pool import make_pool
from tembr.voices.recipe import MemberSettings, Recipe

TINY = {"channels": 8, "steps": 30, "batch_size": 16, "crop": 64}
RECIPE = Recipe(
    corpus="demo",
    more=(),
    inner=1,
    adapt=6,
    members=(
        MemberSettings(name="pictures", kind="pictures", **TINY),
        MemberSettings(name="functionals", kind="functionals", weight=0.3, shrinkage=0.5),
    ),
)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment")
    return folder, run_experiment(RECIPE, {}, folder)


@pytest.fixture(scope="module")
def bundle(measured, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundles") / "voices"
    facts = export_voices(RECIPE, {}, {"speaker": measured[0]}, out)
    return out, facts


def test_an_experiment_measures_both_ways_and_writes_it_down(measured):
    folder, lines = measured
    assert [line.mode for line in lines] == ["unknown", "known"]
    facts = json.loads((folder / "results.json").read_text())
    assert facts["lines"][0]["uar"] == lines[0].uar and facts["recipe"]["corpus"] == "demo"
    table = (folder / "predictions.csv").read_text().splitlines()
    assert len(table) == 1 + sum(line.recordings for line in lines)
    assert lines[0].recordings > lines[1].recordings
    drawn = [f"{mode}_{what}.png" for mode in ("unknown", "known") for what in ("reliability", "coverage")]
    assert all((folder / name).stat().st_size > 1_000 for name in drawn)
    assert all(line.inner > 0 and len(line.temperatures) == len(line.speakers) for line in lines)


def test_trained_networks_are_not_trained_again(measured, tmp_path, monkeypatch):
    monkeypatch.setattr("tembr.voices.networks.learn", lambda *_: pytest.fail("trained again"))
    again = run_experiment(RECIPE, {}, tmp_path)
    assert [line.uar for line in again] == [line.uar for line in measured[1]]


def test_the_bundle_knows_the_corpus_it_was_trained_on(bundle):
    corpus = load_corpus("demo")
    found = overlap(Network(bundle[0]), replace(corpus, name="renamed"))
    assert (found.named, found.recordings) == (False, len(corpus))
    assert overlap(Network(bundle[0]), corpus).trained_speakers == corpus.speakers


def test_the_bundle_is_sound_and_says_what_was_measured(bundle, measured):
    out, facts = bundle
    assert all(check.passed for check in verify(out))
    assert facts.metrics["speaker"]["uar"]["value"] == pytest.approx(measured[1][0].uar, abs=1e-4)
    assert facts.adaptation["measured"]["uar"]["value"] == pytest.approx(measured[1][1].uar, abs=1e-4)
    assert len(facts.adaptation["manner"]["spread"]) == len(facts.adaptation["manner"]["means"][0])


def test_it_answers_as_the_laboratory_does(bundle):
    """Nothing known of a speaker, and adapted to some recordings: the same formulas on both sides of the bundle."""
    out, facts = bundle
    corpus = load_corpus("demo")
    pool = make_pool([corpus], RECIPE.members[0].features)
    networks = Networks([corpus], pool)
    task = [networks.tasks(Part(np.arange(len(corpus)), np.empty(0, int)), m, 0)[0] for m in RECIPE.members]
    pictures, manner = (networks.load(one) for one in task)
    asked = np.flatnonzero(pool.speakers == pool.speakers[0])
    recognizer = load(out)

    alone = unknown(ensemble_of([(1.0, [pictures]), (0.3, [manner])], pool), pool, asked)
    files = [corpus.utterances[k].path for k in alone.indices]
    assert _answers(recognizer, files) == pytest.approx(softmax(alone.logits / facts.temperature), abs=2e-3)

    ensemble = ensemble_of([(1.0, [pictures])], pool, manner)
    adapted = known(ensemble, pool, asked, 6, np.random.default_rng(0), RECIPE)
    heard = [corpus.utterances[k].path for k in np.setdiff1d(asked, adapted.indices)]
    files = [corpus.utterances[k].path for k in adapted.indices]
    expected = softmax(adapted.logits / facts.adaptation["temperature"])
    assert _answers(recognizer.adapt(heard), files) == pytest.approx(expected, abs=5e-3)


def _answers(recognizer, files) -> np.ndarray:
    return np.array([list(answer.probabilities.values()) for answer in recognizer.predict_batch(files)])


@pytest.fixture(scope="module")
def speaker(bundle) -> Speaker:
    corpus = load_corpus("demo")
    own = [u.path for u in corpus.utterances if u.speaker == corpus.utterances[0].speaker]
    return load(bundle[0]).adapt(own[:8]).speaker


def test_a_speaker_with_a_manner_is_kept_to_the_bit(bundle, speaker, tmp_path):
    speaker.save(tmp_path / "anna.json")
    again = Speaker.load(tmp_path / "anna.json")
    assert again == speaker and len(again.means) == len(again.precisions) == len(bundle[1].labels)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"means": []}, "not of one shape"),
        ({"precisions": [[-1.0, 1.0]], "means": [[0.0, 0.0]]}, "below 0"),
        ({"precisions": [[1.0]], "means": [[1e9]]}, "beyond"),
        ({"precisions": [[1.0]], "means": "no"}, "wrong kind"),
        ({"precisions": [[1.0]], "means": [["no"]]}, "wrong kind"),
    ],
)
def test_a_damaged_manner_is_refused_in_a_line(speaker, tmp_path, changed, said):
    speaker.save(tmp_path / "anna.json")
    content = json.loads((tmp_path / "anna.json").read_text()) | changed
    (tmp_path / "anna.json").write_text(json.dumps(content))
    with pytest.raises(SpeakerError, match=said):
        Speaker.load(tmp_path / "anna.json")


def test_a_manner_of_another_shape_does_not_fit(bundle, speaker):
    other = Speaker(**vars(speaker) | {"means": ((0.0,),), "precisions": ((1.0,),)})
    with pytest.raises(SpeakerError, match="speaker_means is not the bundle's"):
        load(bundle[0]).for_speaker(other)


@pytest.mark.parametrize("changed", [{"spread": [1.0]}, {"means": "no"}, {"prior": None}, {"share": float("nan")}])
def test_a_bundle_with_a_damaged_manner_says_so(bundle, tmp_path, changed):
    folder = shutil.copytree(bundle[0], tmp_path / "damaged")
    facts = json.loads((folder / "bundle.json").read_text())
    facts["adaptation"]["manner"] |= changed
    (folder / "bundle.json").write_text(json.dumps(facts))
    recording = (np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1, 16_000)
    with pytest.raises(BundleError, match=r"manner in bundle.json"):
        load(folder).adapt([recording])


def test_another_recipe_than_the_measured_is_not_shipped(measured, tmp_path):
    changed = RECIPE.model_copy(update={"manner_share": 0.9})
    with pytest.raises(ConfigError, match="manner_share"):
        export_voices(changed, {}, {"speaker": measured[0]}, tmp_path / "bundle")
    with pytest.raises(StoreError, match="no finished experiment"):
        export_voices(RECIPE, {}, {"speaker": tmp_path}, tmp_path / "bundle")
    with pytest.raises(ConfigError, match="measured under 'speaker', not under 'random'"):
        export_voices(RECIPE, {}, {"random": measured[0]}, tmp_path / "bundle")
    facts = json.loads((measured[0] / "results.json").read_text())
    facts["recipe"]["degrade"] = "phone"
    (tmp_path / "results.json").write_text(json.dumps(facts))
    with pytest.raises(ConfigError, match="'speaker' through phone"):
        export_voices(RECIPE, {}, {"speaker": tmp_path}, tmp_path / "bundle")
    with pytest.raises(ConfigError, match="under 'speaker' through phone, not under 'room'"):
        export_voices(RECIPE, {}, {"room": tmp_path}, tmp_path / "bundle")
    with pytest.raises(ConfigError, match="under 'speaker', not under 'phone'"):
        export_voices(RECIPE, {}, {"phone": measured[0]}, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_the_card_says_what_a_telephone_costs(measured, tmp_path):
    facts = json.loads((measured[0] / "results.json").read_text())
    facts["recipe"]["degrade"] = "phone"
    facts["lines"][0]["scores"]["uar"]["value"], facts["lines"][1]["scores"]["uar"]["value"] = 0.123, 0.234
    (tmp_path / "results.json").write_text(json.dumps(facts))
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "results.json").write_text(json.dumps(facts).replace('"phone"', '"noise"'))
    found = {"speaker": measured[0], "phone": tmp_path, "noise": tmp_path / "noise"}
    facts = export_voices(RECIPE, {}, found, tmp_path / "bundle")
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text()
    alone, adapted = (line for line in card.splitlines() if line.startswith("| unseen speakers through a telephone"))
    assert "0.123 [" in alone and "0.234 [" in adapted and "what a telephone and noise cost is above" in card
    assert facts.metrics["speaker"]["uar"]["value"] == pytest.approx(measured[1][0].uar, abs=1e-4)


def test_a_graph_that_answers_otherwise_is_not_shipped(measured, tmp_path, monkeypatch):
    from tembr.export import voice_bundle

    true = voice_bundle._torch_answer
    monkeypatch.setattr(voice_bundle, "_torch_answer", lambda *a: torch.flip(true(*a), [-1]))
    with pytest.raises(BundleError, match="off PyTorch"):
        export_voices(RECIPE, {}, {"speaker": measured[0]}, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_networks_for_both_are_in_the_graph_once(bundle):
    import onnx

    model = onnx.load(bundle[0] / "model.onnx")
    slides = [node for node in model.graph.node if node.op_type == "Conv"]
    stored = {value.name: list(value.dims) for value in model.graph.initializer}
    squares = [node for node in slides if stored.get(node.input[1], [])[2:] == [3, 3]]
    assert len(squares) == 6, "three blocks of two"
