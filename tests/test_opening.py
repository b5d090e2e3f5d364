"""Whatever is given for a recording becomes a file that can be read and sought in, or one line says why not."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from tembr.errors import AudioError
from tembr.opening import Samples, lasting, name_of, open_recording, path_of, reason


def wav(rate: int = 16_000, samples: int = 160) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(samples), rate, format="WAV")
    return file.getvalue()


def tag(length: bytes, flags: int = 0) -> bytes:
    """The header of an ID3v2.4 tag."""
    return b"ID3\x04\x00" + bytes([flags]) + length


class Pipe(io.BytesIO):
    """Bytes that can be read once."""

    def seekable(self) -> bool:
        return False


def test_the_length_of_a_tag_is_in_seven_bits_a_byte():
    tagged = tag(b"\0\0\x01\x02") + bytes(130) + wav()
    assert open_recording(tagged, "clip").frames == 160


def test_the_footer_of_a_tag_is_skipped_with_it():
    tagged = tag(b"\0\0\0\x05", flags=0x10) + bytes(5 + 10) + wav()
    assert open_recording(tagged, "clip").frames == 160


def test_integers_are_scaled_by_their_range():
    signed, unsigned = (
        Samples(np.array([[low], [high]], kind), 16_000).read(2, "float32", True)[:, 0].tolist()
        for kind, low, high in ((np.int16, -32768, 16384), (np.uint8, 0, 192))
    )
    assert signed == unsigned == [-1.0, 0.5]


def test_samples_in_memory_are_read_from_where_one_sought():
    samples = Samples(np.arange(5.0)[:, None], 16_000)
    samples.seek(2)
    read = [samples.read(2, "float32", True)[:, 0].tolist() for _ in range(3)]
    assert read == [[2.0, 3.0], [4.0], []]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((np.zeros(9), 16_000.0), "rate a whole number of Hz; give both so"),
        ((np.zeros((40, 2, 1)), 16_000), r"samples \(40, 2, 1\) of float64; give real numbers"),
        ((np.zeros(9, complex), 16_000), "of complex128; give real numbers"),
        (([1, 2, 3], 16_000), "samples of int64, whose full scale is not known; give int16, int32, or floats"),
        ((np.zeros((2, 16_000)), 16_000), "16000 channels of 2 samples; give .* the transpose"),
        ((np.zeros(9), 999), "a rate of 999 Hz; give one from 1000 to 768000 Hz"),
        (wav(rate=500), "its header claims 500 Hz; the file is damaged"),
        (io.StringIO("RIFF"), "opened as text; open it with mode 'rb'"),
        (io.BytesIO(), r"empty \(0 bytes\); give it something to hear"),
        (3, "a int; give a path, bytes, a file object"),
    ],
)
def test_what_cannot_be_heard_is_one_line_that_says_why(given, said):
    with pytest.raises(AudioError, match=said):
        open_recording(given, "clip")


def test_a_folder_is_told_as_one(tmp_path):
    with pytest.raises(AudioError, match="a folder, not a recording; name a file in it"):
        open_recording(tmp_path, "clip")


@pytest.mark.parametrize(("name", "advice"), [("talk.M4A", "ffmpeg -i NAME.m4a NAME.wav"), ("a.wav", "WAV, FLAC")])
def test_advice_is_by_the_extension(name, advice):
    with pytest.raises(AudioError, match=f"^{name}: not readable as audio .*; .*{advice}"):
        open_recording(b"no audio at all", name)


def test_what_can_be_read_once_is_copied_and_nothing_else():
    pipe, file = Pipe(b"heard"), io.BytesIO(b"heard")
    assert lasting(file) is file
    copied = lasting(pipe)
    assert [copied.read(), copied.seek(0), copied.read()] == [b"heard", 0, b"heard"]


def test_a_recording_without_a_path_is_called_the_audio_given(tmp_path):
    assert [path_of(tmp_path), path_of(b"RIFF")] == [str(tmp_path), ""]
    assert [name_of("a.wav"), name_of(b"RIFF")] == ["a.wav", "the audio given"]


def test_an_error_without_words_is_told_by_its_kind():
    assert [reason(ValueError("bad")), reason(MemoryError())] == ["bad", "MemoryError"]
