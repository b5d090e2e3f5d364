"""What adaptation is worth on a corpus: who is drawn, who is scored, and what `tembr evaluate --adapt` makes of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import soundfile
from tests.command import tembr_here
from tests.recognize.fake_adaptable import PITCH, make_adaptable, voice
from tests.recognize.fake_bundle import RATE

from tembr import extras
from tembr.corpora.corpus import Corpus, Utterance
from tembr.emotions import EMOTIONS
from tembr.errors import CorpusError
from tembr.evaluate.conformal import LEVELS
from tembr.recognize import adapted, load

VOICES = {"high": 2 * PITCH, "top": 3 * PITCH, "even": PITCH}
TAKES = 3


@pytest.fixture(scope="module")
def adaptable(tmp_path_factory) -> Path:
    return make_adaptable(tmp_path_factory.mktemp("adaptable") / "bundle")


@pytest.fixture
def table(tmp_path) -> Path:
    """Three voices with 18 recordings each, one with 2, and one recording of nobody known."""
    rows = []
    for speaker, pitch in VOICES.items():
        for emotion in EMOTIONS:
            for take in range(TAKES):
                name = f"{speaker}_{emotion}_{take}.wav"
                soundfile.write(tmp_path / name, voice(emotion, pitch, 0.5 + take / 4), RATE, subtype="FLOAT")
                rows.append(f"{name},{emotion},{speaker}\n")
    rows += ["high_fear_0.wav,fear,rare,0.1\n", "high_fear_1.wav,fear,rare,0.1\n", "high_fear_2.wav,fear,,0.1\n"]
    (tmp_path / "table.csv").write_text("file,emotion,speaker,start\n" + "".join(rows))
    return tmp_path / "table.csv"


@pytest.fixture
def evaluate(capsys, adaptable):
    def run(table, *words, bundle=adaptable):
        command = ("evaluate", "--bundle", str(bundle), "--corpus", "manifest", "--corpus-dir", str(table))
        return tembr_here(capsys, *command, *map(str, words))

    return run


def crowd(sizes: dict[str, int]) -> Corpus:
    utterances = [
        Utterance(f"{speaker}_{n}.wav", Path("none"), EMOTIONS[n % 6], speaker=speaker)
        for speaker, size in sizes.items()
        for n in range(size)
    ]
    return Corpus("crowd", tuple(utterances))


def test_of_every_speaker_so_many_are_drawn_and_the_others_scored():
    corpus = crowd({"a": 9, "b": 20, "c": 8})
    drawn = adapted.draw(corpus, 8)
    assert {speaker: len(own) for speaker, own in drawn.adapting.items()} == {"a": 8, "b": 8}
    assert all(u.speaker == speaker for speaker, own in drawn.adapting.items() for u in own)
    taken = {u for own in drawn.adapting.values() for u in own}
    assert not taken & set(drawn.scored.utterances)
    assert taken | set(drawn.scored.utterances) == {u for u in corpus.utterances if u.speaker != "c"}
    assert list(drawn.left_out) == ["c"] and "8 recordings" in drawn.left_out["c"]


def test_a_draw_follows_the_seed_and_no_other_speaker():
    one = adapted.draw(crowd({"a": 30, "b": 30}), 8, seed=1)
    assert one == adapted.draw(crowd({"a": 30, "b": 30}), 8, seed=1)
    assert one.adapting["a"] == adapted.draw(crowd({"0": 40, "a": 30}), 8, seed=1).adapting["a"]
    assert one.adapting["a"] != adapted.draw(crowd({"a": 30}), 8, seed=2).adapting["a"]
    assert [u.file[2:] for u in one.adapting["a"]] != [u.file[2:] for u in one.adapting["b"]]


def test_the_draw_has_no_eye_for_labels():
    corpus = crowd({"a": 30})
    same = Corpus("crowd", tuple(Utterance(u.file, u.path, "fear", u.speaker) for u in corpus.utterances))
    files = [[u.file for u in adapted.draw(c, 8).adapting["a"]] for c in (corpus, same)]
    assert files[0] == files[1]


@pytest.mark.parametrize(("sizes", "said"), [({"": 20}, "no recording says whose"), ({"a": 8}, "no speaker has more")])
def test_a_corpus_nobody_can_be_adapted_to_is_told(sizes, said):
    with pytest.raises(CorpusError, match=said):
        adapted.draw(crowd(sizes), 8)


def test_each_speaker_is_adapted_to_by_itself_and_on_what_was_drawn_alone(adaptable, table, monkeypatch):
    from tembr.corpora import load_corpus

    recognizer, corpus = load(adaptable), load_corpus("manifest", str(table))
    heard = []
    stream = adapted.Stream
    monkeypatch.setattr(adapted, "Stream", lambda path, *part: heard.append(path) or stream(path, *part))
    drawn = adapted.draw(corpus, 12)
    _, own, failures = adapted.adapt_each(recognizer, drawn)
    assert set(heard) == {u.path for each in drawn.adapting.values() for u in each} and failures == []
    for speaker, utterances in drawn.adapting.items():
        alone = recognizer.adapt([u.path for u in utterances]).speaker
        assert own[speaker].speaker.offset == alone.offset
        assert own[speaker].speaker.name == speaker
    assert recognizer.speaker is None


def test_adapted_recordings_are_never_scored(evaluate, table, tmp_path):
    done = evaluate(table, "--adapt", 12, "--seed", 3, "--out", tmp_path / "out")
    assert done.status == 0
    from tembr.corpora import load_corpus

    drawn = adapted.draw(load_corpus("manifest", str(table)), 12, seed=3)
    scored = sorted(u.key for u in drawn.scored.utterances)
    for name in ("probabilities.csv", "adapted.csv"):
        assert sorted(row["file"] for row in csv.DictReader((tmp_path / "out" / name).open())) == scored
    assert len(scored) == 3 * 6


def test_without_and_with_are_told_over_the_same_recordings(evaluate, table, tmp_path):
    done = evaluate(table, "--adapt", 12, "--out", tmp_path / "out")
    measures = json.loads(done.out.splitlines()[-1])
    made = measures["adapted"]
    assert (made["recordings"], made["seed"], made["speakers"]) == (12, 0, 3)
    assert measures["n"] == made["n"] == 18 and made["failures"] == 0
    assert made["uar"]["value"] > 0.9 > measures["uar"]["value"]
    assert made["gain"]["value"] == pytest.approx(made["uar"]["value"] - measures["uar"]["value"])
    assert 0 < made["gain"]["low"] < made["gain"]["value"] < made["gain"]["high"]
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == measures
    lines = done.out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("adapted to 12 recordings each of 3 speakers"))
    for line, name, figures in zip(
        lines[at + 1 :], ("without", "with", "difference"), (measures["uar"], made["uar"], made["gain"])
    ):
        assert line.split() == [
            name,
            "18",
            *f"{figures['value']:.3f} {figures['low']:.3f} – {figures['high']:.3f}".split(),
        ]


def test_the_figures_without_are_those_of_a_plain_evaluation(evaluate, table, tmp_path):
    evaluate(table, "--adapt", 12, "--out", tmp_path / "adapted")
    evaluate(table, "--out", tmp_path / "plain")

    def rows(folder):
        return {row["file"]: row for row in csv.DictReader((tmp_path / folder / "probabilities.csv").open())}

    adapted_to, plain = rows("adapted"), rows("plain")
    assert adapted_to == {file: plain[file] for file in adapted_to}


def test_who_is_left_out_is_told(evaluate, table):
    done = evaluate(table, "--adapt", 12)
    assert done.err.splitlines() == [
        "left out: 1 recordings without a speaker",
        "left out: speaker rare: 2 recordings, --adapt 12 takes one more at least",
    ]
    assert json.loads(done.out.splitlines()[-1])["adapted"]["left_out"] == ["", "rare"]


def test_few_recordings_are_told_once(evaluate, table):
    assert evaluate(table, "--adapt", 2).err.count("fewer than 8") == 1
    assert "fewer than" not in evaluate(table, "--adapt", 8).err


def test_what_cannot_be_heard_is_told_and_the_rest_measured(evaluate, table):
    for path in table.parent.glob("top_*.wav"):
        path.write_bytes(b"")
    for path in list(table.parent.glob("even_*.wav"))[::4]:
        path.write_bytes(b"")
    done = evaluate(table, "--adapt", 8)
    made = json.loads(done.out.splitlines()[-1])["adapted"]
    assert made["speakers"] == 2 and made["left_out"] == ["", "rare", "top"]
    assert "left out: speaker top: no recording to adapt to can be heard" in done.err


def test_a_corpus_of_which_nothing_can_be_heard_is_told(evaluate, table):
    for path in table.parent.glob("*.wav"):
        path.write_bytes(b"")
    done = evaluate(table, "--adapt", 8)
    assert done.status == 1 and done.err.splitlines()[-1].startswith("tembr: table: no speaker could be adapted to")


def test_adapted_answers_are_among_the_labels_asked_for_too(evaluate, table):
    done = evaluate(table, "--adapt", 8, "--labels", "anger,fear", "--unmapped", "drop")
    assert done.status == 1 and "no speaker has more than" in done.err
    done = evaluate(table, "--adapt", 4, "--labels", "anger,fear", "--unmapped", "drop")
    measures = json.loads(done.out.splitlines()[-1])
    assert measures["labels"] == measures["adapted"]["labels"] == ["anger", "fear"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--adapt", "18"), 1, "no speaker has more than 18 recordings"),
        (("--adapt", "8", "--degrade", "phone"), 2, "cannot be combined"),
        (("--adapt", "0"), 2, "adapt"),
    ],
)
def test_what_cannot_be_done_is_told(evaluate, table, words, status, said):
    done = evaluate(table, *words)
    assert done.status == status and said in done.err and done.out == ""
    assert status == 2 or done.one_line_error


def test_a_corpus_without_speakers_is_one_line(evaluate, table):
    table.write_text("file,emotion\nhigh_fear_0.wav,fear\nhigh_fear_1.wav,fear\n")
    done = evaluate(table, "--adapt", 1, "--quiet")
    assert done.status == 1 and "tembr: table: no recording says whose it is" in done.err


def test_a_bundle_that_cannot_adapt_is_told_before_anything_is_heard(evaluate, bundle):
    done = evaluate("nowhere.csv", "--adapt", 8, bundle=bundle)
    assert done.status == 1 and done.one_line_error and "cannot adapt to a speaker" in done.err


def test_without_scipy_the_line_says_what_to_install(evaluate, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    done = evaluate("nowhere.csv", "--adapt", 8)
    assert done.status == 1 and done.one_line_error and "--extra degrade" in done.err


def test_sets_are_scored_without_and_with_adapting(evaluate, table, tmp_path):
    sets = {"speaker_independent": [1.0] * len(LEVELS), "adapted": [0.0] * len(LEVELS)}
    bundle = make_adaptable(tmp_path / "sets", set_thresholds=sets)
    done = evaluate(table, "--adapt", 9, "--coverage", 0.8, bundle=bundle)
    measures = json.loads(done.out.splitlines()[-1])
    alone, adapted = measures["at_coverage"], measures["adapted"]["at_coverage"]
    assert (alone["level"], alone["size"], alone["single"]) == (0.8, 1.0, 1.0)
    assert (adapted["coverage"], adapted["size"]) == (1.0, len(EMOTIONS))
    assert "sets of adapted answers for a coverage of 0.8: held the truth in 1.000, 6.00 emotions in a set" in done.out


def test_sets_that_were_not_calibrated_are_told_before_anything_is_heard(evaluate, table, tmp_path):
    bundle = make_adaptable(tmp_path / "sets", set_thresholds={"speaker_independent": [0.5] * len(LEVELS)})
    done = evaluate(table, "--adapt", 9, "--coverage", 0.8, bundle=bundle)
    assert done.status == 1 and done.one_line_error and "no sets calibrated for speakers adapted to" in done.err
