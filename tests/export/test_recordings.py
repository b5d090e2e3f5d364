"""Which recordings of a study an export verifies, calibrates and measures on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from tembr.bundle import BundleError
from tembr.corpora.corpus import Corpus
from tembr.ensemble.folder import EnsembleFacts, EnsembleFolder
from tembr.experiment.settings import load_settings
from tembr.export import recordings as module
from tembr.export.recordings import ExportRecordings, find_recordings, read_waveforms, spread
from tembr.progress import Progress
from tests.small_study import CORPUS

ALL = CORPUS.utterances
OTHER = Corpus("emodb", ALL[:2])


def parts(unseen: bool = True) -> ExportRecordings:
    return ExportRecordings(CORPUS, (OTHER,), ALL[:6], ALL[6:8], ALL[8:], unseen)


@pytest.fixture
def found(monkeypatch):
    """A factory of the recordings of an ensemble with these facts, and of the corpora that are asked for."""

    def find(labels=("anger", "fear"), trained_on="the training part", corpus_dir=None):
        asked = []
        monkeypatch.setattr(module, "usable_corpus", lambda chosen, *_: asked.append(chosen) or CORPUS)
        settings = load_settings(members=["rms"], protocols=["speaker"], auxiliary=["emodb"])
        facts = EnsembleFacts({"rms": 1.0}, 1.0, list(labels), [], trained_on)
        return find_recordings(EnsembleFolder(None, facts, settings), corpus_dir, Progress()), asked

    return find


@pytest.mark.parametrize(("count", "chosen"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (12, list(range(10)))])
def test_so_many_are_spread_evenly_to_both_ends(count, chosen):
    assert spread(list(range(10)), count) == chosen


def test_the_test_part_is_verified_on_first():
    assert parts().for_verification(4) == list(ALL[8:])
    assert parts().for_verification(2) == [ALL[8], ALL[11]]


def test_a_small_test_part_is_filled_up_from_the_rest():
    chosen = parts().for_verification(6)
    assert chosen[:4] == list(ALL[8:]) and chosen[4:] == [ALL[0], ALL[7]]


def test_more_than_there_are_is_all_of_them_once():
    assert sorted(u.key for u in parts().for_verification(99)) == sorted(u.key for u in ALL)


def test_calibration_draws_the_same_of_what_was_learnt_from_every_time():
    learnt = [*ALL[:6], *OTHER.utterances]
    chosen = parts().for_calibration(3)
    assert len(set(chosen)) == 3 and set(chosen) <= set(learnt) and chosen == parts().for_calibration(3)
    assert parts().for_calibration(99) == learnt


def test_a_test_part_that_networks_have_not_seen_was_not_learnt_from():
    assert parts().learnt == {"demo": ALL[:8], "emodb": OTHER.utterances}
    assert parts(unseen=False).learnt["demo"] == ALL


def test_the_corpus_is_divided_as_the_study_divided_it(found):
    recordings, _ = found()
    tested = {u.speaker for u in recordings.test}
    assert tested == {"A"} and tested.isdisjoint(u.speaker for u in recordings.train + recordings.validation)
    assert len(recordings.train + recordings.validation + recordings.test) == 12


@pytest.mark.parametrize(("trained_on", "unseen"), [("the training part, 4 of 12", True), ("all 12 recordings", False)])
def test_who_learnt_from_all_recordings_has_seen_the_test_part(found, trained_on, unseen):
    assert found(trained_on=trained_on)[0].unseen == unseen


def test_a_corpus_of_other_emotions_is_not_the_studys(found):
    said = (
        "demo has the labels anger, fear, the ensemble anger, sadness; name the corpus it was made with by --corpus-dir"
    )
    with pytest.raises(BundleError, match=said):
        found(labels=("anger", "sadness"))


def test_the_target_alone_may_lie_elsewhere(found):
    _, asked = found(corpus_dir="/data/demo")
    assert [(one.name, one.folder) for one in asked] == [("demo", "/data/demo"), ("emodb", "")]


def test_waveforms_are_of_their_own_length_at_the_rate_asked_for(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(8_000, 0.5), 8_000)
    whole = replace(ALL[0], path=tmp_path / "a.wav")
    found = read_waveforms([whole, replace(whole, start=0.25, end=0.75)], 8_000)
    assert [len(waveform) for waveform in found] == [8_000, 4_000]
