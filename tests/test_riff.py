"""What a WAV file claims, whatever is left of it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile

from tembr import load
from tembr.audio import Stream
from tembr.riff import UNKNOWN, WIDTHS, SoundFile, data_bytes

RATE = 16_000


def written(subtype: str = "PCM_16", channels: int = 1, seconds: float = 1.0, form: str = "WAV") -> bytes:
    content = io.BytesIO()
    samples = 0.1 * np.random.default_rng(0).normal(size=(round(seconds * RATE), channels))
    soundfile.write(content, samples, RATE, subtype, format=form)
    return content.getvalue()


def with_size(content: bytes, size: int) -> bytes:
    place = content.index(b"data") + 4
    return content[:place] + struct.pack("<I", size) + content[place + 4 :]


@pytest.mark.parametrize("subtype", list(WIDTHS))
@pytest.mark.parametrize("channels", [1, 3])
def test_of_a_file_that_was_cut_off_the_header_claims_all_of_it(tmp_path, subtype, channels):
    content = written(subtype, channels)
    for path, left in (("whole.wav", len(content)), ("cut.wav", len(content) // 2)):
        (tmp_path / path).write_bytes(content[:left])
        for source in (str(tmp_path / path), bytes(tmp_path / path), io.BytesIO(content[:left])):
            with SoundFile(source) as file:
                assert file.claimed == RATE and (file.frames == RATE) == (path == "whole.wav")


@pytest.mark.parametrize("size", [0, UNKNOWN, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_a_size_that_nobody_knew_claims_nothing(size):
    with SoundFile(io.BytesIO(with_size(written(), size))) as file:
        assert file.claimed == file.frames and (file.frames == RATE) == bool(size)  # of 0 libsndfile hears nothing


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(40), b"RIFF\0\0\0\0AVI " + bytes(40)]
)
def test_what_has_no_samples_or_is_no_wav_claims_nothing(content):
    assert data_bytes(io.BytesIO(content)) is None


def test_chunks_of_odd_length_before_the_samples_are_passed_over_and_the_place_is_kept():
    content = written()
    file = io.BytesIO(content[:12] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + content[12:])
    assert data_bytes(file) == 2 * RATE and file.tell() == 0


@pytest.mark.parametrize("form", ["FLAC", "AIFF", "W64", "RF64"])
def test_other_files_claim_what_they_have(form):
    with SoundFile(io.BytesIO(written(form=form))) as file:
        assert file.claimed == file.frames == RATE


def test_what_is_missing_is_a_warning_of_the_answer_and_of_a_part_only_where_it_is_in_it():
    cut = written(seconds=4.0)[: 2 * RATE * 2]
    (warning,) = [one for one in load("small").predict(cut).warnings if one.startswith("truncated")]
    assert warning == "truncated: 2.0 s are there of 4.0 s; copy the file again"
    with Stream(cut, RATE, end=1.0) as stream:
        assert stream.claimed == 1.0
