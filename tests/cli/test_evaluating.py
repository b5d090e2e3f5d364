"""What is said and written of an evaluation, on four recordings with known answers."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest

from tembr.cli import evaluating
from tembr.corpora.corpus import Corpus, Utterance
from tembr.errors import CorpusError
from tembr.evaluate.conformal import LEVELS
from tembr.evaluate.metrics import score
from tembr.recognize.evaluation import Adapted, Evaluation, compare
from tembr.recognize.overlap import Overlap
from tembr.recognize.prediction import Prediction

LABELS = ("anger", "fear", "sadness")
SPOKEN = tuple(
    Utterance(f"{n}.wav", Path("none"), emotion, speaker="ab"[n % 2]) for n, emotion in enumerate(("anger", "fear") * 2)
)


def made(*posteriors: tuple[float, float, float], **changes) -> Evaluation:
    """An evaluation of recordings of anger, fear, anger, fear."""
    rows = np.array(posteriors)
    answers = tuple(Prediction(LABELS[row.argmax()], row.max(), {}, 0.0, 1.0, ("clipped: loud",)) for row in rows)
    truth = [LABELS.index(one.emotion) for one in SPOKEN]
    scores = score(np.array(truth), rows, LABELS, [one.speaker for one in SPOKEN])
    return replace(Evaluation(LABELS, SPOKEN, rows, answers, {"x.wav": "broken"}, scores), **changes)


CLEAN = made((0.9, 0.05, 0.05), (0.1, 0.8, 0.1), (0.5, 0.2, 0.3), (0.2, 0.2, 0.6))
"""Right but for the last, which is taken for sadness."""

WORSE = made((0.1, 0.9, 0.0), (0.2, 0.6, 0.2), (0.5, 0.2, 0.3), (0.2, 0.2, 0.6))


@pytest.fixture
def shown(capsys):
    """What is said of an evaluation, and its last line."""

    def show(evaluation: Evaluation) -> tuple[str, dict]:
        evaluating.show(evaluation)
        said, _, last = capsys.readouterr().out.rstrip("\n").rpartition("\n")
        return said, json.loads(last)

    return show


def test_the_measures_are_said_and_come_last_for_programs(shown):
    said, last = shown(CLEAN)
    assert last == CLEAN.as_dict() and last["accuracy"]["value"] == 0.75
    assert "accuracy  0.750" in said and "anger (złość)" in said
    assert said.endswith("4 recordings, 1 could not be read, 4 clipped\n")


def test_what_averages_are_over_is_said_and_which_answers_are_errors(shown):
    said, _ = shown(CLEAN)
    assert "averages over the emotions that occur: anger, fear; answers sadness count as errors" in said


def test_names_with_brackets_and_colons_are_shown_as_they_are(shown):
    names = ("[/a]", "a:on:b")
    truth, speakers = [0, 1, 0, 1], [names[n % 2] for n in range(4)]
    said, _ = shown(replace(CLEAN, scores=score(np.array(truth), CLEAN.posteriors, LABELS, speakers)))
    assert all(f"\n{name} " in said for name in names)


def test_labels_that_were_asked_for_are_said(shown):
    said, last = shown(replace(CLEAN, restricted=True))
    assert "answered only with: anger, fear, sadness" in said and last["restricted_to"] == list(LABELS)


@pytest.mark.parametrize(
    ("threshold", "line"),
    [
        (0.8, "at confidence 0.8: coverage 0.500, accuracy 1.000, uar 1.000"),
        (0.95, "at confidence 0.95: coverage 0.000, no answer"),
    ],
)
def test_what_confident_answers_are_worth_is_said(shown, threshold, line):
    said, _ = shown(replace(CLEAN, min_confidence=threshold))
    assert "accuracy of the most confident half: 1.000 of 2 recordings" in said and line in said.splitlines()


def test_what_sets_come_to_is_said_every_speaker_alike(shown):
    said, last = shown(replace(CLEAN, sets=(0.9, 0.3)))
    assert "sets for a coverage of 0.9: held the truth in 0.750, 1.25 emotions in a set" in said.splitlines()
    assert last["at_coverage"]["per_speaker"] == {"a": 1.0, "b": 0.5}
    assert "at_coverage" not in CLEAN.as_dict()


def test_sets_of_adapted_answers_have_a_threshold_of_their_own():
    facts = SimpleNamespace(set_thresholds={"speaker_independent": [0.3] * len(LEVELS), "adapted": [0.1] * len(LEVELS)})
    adapted = Adapted(SimpleNamespace(), WORSE, SimpleNamespace())
    assert evaluating.with_sets(CLEAN, facts, 0.8).sets == (0.8, 0.3)
    found = evaluating.with_sets(replace(CLEAN, adapted=adapted), facts, 0.8)
    assert (found.sets, found.adapted.evaluation.sets) == ((0.8, 0.3), (0.8, 0.1))


def test_a_corpus_that_was_trained_on_is_said_first(shown):
    said, last = shown(replace(CLEAN, overlap=Overlap("mine", True, 4, 2)))
    assert said.startswith("the bundle was trained on this corpus (mine): ") and last["trained_on_this_corpus"]


def test_what_a_degradation_costs_is_a_row_beside_the_clean(shown, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluating, "_draw", lambda *_: None)
    degraded = replace(CLEAN, degraded=(compare("phone", CLEAN, WORSE),))
    said, _ = shown(degraded)
    assert "phone: 300-3,400 Hz at 8 kHz, G.711 A-law" in said
    evaluating.write(degraded, tmp_path)
    with open(tmp_path / "degraded.csv") as file:
        clean, phone = csv.DictReader(file)
    assert (clean["degradation"], clean["uar"], clean["drop"], clean["failures"]) == ("clean", "0.75", "", "1")
    assert (phone["degradation"], phone["uar"], phone["drop"]) == ("phone", "0.5", "0.25")


def test_an_evaluation_is_written_whole_and_nothing_that_was_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluating, "_draw", lambda *_: None)
    evaluating.write(CLEAN, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"evaluation.json", "probabilities.csv", "coverage.csv"}
    assert json.loads((tmp_path / "evaluation.json").read_text()) == CLEAN.as_dict()


def recognizer(**facts) -> SimpleNamespace:
    return SimpleNamespace(labels=LABELS, facts=SimpleNamespace(**facts))


@pytest.fixture
def corpus(monkeypatch) -> Corpus:
    loaded = Corpus("mine", (*SPOKEN, Utterance("y.wav", Path("none"), "boredom")))
    monkeypatch.setattr(evaluating, "load_corpus", lambda *given, **options: loaded)
    return loaded


@pytest.mark.parametrize(("wanted", "labels"), [(None, None), (["corpus"], ("anger", "fear"))])
def test_a_corpus_is_opened_with_the_emotions_that_are_answered_with(corpus, wanted, labels):
    opened, among = evaluating.open_corpus(recognizer(), "mine", None, "drop", wanted)
    assert (opened.utterances, among) == (SPOKEN, labels)


def test_labels_the_bundle_does_not_know_are_a_wrong_command(corpus):
    with pytest.raises(click.UsageError, match="the bundle does not know 'boredom'"):
        evaluating.open_corpus(recognizer(), "mine", None, "drop", ["anger", "boredom"])


def test_emotions_outside_are_an_error_of_the_corpus(corpus):
    with pytest.raises(CorpusError, match=r"not answered with: boredom \(1\); say what .* or add --unmapped drop"):
        evaluating.open_corpus(recognizer(), "mine", None, "error", None)


@pytest.mark.parametrize(("failed", "lines", "last"), [(10, 10, "left out: 9 broken"), (12, 11, "left out: 2 more")])
def test_of_many_failures_the_first_ten_are_told_and_the_rest_counted(monkeypatch, capsys, failed, lines, last):
    failures = {f"{n}.wav": f"{n} broken" for n in range(failed)}
    monkeypatch.setattr(evaluating, "evaluate", lambda *_: replace(CLEAN, failures=failures))
    evaluating.measure(recognizer(), Corpus("mine", SPOKEN), None, quiet=True)
    said = capsys.readouterr().err.splitlines()
    assert (len(said), said[0], said[-1]) == (lines, "left out: 0 broken", last)


def test_degradations_are_of_what_could_be_read_at_the_rate_of_the_bundle(monkeypatch):
    prepared, heard = [], []

    def prepare(name, corpus, rate):
        prepared.append((name, corpus.utterances, rate))
        return name

    def evaluate(recognizer, corpus, threads, follow, effect, own, labels):
        heard.append((effect, corpus.utterances, labels))
        return WORSE

    monkeypatch.setattr(evaluating, "prepare", prepare)
    monkeypatch.setattr(evaluating, "evaluate", evaluate)
    whole = Corpus("mine", (*SPOKEN, Utterance("x.wav", Path("none"), "fear")))
    found = evaluating.degrade(recognizer(sample_rate=8_000), whole, CLEAN, ["mp3", "room"], None, True, LABELS[:2])
    assert prepared == [("mp3", SPOKEN, 8_000), ("room", SPOKEN, 8_000)]
    assert heard == [("mp3", SPOKEN, LABELS[:2]), ("room", SPOKEN, LABELS[:2])]
    assert [(one.name, one.evaluation) for one in found.degraded] == [("mp3", WORSE), ("room", WORSE)]
