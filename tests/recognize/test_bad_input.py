"""Whatever is given for a recording: an answer, or one line of error; never memory by what a header claims."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
from tests.recognize.fake_bundle import RATE, tone

from tembr import audio
from tembr.errors import AudioError


def wav_bytes(samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> bytearray:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)
    return bytearray(file.getvalue())


def with_rate(rate: int) -> bytes:
    content = wav_bytes(tone("fear"))
    content[24:28] = struct.pack("<I", rate)
    return bytes(content)


def with_size(size: int) -> bytes:
    content = wav_bytes(tone("fear"))
    content[4:8] = content[40:44] = struct.pack("<I", size)
    return bytes(content)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (b"", "empty"),
        (b"RIFF", "not readable as audio"),
        (b"not audio at all " * 100, "not readable as audio"),
        (bytes(wav_bytes(tone("fear"))[:30]), "not readable as audio|holds no samples"),
        (bytes(wav_bytes(np.zeros(0))), "holds no samples"),
        (with_rate(0), "not readable as audio|claims 0 Hz"),
        (with_rate(10_000_000), "claims 10000000 Hz"),
        (bytes(wav_bytes(np.full(RATE, np.nan), subtype="FLOAT")), "NaN or infinite"),
        (bytes(wav_bytes(np.full(RATE, np.inf), subtype="FLOAT")), "NaN or infinite"),
        ("missing.wav", "no such file"),
        ("a\0b.wav", "no such file|not readable"),
        ("x" * 5000 + ".wav", "not readable|no such file"),
        (".", "a folder"),
        (os.devnull, "a device, not a file"),
        (io.StringIO("text"), "opened as text"),
        (42, "a int"),
        (None, "a NoneType"),
        ((np.zeros(5), 16_000.5), "whole number of Hz"),
        ((RATE, np.zeros(5)), "whole number of Hz"),
        ((np.zeros(0), RATE), "holds no samples"),
        ((np.zeros((2, 3, 4)), RATE), "give real numbers"),
        ((np.zeros(9, complex), RATE), "give real numbers"),
        ((np.array(["a", "b"]), RATE), "give real numbers"),
        ((np.zeros((2, 48_000)), RATE), "the transpose"),
        ((np.zeros(RATE), 0), "a rate of 0 Hz"),
        ((np.full(RATE, np.nan), RATE), "NaN or infinite"),
    ],
)
def test_what_is_no_recording_is_one_line_of_error(recognizer, source, said):
    for ask in (recognizer.predict, recognizer.segments):
        with pytest.raises(AudioError, match=said) as error:
            ask(source)
        assert "\n" not in str(error.value)


def test_one_nan_late_in_a_recording_is_found(recognizer):
    waveform = tone("fear", 60)
    waveform[-5] = np.nan
    with pytest.raises(AudioError, match="NaN"):
        recognizer.predict((waveform, RATE))


def test_samples_beyond_all_bounds_are_an_error_not_a_guess(recognizer):
    with pytest.raises(AudioError, match="scale them"):
        recognizer.predict((np.tile(np.float32([3e38, -3e38]), RATE), RATE))


def test_sixty_four_channels_are_heard(recognizer, wav):
    path = wav(np.repeat(tone("neutral")[:, None], 64, axis=1))
    assert recognizer.predict(path).label == "neutral"


def test_half_a_file_is_heard_as_far_as_it_goes(recognizer, wav):
    path = wav("anger")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    answer = recognizer.predict(path)
    assert answer.label == "anger" and answer.end == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFF0])
def test_a_header_that_claims_gigabytes_takes_no_memory(recognizer, size):
    content = with_size(size)
    recognizer.predict(content)
    tracemalloc.start()
    answer = recognizer.predict(content)
    audio.read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.label == "fear" and peak < 20 * 2**20


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(recognizer, wav):
    path = wav("fear")
    path.chmod(0)
    with pytest.raises(AudioError, match="no permission"):
        recognizer.predict(path)
