"""A bundle measured on a corpus: known answers to known recordings."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.metrics import f1_score, recall_score
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, tone

from tembr.emotions import EMOTIONS
from tembr.recognize import evaluation

HEADER = "file,emotion,speaker,gender,start,end\n"


@pytest.fixture
def corpus(tones, tmp_path) -> Path:
    """A table of the tones, two of the twelve with the wrong emotion."""
    folder = Path(shutil.copytree(tones, tmp_path / "corpus"))
    rows = [
        f"{emotion}_{number}.wav,{'fear' if emotion == 'anger' else emotion},s{number},{'fm'[number - 1]},,\n"
        for emotion in EMOTIONS
        for number in (1, 2)
    ]
    (folder / "table.csv").write_text(HEADER + "".join(rows))
    return folder / "table.csv"


@pytest.fixture
def evaluate(capsys, bundle):
    def run(table, *arguments):
        command = ("evaluate", "--bundle", str(bundle), "--corpus", "manifest", "--corpus-dir", str(table))
        return tembr_here(capsys, *command, *map(str, arguments))

    return run


def test_the_last_line_is_the_measures_as_json(evaluate, corpus):
    done = evaluate(corpus)
    assert (done.status, done.err) == (0, "")
    measures = json.loads(done.out.splitlines()[-1])
    for name in ("accuracy", "uar", "macro_f1", "ece"):
        assert measures[name]["low"] <= measures[name]["value"] <= measures[name]["high"]
    assert measures["n"] == 12 and measures["accuracy"]["value"] == pytest.approx(10 / 12)
    assert measures["uar"]["value"] == pytest.approx((0.5 + 1 + 1 + 1 + 1) / 5)
    assert measures["per_class"]["fear"]["recall"] == 0.5
    assert measures["per_speaker"]["s1"]["n"] == measures["per_gender"]["female"]["n"] == 6
    assert (measures["failures"], measures["warnings"], measures["unanswered"]) == (0, {}, 0)
    assert "strach" in done.out


def test_results_are_written_as_a_study_writes_them(evaluate, corpus, tmp_path):
    done = evaluate(corpus, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == json.loads(done.out.splitlines()[-1])
    rows = list(csv.DictReader((tmp_path / "out" / "probabilities.csv").open()))
    assert list(rows[0]) == ["file", "speaker", "gender", "emotion", "predicted", "fold", *(f"p_{e}" for e in EMOTIONS)]
    assert rows[0]["emotion"] == "fear" and rows[0]["predicted"] == "anger"
    assert sum(float(rows[0][f"p_{e}"]) for e in EMOTIONS) == pytest.approx(1)


def test_the_most_confident_half_is_measured(evaluate, corpus):
    done = evaluate(corpus)
    half = json.loads(done.out.splitlines()[-1])["accuracy_on_confident_half"]
    assert half["n"] == 6
    assert f"accuracy of the most confident half: {half['value']:.3f} of 6 recordings" in done.out
    assert "ece" in done.out and "at confidence" not in done.out


def test_the_half_is_of_the_confident_ones(evaluate, corpus):
    """Two recordings the bundle is less sure of, with the wrong emotion: the other two are all right."""
    soundfile.write(corpus.parent / "doubt.wav", 1.3 * tone("fear"), RATE)
    rows = [
        "neutral_1.wav,neutral,,,,",
        "neutral_2.wav,neutral,,,,",
        "doubt.wav,sadness,,,0,1",
        "doubt.wav,anger,,,1,2",
    ]
    corpus.write_text(HEADER + "\n".join(rows) + "\n")
    measures = json.loads(evaluate(corpus).out.splitlines()[-1])
    assert (measures["n"], measures["accuracy"]["value"]) == (4, 0.5)
    assert measures["accuracy_on_confident_half"] == {"value": 1.0, "n": 2}


def test_at_a_confidence_coverage_and_accuracy_are_told(evaluate, corpus, tmp_path):
    soundfile.write(corpus.parent / "doubt.wav", 1.3 * tone("fear"), RATE)
    corpus.write_text(HEADER + "neutral_1.wav,neutral,,,,\ndoubt.wav,sadness,,,,\n")
    done = evaluate(corpus, "--min-confidence", 0.9, "--out", tmp_path / "out")
    expected = {"threshold": 0.9, "coverage": 0.5, "accuracy": 1.0, "uar": 1.0}
    assert json.loads(done.out.splitlines()[-1])["at_min_confidence"] == expected
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["at_min_confidence"] == expected
    assert "at confidence 0.9: coverage 0.500, accuracy 1.000, uar 1.000" in done.out


def test_at_a_confidence_that_no_answer_has_there_is_no_accuracy(evaluate, corpus):
    soundfile.write(corpus.parent / "doubt.wav", 1.3 * tone("fear"), RATE)
    corpus.write_text(HEADER + "doubt.wav,sadness,,,,\n")
    done = evaluate(corpus, "--min-confidence", 1)
    assert json.loads(done.out.splitlines()[-1])["at_min_confidence"]["accuracy"] is None
    assert "at confidence 1: coverage 0.000, no answer" in done.out


def test_a_confidence_that_is_no_probability_is_told_before_anything_is_heard(evaluate, corpus):
    done = evaluate(corpus, "--min-confidence", 7)
    assert done.status == 2 and "from 0 to 1" in done.err


def test_confidence_is_written_as_a_table_and_pictures(evaluate, corpus, tmp_path):
    evaluate(corpus, "--out", tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "coverage.csv").open()))
    assert list(rows[0]) == ["threshold", "coverage", "accuracy", "uar"]
    assert (float(rows[0]["coverage"]), float(rows[0]["accuracy"])) == (1, pytest.approx(10 / 12))
    for name in ("coverage.png", "reliability.png", "confusion.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_read_is_counted_and_the_rest_measured(evaluate, corpus):
    (corpus.parent / "fear_1.wav").write_bytes(b"")
    with corpus.open("a") as table:
        table.write("missing.wav,fear,s1,f,,\n")
    done = evaluate(corpus)
    measures = json.loads(done.out.splitlines()[-1])
    assert (done.status, measures["n"], measures["failures"]) == (0, 11, 2)
    assert done.err.count("left out: ") == 2


def test_a_part_of_a_file_is_measured_by_itself(evaluate, corpus):
    corpus.write_text(HEADER + "fear_2.wav,fear,a,f,0,0.5\nfear_2.wav,fear,a,f,0.5,\nfear_2.wav,fear,a,f,0.9,0.95\n")
    measures = json.loads(evaluate(corpus).out.splitlines()[-1])
    assert (measures["n"], measures["warnings"], measures["unanswered"]) == (3, {"too_short": 1}, 1)


def test_emotions_the_bundle_does_not_know_are_listed_or_dropped(evaluate, corpus):
    with corpus.open("a") as table:
        table.write("fear_1.wav,boredom,s1,f,0.1,0.4\n")
    done = evaluate(corpus)
    assert done.status == 1 and done.one_line_error and "boredom (1)" in done.err
    assert json.loads(evaluate(corpus, "--unmapped", "drop").out.splitlines()[-1])["n"] == 12
    assert "'keep' is not one of 'error', 'drop'" in evaluate(corpus, "--unmapped", "keep").err


@pytest.fixture
def four(corpus) -> Path:
    """A table of four emotions, of which one recording is taken for a fifth, sadness, that does not occur."""
    soundfile.write(corpus.parent / "wrong.wav", 0.98 * tone("sadness"), RATE)
    rows = [f"{emotion}_1.wav,{emotion},,,," for emotion in ("anger", "fear", "happiness", "neutral")]
    corpus.write_text(HEADER + "\n".join([*rows, "wrong.wav,happiness,,,,"]) + "\n")
    return corpus


def truth_and_predictions(folder: Path) -> tuple[list[str], list[str]]:
    rows = list(csv.DictReader((folder / "probabilities.csv").open()))
    return [row["emotion"] for row in rows], [row["predicted"] for row in rows]


def test_averages_are_over_the_emotions_that_occur(evaluate, four, tmp_path):
    done = evaluate(four, "--out", tmp_path / "out")
    measures = json.loads(done.out.splitlines()[-1])
    truth, predicted = truth_and_predictions(tmp_path / "out")
    assert measures["averaged_over"] == ["anger", "fear", "happiness", "neutral"] and "sadness" in predicted
    theirs = {"labels": sorted(set(truth)), "average": "macro"}
    assert measures["macro_f1"]["value"] == pytest.approx(f1_score(truth, predicted, **theirs))
    assert measures["uar"]["value"] == pytest.approx(recall_score(truth, predicted, **theirs))
    assert "averages over the emotions that occur: anger, fear, happiness, neutral" in done.out
    assert "restricted_to" not in measures


@pytest.mark.parametrize("labels", ["corpus", "neutral, happiness,strach,anger"])
def test_a_bundle_answers_only_with_the_labels_asked_for(evaluate, four, tmp_path, labels):
    """The likeliest of the four for the recording taken for sadness is its neighbour happiness."""
    done = evaluate(four, "--labels", labels, "--out", tmp_path / "out")
    measures = json.loads(done.out.splitlines()[-1])
    assert measures["labels"] == measures["restricted_to"] == ["anger", "fear", "happiness", "neutral"]
    assert measures["accuracy"]["value"] == measures["macro_f1"]["value"] == 1
    row = list(csv.DictReader((tmp_path / "out" / "probabilities.csv").open()))[-1]
    assert [name for name in row if name.startswith("p_")] == ["p_anger", "p_fear", "p_happiness", "p_neutral"]
    assert sum(float(row[f"p_{label}"]) for label in measures["labels"]) == pytest.approx(1)
    assert "answered only with: anger, fear, happiness, neutral" in done.out


def test_recordings_of_other_emotions_than_those_asked_for_are_listed_or_dropped(evaluate, four):
    done = evaluate(four, "--labels", "anger,fear")
    assert done.status == 1 and done.one_line_error and "happiness (2), neutral (1)" in done.err
    dropped = json.loads(evaluate(four, "--labels", "anger,fear", "--unmapped", "drop").out.splitlines()[-1])
    assert (dropped["n"], dropped["labels"]) == (2, ["anger", "fear"])


@pytest.mark.parametrize(("labels", "said"), [("anger,boredom", "'boredom'"), ("anger", "take two"), (",", "take two")])
def test_labels_that_cannot_be_asked_for_are_a_wrong_command(evaluate, four, labels, said):
    done = evaluate(four, "--labels", labels)
    assert done.status == 2 and said in done.err


def test_recordings_without_any_probability_for_the_labels_are_answered_evenly():
    posteriors = np.array([[0.0, 0.0, 1.0], [0.2, 0.6, 0.2]])
    np.testing.assert_allclose(evaluation._among(posteriors, [0, 1]), [[0.5, 0.5], [0.25, 0.75]])


@pytest.mark.parametrize("content", ["boredom", "fear"])
def test_a_corpus_of_which_nothing_is_left_is_told(evaluate, tmp_path, content):
    (tmp_path / "table.csv").write_text(f"file,emotion\nmissing.wav,{content}\n")
    done = evaluate(tmp_path / "table.csv", "--unmapped", "drop")
    assert done.status == 1 and done.err.splitlines()[-1].startswith("tembr: table: no")
