"""Logits of members side by side: the same recordings in the same order, or one line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tembr.ensemble.heldout import FoldParts, HeldOut, Part, read_heldout
from tembr.ensemble.members import StudyMember, finished_members, read_protocol
from tembr.errors import StoreError
from tembr.experiment.heldout import FoldLogits
from tests.small_study import CLASSES, CORPUS, write_study


def part(*indices: int) -> Part:
    """Two members; each logit tells member, recording and class: 100 · member + 10 · recording + class."""
    places = np.array(indices)
    logits = 100 * np.arange(2)[:, None, None] + 10 * places[:, None] + np.arange(2)
    return Part(logits.astype(np.float32), places % 2, np.array([f"S{i}" for i in indices]), places)


@pytest.fixture
def study(tmp_path):
    settings = write_study(tmp_path, "chroma", "rms")
    protocol = read_protocol(settings, tmp_path, "speaker")
    return protocol, list(finished_members(protocol).values())


def change(member: StudyMember, **values) -> None:
    FoldLogits(**vars(FoldLogits.read(member.folds[0])) | values).write(member.folds[0])


def test_a_part_of_one_member_keeps_its_recordings():
    one = part(0, 1, 2).of([1])
    assert one.logits.tolist() == [[[100, 101], [110, 111], [120, 121]]]
    assert one.indices.tolist() == [0, 1, 2]


def test_a_part_at_places_takes_all_of_these_recordings():
    some = part(4, 5, 6).at(np.array([2, 0]))
    assert some.logits[0].tolist() == [[60, 61], [40, 41]]
    assert (some.classes.tolist(), some.speakers.tolist(), some.indices.tolist()) == ([0, 0], ["S6", "S4"], [6, 4])


def test_pooled_heldout_parts_stand_one_after_the_other():
    folds = (FoldParts("a", part(3), part(9)), FoldParts("b", part(1, 2), part(9)))
    pooled = HeldOut(("x", "y"), folds, "").pooled
    assert pooled.indices.tolist() == [3, 1, 2] and pooled.logits.shape == (2, 3, 2)
    assert pooled.logits[1, :, 0].tolist() == [130, 110, 120]


def test_every_recording_has_its_own_class_and_speaker(study):
    read = read_heldout(*study)
    assert read.members == ("chroma", "rms") and [fold.name for fold in read.folds] == ["A", "B", "C"]
    for fold in read.folds:
        for one in (fold.heldout, fold.test):
            np.testing.assert_array_equal(one.classes, CLASSES[one.indices])
            assert one.speakers.tolist() == [CORPUS.utterances[i].speaker for i in one.indices]


def test_only_recordings_that_every_member_has_are_searched_on(study):
    protocol, members = study
    ours = FoldLogits.read(members[0].folds[0])
    change(members[1], heldout=ours.heldout[[2, 0]], heldout_logits=ours.heldout_logits[[2, 0]])
    heldout = read_heldout(protocol, members).folds[0].heldout
    assert heldout.indices.tolist() == ours.heldout[[0, 2]].tolist()
    np.testing.assert_array_equal(heldout.logits[0], heldout.logits[1])


def test_answers_to_other_recordings_are_refused(study):
    protocol, members = study
    change(members[1], test=FoldLogits.read(members[1].folds[0]).test + 1)
    with pytest.raises(StoreError, match="answers other recordings than the study now has; remove .*rms and"):
        read_heldout(protocol, members)


def test_answers_of_other_emotions_are_refused(study):
    protocol, members = study
    change(members[0], test_logits=np.zeros((4, 3), np.float32))
    with pytest.raises(StoreError, match="answers other recordings than the study now has; remove .*chroma and"):
        read_heldout(protocol, members)


def test_logits_that_are_no_numbers_are_refused(study):
    protocol, members = study
    change(members[0], heldout_logits=np.full((4, 2), np.inf, np.float32))
    with pytest.raises(StoreError, match="chroma gives NaN or infinite logits; remove"):
        read_heldout(protocol, members)


def test_other_logits_have_another_identity(study):
    protocol, members = study
    before = read_heldout(protocol, members).identity
    assert read_heldout(protocol, members).identity == before
    change(members[0], test_logits=np.zeros((4, 2), np.float32))
    assert read_heldout(protocol, members).identity != before


def test_other_speakers_have_another_identity(study):
    protocol, members = study
    renamed = replace(CORPUS, utterances=tuple(replace(u, speaker=f"{u.speaker}2") for u in CORPUS.utterances))
    changed = replace(protocol, corpus=renamed)
    assert read_heldout(changed, members).identity != read_heldout(protocol, members).identity
