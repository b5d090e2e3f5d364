"""The corpora whose file names carry the labels."""

from __future__ import annotations

import pytest

from tembr.corpora import ased, emodb, ravdess
from tembr.errors import CorpusError


@pytest.fixture
def touch(tmp_path):
    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("code", "emotion"),
    [
        ("01", "neutral"),
        ("02", "calm"),
        ("03", "happiness"),
        ("04", "sadness"),
        ("05", "anger"),
        ("06", "fear"),
        ("07", "disgust"),
        ("08", "surprised"),
    ],
)
def test_ravdess_emotion_is_the_third_number(touch, code, emotion):
    corpus = ravdess.load(touch(f"Actor_01/03-01-{code}-01-01-01-01.wav"))
    assert corpus.utterances[0].emotion == emotion


@pytest.mark.parametrize(("actor", "gender"), [("11", "male"), ("12", "female")])
def test_ravdess_gender_is_the_parity_of_the_actor(touch, actor, gender):
    corpus = ravdess.load(touch(f"Actor_{actor}/03-01-03-01-01-01-{actor}.wav"))
    assert (corpus.utterances[0].speaker, corpus.utterances[0].gender) == (actor, gender)


def test_ravdess_text_is_the_statement(touch):
    corpus = ravdess.load(touch("Actor_01/03-01-01-01-02-01-01.wav"))
    assert corpus.utterances[0].text == "Dogs are sitting by the door"


def test_ravdess_passes_over_song_and_video(touch):
    folder = touch("a/03-01-01-01-01-01-01.wav", "a/03-02-01-01-01-01-01.wav", "a/01-01-01-01-01-01-01.wav")
    assert [u.file for u in ravdess.load(folder).utterances] == ["03-01-01-01-01-01-01.wav"]


def test_recordings_doubled_in_a_second_folder_are_taken_once(touch):
    name = "Actor_01/03-01-01-01-01-01-01.wav"
    assert len(ravdess.load(touch(name, f"audio_speech_actors_01-24/{name}"))) == 1


def test_hidden_files_are_no_recordings(touch):
    folder = touch("a/03-01-01-01-01-01-01.wav", "__MACOSX/.x/03-01-01-01-01-01-02.wav")
    assert len(ravdess.load(folder)) == 1


@pytest.mark.parametrize(
    ("letter", "emotion"),
    [
        ("W", "anger"),
        ("L", "boredom"),
        ("E", "disgust"),
        ("A", "fear"),
        ("F", "happiness"),
        ("T", "sadness"),
        ("N", "neutral"),
    ],
)
def test_emodb_emotion_is_the_letter(touch, letter, emotion):
    assert emodb.load(touch(f"wav/03a01{letter}a.wav")).utterances[0].emotion == emotion


def test_emodb_speaker_has_the_publishers_gender_and_age(touch):
    spoken = emodb.load(touch("wav/14b10Lb.wav")).utterances[0]
    assert (spoken.speaker, spoken.gender, spoken.age, spoken.text) == ("14", "female", 35, "b10")


@pytest.mark.parametrize(
    ("letter", "emotion"),
    [("n1", "neutral"), ("f2", "fear"), ("h3", "happiness"), ("s4", "sadness"), ("a5", "anger")],
)
def test_ased_emotion_is_the_letter(touch, letter, emotion):
    assert ased.load(touch(f"x/{letter}-01-01-01-01.wav")).utterances[0].emotion == emotion


def test_ased_letter_may_be_a_capital(touch):
    assert ased.load(touch("04Sad/S4-04-02-01-29.wav")).utterances[0].emotion == "sadness"


def test_ased_gender_is_what_most_recordings_of_a_speaker_say(touch):
    corpus = ased.load(touch("x/n1-01-01-01-09.wav", "x/n1-02-01-01-09.wav", "x/n1-03-01-02-09.wav"))
    assert {(u.speaker, u.gender) for u in corpus.utterances} == {("09", "female")}


@pytest.mark.parametrize(
    ("loader", "example"), [(ravdess, "03-01-06-01-02-01-12"), (emodb, "03a01Fa"), (ased, "n1-04-02-01-29")]
)
def test_folder_without_recordings_says_which_names_were_looked_for(touch, loader, example):
    with pytest.raises(CorpusError, match=example):
        loader.load(touch("other.wav"))


@pytest.mark.parametrize("loader", [ravdess, emodb, ased])
def test_missing_folder_is_named(tmp_path, loader):
    with pytest.raises(CorpusError, match="no such folder.*nowhere"):
        loader.load(tmp_path / "nowhere")
