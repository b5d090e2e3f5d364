"""Digests of recordings and speakers, written beside a bundle and read back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from tembr.bundle import BundleError
from tembr.corpora.corpus import Utterance
from tembr.files import sha256
from tembr.training_record import (
    RECORD,
    TrainingRecord,
    read_record,
    recording_digest,
    speaker_digest,
    write_record,
)


def first_eight(content: bytes) -> int:
    return int(hashlib.sha256(content).hexdigest()[:16], 16)


@pytest.fixture
def spoken(tmp_path):
    """Write samples as an utterance of a speaker."""

    def write(samples, name: str = "a.wav", speaker: str = "", subtype: str = "FLOAT") -> Utterance:
        soundfile.write(tmp_path / name, np.array(samples), 16_000, subtype=subtype)
        return Utterance(name, tmp_path / name, "fear", speaker)

    return write


def facts(folder: Path) -> SimpleNamespace:
    return SimpleNamespace(hashes={RECORD: sha256(folder / RECORD)})


def test_a_recording_is_known_by_its_samples_in_16_bits(spoken):
    content = np.array([0, 16384, -32768, 32767], "<i2").tobytes()
    assert recording_digest(spoken([0, 0.500001, -1, 1.5])) == first_eight(b"recording\0" + content)


def test_a_name_and_a_format_make_no_other_recording(spoken):
    one = spoken([0.25, -0.5], subtype="PCM_16")
    assert recording_digest(one) == recording_digest(spoken([0.25, -0.5], "b.flac", "anna", "PCM_24"))


def test_a_speaker_is_known_by_corpus_and_name():
    assert speaker_digest("nEMO", "SB0") == first_eight(b"speaker\0nemo\0SB0") != speaker_digest("nemo", "sb0")


@pytest.mark.parametrize(("digest", "found"), [(3, True), (2**63 + 1, True), (4, False), (2**64 - 1, False)])
def test_a_record_has_what_is_in_it_and_nothing_else(digest, found):
    assert TrainingRecord(np.array([3, 7, 2**63 + 1], np.uint64)).has(digest) == found


def test_what_is_written_is_read_back_each_once(spoken, tmp_path):
    said, heard = [], [spoken([0.1], "a.wav", "anna"), spoken([0.2], "b.wav", "anna"), spoken([0.3], "c.wav")]
    write_record(tmp_path, {"nemo": heard}, lambda *counts: said.append(counts))
    expected = sorted([*map(recording_digest, heard), speaker_digest("nemo", "anna")])
    assert read_record(tmp_path, facts(tmp_path)).digests.tolist() == expected
    assert said == [(1, 3), (2, 3), (3, 3)]


def test_a_bundle_without_a_record_has_none(tmp_path):
    assert read_record(tmp_path, SimpleNamespace(hashes={})) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.zeros(2, np.float32), r"float32 \(2,\) are no digests"),
        (np.zeros((2, 1), np.uint64), r"uint64 \(2, 1\) are no digests"),
    ],
)
def test_another_array_is_no_record(tmp_path, content, said):
    np.save(tmp_path / RECORD, content)
    with pytest.raises(BundleError, match=f"{said}; export the bundle again"):
        read_record(tmp_path, facts(tmp_path))


def test_a_record_that_was_exchanged_is_told(spoken, tmp_path):
    write_record(tmp_path, {"nemo": [spoken([0.1])]})
    vouched = facts(tmp_path)
    write_record(tmp_path, {"nemo": [spoken([0.2])]})
    with pytest.raises(BundleError, match="not the file that bundle.json vouches for"):
        read_record(tmp_path, vouched)


@pytest.mark.parametrize("content", [b"no array", b""])
def test_a_damaged_record_cannot_be_read(tmp_path, content):
    (tmp_path / RECORD).write_bytes(content)
    with pytest.raises(BundleError, match="cannot be read .*; copy or export the bundle again"):
        read_record(tmp_path, facts(tmp_path))
