from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from tembr.bundle import read_facts
from tembr.corpora import CORPORA
from tembr.evaluate.conformal import LEVELS
from tembr.export.card import model_card


@pytest.fixture(scope="module")
def facts(bundle):
    return read_facts(bundle.folder)


def front_matter(card: str) -> dict:
    return yaml.safe_load(card.split("---")[1])


def test_the_bundle_has_the_card_of_its_facts(bundle, facts):
    assert (bundle.folder / "MODEL_CARD.md").read_text() == model_card(facts)


def test_the_front_matter_is_what_the_hub_reads(facts):
    matter = front_matter(model_card(facts))
    assert matter["language"] == ["pl"] and matter["pipeline_tag"] == "audio-classification"
    assert matter["license"] == "other" and matter["license_name"] == "CC0 1.0"
    results = matter["model-index"][0]["results"]
    assert [r["dataset"]["name"] for r in results] == ["demo, random split", "demo, unseen speakers"]
    for result, scores in zip(results, facts.metrics.values(), strict=True):
        values = [metric["value"] for metric in result["metrics"]]
        assert values == pytest.approx([scores[k]["value"] for k in ("accuracy", "uar", "macro_f1")], abs=1e-4)


def test_the_figures_of_both_protocols_are_in_it(facts):
    card = model_card(facts)
    for scores in facts.metrics.values():
        uar = scores["uar"]
        assert f"{uar['value']:.3f} [{uar['low']:.3f}, {uar['high']:.3f}]" in card
    assert f"a UAR of {facts.metrics['speaker']['uar']['value']:.1%}, is what a new voice gets" in card
    assert "the same voices and recording sessions on both sides" in card


def test_every_unseen_speaker_has_a_row_the_lowest_first(facts):
    metrics = {"A": {"n": 1_200, "uar": 0.75}, "B": {"n": 7, "uar": 0.5}}
    alone = {"speaker": facts.metrics["speaker"] | {"per_speaker": metrics}}
    adapted = {"recordings": 30, "temperature": 1.0}
    adapted |= {"metrics": {"speaker": facts.metrics["speaker"] | {"per_speaker": {"A": {"n": 9, "uar": 0.875}}}}}
    card = model_card(replace(facts, metrics=alone, adaptation={}))
    assert "| B | 7 | 50.0% |\n| A | 1,200 | 75.0% |\n" in card
    card = model_card(replace(facts, metrics=alone, adaptation=adapted))
    assert "| B | 7 | 50.0% | |\n| A | 1,200 | 75.0% | 87.5% |\n" in card
    many = {f"S{n}": {"n": 1, "uar": n / 30} for n in range(30)}
    card = model_card(replace(facts, metrics={"speaker": alone["speaker"] | {"per_speaker": many}}))
    assert "the lowest first 24 of 30:" in card and "| S23 |" in card and "| S24 |" not in card


def test_what_sets_came_to_is_in_it_where_they_are_calibrated(facts):
    sets = [{"level": 0.9, "coverage": 0.8812, "size": 2.25, "single": 0.3, "per_speaker": {}}]
    metrics = facts.metrics | {"speaker": facts.metrics["speaker"] | {"prediction_sets": sets}}
    calibrated = replace(facts, metrics=metrics, set_thresholds={"speaker_independent": [0.1] * len(LEVELS)})
    assert "| speaker-independent | 90% | 88.1% | 2.25 |" in model_card(calibrated)
    assert "--coverage" not in model_card(facts)


def test_adapted_figures_are_said_to_be_of_one_draw(facts):
    metrics = {"metrics": {"speaker": facts.metrics["speaker"]}, "recordings": 30, "temperature": 1.0}
    told = model_card(replace(facts, adaptation=metrics))
    assert "unseen speakers, adapted to 30 recordings" in told and "are of one draw of recordings" in told
    assert "one draw" not in model_card(replace(facts, adaptation={}))


def test_channels_that_were_learnt_from_are_told_apart_from_what_is_unknown(facts):
    assert "as are telephones and noise" in model_card(facts)
    (member, *others) = facts.members
    told = model_card(replace(facts, members=[member | {"channels": ["phone", "room"]}, *others]))
    assert "of telephones, rooms it knows what copies" in told and "as are telephones" not in told


def test_without_a_speaker_figure_that_is_said(facts):
    card = model_card(replace(facts, metrics={"random": facts.metrics["random"]}))
    assert "unseen speakers, which is what a new voice gets, was not measured" in card


def test_without_any_figure_the_card_still_stands(facts):
    card = model_card(replace(facts, metrics={}, split={}, variants={}))
    assert "None were measured" in card and "model-index" not in front_matter(card) and "## Variants" not in card


def test_emotions_have_their_polish_names(facts):
    assert "anger (złość)" in model_card(facts) and "surprised (zaskoczenie)" in model_card(facts)


def test_nemo_brings_its_licence_and_its_citation(facts):
    corpus = facts.corpora[0] | {"name": "nemo", "licence": "CC BY-NC-SA 4.0"}
    card = model_card(replace(facts, corpora=[corpus], licence="CC BY-NC-SA 4.0"))
    matter = front_matter(card)
    assert matter["license"] == "cc-by-nc-sa-4.0" and matter["datasets"] == ["amu-cai/nEMO"]
    assert "non-commercial use only" in card and "Polish actors" in card and "not for decisions about people" in card


@pytest.mark.parametrize("name", [name for name, info in CORPORA.items() if info.citation])
def test_a_corpus_brings_its_language_voices_and_citation(facts, name):
    info = CORPORA[name]
    card = model_card(replace(facts, corpora=[facts.corpora[0] | {"name": name, "licence": info.licence}]))
    assert front_matter(card)["language"] == list(info.languages)
    assert info.voices in card and f"Cite {info.citation}." in card
    assert ("non-commercial use only" in card) == info.noncommercial


def test_variants_are_listed_with_the_default_marked(facts):
    card = model_card(facts)
    assert f"**`{facts.default}`**" in card and "not trained on" in card


@pytest.mark.parametrize("name", ["Złość: próba #1", 'a "quoted" name', "yes"])
def test_any_name_survives_the_front_matter(facts, name):
    assert front_matter(model_card(replace(facts, name=name)))["model-index"][0]["name"] == name


def test_the_short_way_of_the_card_works(bundle, facts, waveforms, monkeypatch, tmp_path, capsys):
    import soundfile

    code = model_card(facts).split("```python")[2].split("```")[0]
    soundfile.write(tmp_path / "recording.wav", waveforms[0], facts.sample_rate, "FLOAT")
    source = code.replace(f'"{facts.default}"', f'r"{bundle.folder / facts.default}"')
    monkeypatch.chdir(tmp_path)
    exec(source, {})
    printed = capsys.readouterr().out
    assert all(label in printed for label in facts.labels)


@pytest.mark.parametrize("silence", [{}, {"below": 30.0, "margin": 0.1}])
def test_what_the_file_alone_does_not_do_is_said(facts, silence):
    text = model_card(replace(facts, silence=silence))
    assert f"takes the first\n{facts.window:g} s alone" in text and "answers whatever it is given" in text
    assert ("equally long" in text) == bool(silence)


@pytest.mark.parametrize(("variant", "said"), [("block-int8", True), ("fp32", False)])
def test_operators_beyond_the_standard_are_named(facts, variant, said):
    own = replace(facts, variants={facts.default: facts.variants[facts.default] | {"variant": variant}})
    assert ("com.microsoft" in model_card(own)) is said
