"""What a bundle was trained on is said wherever it is measured on that."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, make_bundle, tone

from tembr.bundle import BundleError, read_facts, write_facts
from tembr.corpora import load_corpus
from tembr.corpora.corpus import Corpus, Utterance
from tembr.emotions import EMOTIONS
from tembr.recognize.network import DEFAULT, Network
from tembr.recognize.overlap import overlap
from tembr.training_record import RECORD, read_record, recording_digest, speaker_digest, write_record

ENTRY = {"licence": "CC0-1.0", "recordings": 6, "speakers": 2, "hours": 0.01}


@pytest.fixture
def spoken(tmp_path) -> Corpus:
    """Six recordings of two speakers, all different."""
    folder = tmp_path / "spoken"
    folder.mkdir()
    utterances = []
    for number, emotion in enumerate(EMOTIONS):
        path = folder / f"{number}.wav"
        soundfile.write(path, tone(emotion, 0.5), RATE)
        utterances.append(Utterance(path.name, path, emotion, speaker="ab"[number % 2]))
    rows = [f"{u.file},{u.emotion},{u.speaker}\n" for u in utterances]
    (folder / "spoken.csv").write_text("file,emotion,speaker\n" + "".join(rows))
    return Corpus("spoken", tuple(utterances))


@pytest.fixture
def trained(tmp_path, spoken) -> Path:
    """A bundle trained on four of the six, all of speaker a and one of b."""
    return trained_on(tmp_path / "bundle", "spoken", [spoken.utterances[i] for i in (0, 1, 2, 4)])


def trained_on(folder: Path, corpus: str, utterances) -> Path:
    make_bundle(folder, corpora=[{"name": corpus, **ENTRY}])
    write_record(folder, {corpus: utterances})
    write_facts(read_facts(folder), folder)
    return folder


def evaluate(capsys, bundle: Path, table: Path, *words: str):
    command = ("evaluate", "--bundle", str(bundle), "--corpus", "manifest", "--corpus-dir", str(table), *words)
    done = tembr_here(capsys, *command)
    return done, json.loads(done.out.splitlines()[-1])


def test_recordings_trained_on_are_counted_and_said(capsys, trained, spoken, tmp_path):
    table = spoken.utterances[0].path.parent / "spoken.csv"
    done, measures = evaluate(capsys, trained, table, "--out", str(tmp_path / "out"))
    assert measures["trained_on_this_corpus"] is True
    assert measures["trained_on"] == {"corpus_of_this_name": True, "recordings": 4, "speakers": ["a", "b"]}
    said = "the bundle was trained on 4 of these 6 recordings and 2 of these 2 speakers"
    assert done.out.startswith(said + ": the figures say nothing about new voices")
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == measures


def test_a_corpus_is_known_under_another_name_by_its_content(capsys, trained, spoken):
    """Other file names, FLAC in the place of WAV, no speakers."""
    folder = spoken.utterances[0].path.parent / "renamed"
    folder.mkdir()
    for number, utterance in enumerate(spoken.utterances):
        soundfile.write(folder / f"x{number}.flac", soundfile.read(utterance.path)[0], RATE)
    rows = [f"x{number}.flac,{u.emotion}\n" for number, u in enumerate(spoken.utterances)]
    (folder / "mine.csv").write_text("file,emotion\n" + "".join(rows))
    done, measures = evaluate(capsys, trained, folder / "mine.csv")
    assert measures["trained_on_this_corpus"] is True
    assert measures["trained_on"] == {"corpus_of_this_name": False, "recordings": 4, "speakers": []}
    assert "the bundle was trained on 4 of these 6 recordings: the figures" in done.out


def test_other_recordings_of_the_speakers_are_told_by_the_speakers(trained, spoken):
    others = [replace(u, start=0.1) for u in spoken.utterances if u.speaker == "a"]
    others += [replace(u, start=0.1, speaker="new") for u in spoken.utterances if u.speaker == "b"]
    found = overlap(Network(trained), Corpus("Spoken", tuple(others)))
    assert found.trained and (found.recordings, found.trained_speakers) == (0, ("a",))
    assert "other recordings, or other forms of these, of 1 of these 2 speakers" in found.said()


def test_new_voices_are_not_said_to_be_known(capsys, trained, spoken):
    """Under the name of what the bundle was trained on: its record knows better."""
    new = tuple(replace(u, start=0.1, speaker=f"new {u.speaker}") for u in spoken.utterances)
    found = overlap(Network(trained), replace(spoken, utterances=new))
    assert not found.trained and found.named and found.said() == ""
    assert found.as_dict()["trained_on_this_corpus"] is False


def test_a_bundle_without_a_record_is_told_by_the_name_of_the_corpus(capsys, spoken, tmp_path):
    bundle = make_bundle(tmp_path / "old", corpora=[{"name": "other", **ENTRY}, {"name": "Spoken", **ENTRY}])
    done, measures = evaluate(capsys, bundle, spoken.utterances[0].path.parent / "spoken.csv")
    assert measures["trained_on"] == {"corpus_of_this_name": True, "recordings": None, "speakers": None}
    assert measures["trained_on_this_corpus"] is True
    assert done.out.startswith("the bundle was trained on this corpus (spoken): the figures say nothing about new")


def test_a_corpus_that_is_new_is_not_mentioned(capsys, bundle, spoken):
    done, measures = evaluate(capsys, bundle, spoken.utterances[0].path.parent / "spoken.csv")
    assert measures["trained_on_this_corpus"] is False and "trained on" not in done.out.rpartition("\n{")[0]


@pytest.mark.parametrize(("name", "count", "speakers"), [("nemo", "3,401", 7), ("emodb", "535", 10)])
def test_the_default_bundle_says_that_it_knows_a_corpus_it_learnt_from(corpora_dir, name, count, speakers):
    said = overlap(Network(DEFAULT), load_corpus(name, corpora_dir / name, unmapped="keep")).said()
    words = f"{count} of these {count} recordings and {speakers} of these {speakers} speakers"
    assert said.startswith(f"the bundle was trained on {words}: ")


def test_the_default_bundle_knows_nothing_of_another_corpus():
    assert overlap(Network(DEFAULT), load_corpus("demo")).said() == ""


def test_the_digest_of_a_part_is_its_own(spoken):
    whole = spoken.utterances[0]
    part = replace(whole, start=0.1, end=0.3)
    samples, _ = soundfile.read(whole.path, dtype="int16")
    soundfile.write(whole.path.with_name("part.wav"), samples[1600:4800], RATE)
    cut = replace(whole, path=whole.path.with_name("part.wav"))
    assert recording_digest(part) == recording_digest(cut) != recording_digest(whole)


def test_a_record_takes_eight_bytes_a_recording_and_a_speaker(tmp_path, spoken):
    write_record(tmp_path, {"spoken": spoken.utterances})
    assert (tmp_path / RECORD).stat().st_size <= 128 + 8 * (6 + 2)
    digests = np.load(tmp_path / RECORD)
    assert set(digests.tolist()) == {
        *map(recording_digest, spoken.utterances),
        speaker_digest("spoken", "a"),
        speaker_digest("spoken", "b"),
    }


def test_a_record_that_was_altered_is_refused(trained):
    shutil.copy(trained / "model.onnx", trained / RECORD)
    with pytest.raises(BundleError, match="training_record.npy"):
        read_record(trained, read_facts(trained))
    np.save(trained / RECORD, np.arange(4, dtype=np.uint64))
    with pytest.raises(BundleError, match="not the file that bundle.json vouches for"):
        read_record(trained, read_facts(trained))


def test_a_record_of_something_else_is_refused(trained):
    np.save(trained / RECORD, np.zeros((2, 2)))
    write_facts(read_facts(trained), trained)
    with pytest.raises(BundleError, match="are no digests"):
        read_record(trained, read_facts(trained))


def test_recordings_that_cannot_be_read_are_in_no_record(trained, spoken):
    spoken.utterances[0].path.write_bytes(b"")
    assert overlap(Network(trained), spoken).recordings == 3
