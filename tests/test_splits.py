from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from tembr.corpora import Corpus, Utterance, load_corpus
from tembr.errors import CorpusError
from tembr.splits import SplitSettings, make_folds


def corpus(speakers: int = 6, per_emotion: int = 10, emotions=("anger", "fear", "neutral")) -> Corpus:
    utterances = [
        Utterance(f"{e}{n}-{s}", Path("x"), e, f"s{s}")
        for n in range(per_emotion)
        for e in emotions
        for s in range(speakers)
    ]
    return Corpus("toy", tuple(utterances))


@pytest.mark.parametrize("protocol", ["random", "speaker", "kfold"])
def test_parts_of_a_fold_share_nothing_and_cover_all(protocol):
    toy = corpus()
    for fold in make_folds(toy, protocol):
        parts = np.concatenate([fold.train, fold.validation, fold.test])
        assert sorted(parts) == list(range(len(toy)))


@pytest.mark.parametrize("protocol", ["speaker", "kfold"])
def test_every_recording_is_tested_once(protocol):
    toy = corpus()
    tested = np.concatenate([fold.test for fold in make_folds(toy, protocol)])
    assert sorted(tested) == list(range(len(toy)))


@pytest.mark.parametrize("folds", [0, 2, 3])
def test_no_speaker_is_in_two_parts(folds):
    toy = corpus()
    speakers = np.array([u.speaker for u in toy.utterances])
    for fold in make_folds(toy, "speaker", SplitSettings(folds=folds)):
        train, validation, test = (set(speakers[part]) for part in (fold.train, fold.validation, fold.test))
        assert train and validation and test
        assert not (train & validation or train & test or validation & test)


def test_one_speaker_at_a_time_is_left_out_by_default():
    assert [fold.name for fold in make_folds(corpus(), "speaker")] == [f"s{k}" for k in range(6)]


def test_seed_42_is_scikit_learns_split_on_nemo(corpora_dir):
    nemo = load_corpus("nemo", corpora_dir / "nemo")
    emotions = [u.emotion for u in nemo.utterances]
    rest, test = train_test_split(range(len(nemo)), test_size=0.2, random_state=42, stratify=emotions)
    rest_emotions = [emotions[i] for i in rest]
    train, validation = train_test_split(rest, test_size=0.2, random_state=42, stratify=rest_emotions)
    (fold,) = make_folds(nemo, "random")
    assert sorted(test) == fold.test.tolist()
    assert sorted(validation) == fold.validation.tolist()
    assert sorted(train) == fold.train.tolist()


def test_the_random_split_is_64_16_20():
    (fold,) = make_folds(corpus(per_emotion=50), "random")
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [576, 144, 180]


def test_seeds_differ():
    one, other = (make_folds(corpus(), "random", SplitSettings(seed=s))[0].test for s in (1, 2))
    assert not np.array_equal(one, other)


def test_one_emotion_is_refused():
    with pytest.raises(CorpusError, match="only one emotion"):
        make_folds(corpus(emotions=("anger",)), "random")


def test_too_few_speakers_are_refused():
    with pytest.raises(CorpusError, match="needs at least 3.*--protocol random"):
        make_folds(corpus(speakers=2), "speaker")


def test_sentences_of_one_speaker_alone_leave_nothing_to_score_of_another():
    toy = corpus(per_emotion=2)
    each = Corpus("toy", tuple(replace(u, text=u.file) for u in toy.utterances))
    with pytest.raises(CorpusError, match="toy: where s0 is left out nothing is left to score; .*--protocol speaker"):
        make_folds(each, "sentence", SplitSettings(sentences=0.1))


def test_unnamed_speakers_are_refused():
    toy = Corpus("toy", tuple(Utterance(f"{n}", Path("x"), e) for n in range(9) for e in ("fear", "anger")))
    with pytest.raises(CorpusError, match="name all in a column speaker"):
        make_folds(toy, "speaker")


def test_a_scarce_emotion_is_named():
    toy = corpus()
    scarce = Corpus("toy", (*toy.utterances, Utterance("one", Path("x"), "sadness", "s0")))
    with pytest.raises(CorpusError, match="1 recordings of sadness"):
        make_folds(scarce, "random")


def test_more_folds_than_speakers_are_refused():
    with pytest.raises(CorpusError, match="9 speaker folds"):
        make_folds(corpus(), "speaker", SplitSettings(folds=9))
