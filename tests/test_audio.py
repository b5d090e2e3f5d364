"""Recordings of known content come out as what they are: samples, channels, length, parts, pipes, tags."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tembr import audio
from tembr.errors import AudioError
from tembr.opening import lasting, quiet

RATE = 16_000
ROOT = Path(__file__).resolve().parents[1]


def tone(frequency: float, seconds: float = 1.0, rate: int = RATE, amplitude: float = 0.5) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def stored(samples: np.ndarray, rate: int = RATE, **form) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **({"format": "WAV", "subtype": "FLOAT"} | form))
    return file.getvalue()


def peak_frequency(waveform: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(waveform)).argmax() * rate / len(waveform))


LEFT, RIGHT = tone(200), tone(700, amplitude=0.25)
STEREO = np.stack([LEFT, RIGHT], axis=1)


def test_samples_at_the_wanted_rate_are_left_alone():
    np.testing.assert_array_equal(audio.read(stored(LEFT)), LEFT)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_a_tone_keeps_frequency_level_and_length_at_another_rate(rate):
    waveform = audio.read(stored(tone(440, 2.0, rate), rate))
    assert len(waveform) == 2 * RATE and waveform.dtype == np.float32
    assert peak_frequency(waveform, RATE) == 440
    assert np.abs(waveform[1_000:-1_000]).max() == pytest.approx(0.5, abs=2e-3)


@pytest.mark.parametrize(("rate", "count"), [(8_000, 1), (44_100, 12_345), (48_000, 7)])
def test_the_length_is_that_of_the_duration(rate, count):
    assert len(audio.read((np.zeros(count), rate))) == round(count * RATE / rate)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"), [("int16", -16384, -0.5), ("uint8", 192, 0.5), ("int32", 2**30, 0.5)]
)
def test_integers_are_scaled_by_their_range(dtype, value, expected):
    assert audio.read((np.full(9, value, dtype), RATE)).tolist() == [expected] * 9


def test_blocks_together_are_what_read_returns():
    samples = np.random.default_rng(0).normal(0, 0.1, (400_000, 2))
    with audio.Stream((samples, 44_100)) as stream:
        blocks = list(stream)
    assert len(blocks) > 4
    np.testing.assert_allclose(np.concatenate(blocks), audio.read((samples, 44_100)), atol=1e-6)
    assert stream.seconds == stream.claimed == pytest.approx(400_000 / 44_100)


def test_a_header_says_what_was_written():
    assert audio.inspect(stored(STEREO, 8_000)) == audio.Recording(2.0, 8_000, 2)
    assert audio.inspect((STEREO, RATE)) == audio.Recording(1.0, RATE, 2)


@pytest.mark.parametrize(("start", "end"), [(0.25, 0.5), (0.0, 0.1), (0.75, None), (0.5, 9.0)])
def test_a_part_is_cut_to_the_sample(start, end):
    cut = LEFT[round(start * RATE) : None if end is None else round(end * RATE)]
    np.testing.assert_array_equal(audio.read(stored(LEFT), start=start, end=end), cut)
    np.testing.assert_array_equal(audio.read((LEFT, RATE), start=start, end=end), cut)


@pytest.mark.parametrize(("channel", "expected"), [("left", LEFT), ("right", RIGHT), (1, LEFT), (2, RIGHT)])
def test_a_channel_is_taken_as_it_is(channel, expected):
    np.testing.assert_array_equal(audio.read(stored(STEREO), channel=channel), expected)


def test_channels_are_averaged_where_none_is_named():
    np.testing.assert_allclose(audio.read(stored(STEREO)), (LEFT + RIGHT) / 2, atol=1e-7)


def test_a_recording_of_one_channel_has_a_left_and_no_right_one():
    np.testing.assert_array_equal(audio.read(stored(LEFT), channel="left"), LEFT)
    with pytest.raises(AudioError, match="no channel 2, it has 1"):
        audio.read(stored(LEFT), channel="right")


def test_only_the_channel_taken_counts_as_clipped_or_broken():
    samples = np.stack([LEFT, np.full_like(LEFT, 1.0)], axis=1)
    for channel, clipped in ((1, 0.0), (2, 1.0), ("mix", 0.5)):
        with audio.Stream((samples, RATE), channel=channel) as stream:
            list(stream)
        assert stream.clipped == clipped
    samples[5, 1] = np.nan
    np.testing.assert_array_equal(audio.read((samples, RATE), channel=1), LEFT)


@pytest.mark.parametrize(
    ("right", "kept"),
    [(LEFT, 2), (tone(700), 1), (0 * LEFT, 1), (-LEFT, 0), (0.5 - LEFT, 0), (-0.5 * LEFT, 0.2)],
    ids=["same", "nothing in common", "silent", "opposite", "opposite with an offset", "half opposite"],
)
def test_what_mixing_keeps_of_two_channels_is_known(right, kept):
    with audio.Stream((np.stack([LEFT, right], axis=1), RATE)) as stream:
        list(stream)
    assert stream.mixing.kept == pytest.approx(kept, abs=1e-4)


def test_one_channel_is_not_mixed():
    for source, channel in (((LEFT, RATE), "mix"), ((STEREO, RATE), "left")):
        with audio.Stream(source, channel=channel) as stream:
            assert stream.mixing is None


class Pipe(io.BytesIO):
    def seekable(self):
        return False


FORMS = {
    "wav": {},
    "flac": {"format": "FLAC", "subtype": "PCM_16"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
}


@pytest.fixture
def pipe(tmp_path):
    """Makes a named pipe into which `content` is written; returns its path."""
    writers = []

    def make(content: bytes, name: str = "pipe") -> Path:
        os.mkfifo(path := tmp_path / name)
        writers.append(threading.Thread(target=path.write_bytes, args=(content,), daemon=True))
        writers[-1].start()
        return path

    yield make
    for writer in writers:
        writer.join(10)


@pytest.mark.parametrize("form", FORMS)
def test_a_pipe_is_read_as_the_file_is(form, pipe, tmp_path):
    content = stored(STEREO, **FORMS[form])
    (tmp_path / "file").write_bytes(content)
    expected = audio.read(tmp_path / "file")
    np.testing.assert_array_equal(audio.read(Pipe(content)), expected)
    if hasattr(os, "mkfifo"):
        np.testing.assert_array_equal(audio.read(pipe(content)), expected)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_copy_of_a_pipe_is_read_again_and_goes_by_its_name(pipe):
    path = pipe(stored(STEREO))
    copy = lasting(path)
    for channel, expected in ((1, LEFT), (2, RIGHT), (1, LEFT)):
        np.testing.assert_array_equal(audio.read(copy, channel=channel), expected)
    with pytest.raises(AudioError, match=f"^{path}: no channel 3"):
        audio.read(copy, channel=3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_with_no_audio_is_named(pipe):
    path = pipe(b"no audio at all")
    with pytest.raises(AudioError, match=f"^{path}: not readable as audio"):
        audio.read(path)
    path = pipe(b"", "empty")
    with pytest.raises(AudioError, match=f"^{path}: empty"):
        audio.read(path)


def test_what_can_be_read_again_is_not_copied(tmp_path):
    for source in (str(tmp_path), tmp_path, b"bytes", io.BytesIO(b"x"), (LEFT, RATE)):
        assert lasting(source) is source


def id3(length: int, claimed: int | None = None, footer: bool = False) -> bytes:
    claimed = length if claimed is None else claimed
    size = bytes(claimed >> shift & 127 for shift in (21, 14, 7, 0))
    header = b"ID3\4\0" + bytes([16 * footer]) + size
    return header + b"\0" * length + (b"3DI" + header[3:] if footer else b"")


@pytest.mark.parametrize(
    "tags", [id3(0), id3(300), id3(3_000_000), id3(100) + id3(0) + id3(5_000), id3(100, footer=True)],
    ids=["empty", "small", "large", "several", "footer"],
)  # fmt: skip
@pytest.mark.parametrize("form", ["mp3", "flac"])
def test_tags_in_front_are_skipped(tags, form, tmp_path):
    content = stored(LEFT, **FORMS[form])
    (tmp_path / "tagged").write_bytes(tags + content)
    for source in (tmp_path / "tagged", tags + content, Pipe(tags + content)):
        np.testing.assert_array_equal(audio.read(source), audio.read(content))


def test_a_tag_longer_than_the_file_is_told_as_what_it_is(tmp_path):
    content = id3(100, claimed=250_000_000) + stored(LEFT, **FORMS["mp3"])
    (tmp_path / "tagged.mp3").write_bytes(content)
    said = f"its ID3 tag claims 250,000,010 bytes, the file has {len(content):,}"
    for source in (tmp_path / "tagged.mp3", content):
        with pytest.raises(AudioError, match=said):
            audio.read(source)


def damaged_mp3() -> bytes:
    noise = np.random.default_rng(1).normal(0, 0.1, 3 * RATE)
    content = bytearray(stored(noise, **FORMS["mp3"]))
    for at in np.random.default_rng(0).integers(3_000, len(content), 40):
        content[at] ^= 255
    return bytes(content)


def python(code: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)


GLIBC = pytest.mark.skipif(not quiet.works, reason="C's stderr is no variable here")


@GLIBC
def test_a_damaged_mp3_is_read_without_chatter(tmp_path):
    (tmp_path / "damaged.mp3").write_bytes(damaged_mp3())
    chatter = "import soundfile, sys; soundfile.read(sys.argv[1])"
    assert "libmpg123" in python(chatter, tmp_path / "damaged.mp3").stderr
    code = "import sys; from tembr import audio; print(len(audio.read(sys.argv[1])))"
    done = python(code, tmp_path / "damaged.mp3")
    assert done.stderr == "" and int(done.stdout) > RATE


@GLIBC
def test_nothing_of_pythons_stderr_is_lost_while_threads_decode(tmp_path):
    (tmp_path / "damaged.mp3").write_bytes(damaged_mp3())
    code = """
import sys, threading
from tembr import audio
work = [threading.Thread(target=lambda: [audio.read(sys.argv[1]) for _ in range(20)]) for _ in range(4)]
for thread in work: thread.start()
for number in range(2000): print(number, file=sys.stderr)
for thread in work: thread.join()
"""
    done = python(code, tmp_path / "damaged.mp3")
    assert done.stderr.splitlines() == [str(number) for number in range(2000)]


@GLIBC
def test_cs_stderr_is_itself_again_afterwards(tmp_path):
    (tmp_path / "damaged.mp3").write_bytes(damaged_mp3())
    code = """
import ctypes, sys
from tembr import audio
audio.read(sys.argv[1])
libc = ctypes.CDLL(None)
libc.fputs(b"of C", ctypes.c_void_p.in_dll(libc, "stderr"))
"""
    assert python(code, tmp_path / "damaged.mp3").stderr == "of C"
