"""Sound of phones', browsers' and cameras' files: the samples of the WAV, and nothing but the file that was named."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
import soundfile
from bench.mutations import mutate

from tembr import media
from tembr.audio import Stream, inspect, read
from tembr.errors import AudioError
from tembr.recognize.quality import damage
from tests.command import tembr_here
from tests.media_files import FORMS, encoded, stating
from tests.recognize.fake_bundle import make_bundle

av = pytest.importorskip("av", reason="the extra `media` is not installed")
RATE = 48_000
SECONDS = 3.0
PADDING = 0.06  # seconds that codecs add at either end


def chirp(seconds: float = SECONDS, rate: int = RATE) -> np.ndarray:
    """A rising tone on the left, a fainter falling one on the right, `(samples, 2)`: no part of it is like another."""
    time = np.arange(round(seconds * rate)) / rate
    left, right = (np.sin(2 * np.pi * (f + slope * time) * time) for f, slope in ((300, 200), (2_000, -150)))
    return np.stack([0.5 * left, 0.2 * right], axis=1).astype(np.float32)


CHIRP = chirp()
FILES = {form: encoded(CHIRP, RATE, form) for form in FORMS}


@pytest.fixture
def written(tmp_path):
    def write(content: bytes, name: str):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def likeness(heard: np.ndarray, wanted: np.ndarray) -> float:
    """Correlation at the best delay within the padding of a codec, with `wanted` padded to be found in `heard`."""
    most = round(PADDING * RATE)
    padded = np.pad(heard, most)
    size = 1 << int(np.ceil(np.log2(len(padded) + len(wanted))))
    products = np.fft.irfft(np.fft.rfft(padded, size) * np.conj(np.fft.rfft(wanted, size)), size)[: 2 * most]
    return float(products.max() / np.linalg.norm(wanted) / np.linalg.norm(heard))


@pytest.mark.parametrize("channel", [1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_the_samples_are_those_of_the_wav(written, form, channel):
    heard = read(written(FILES[form], f"a.{form}"), RATE, channel=channel)
    wanted = CHIRP[:, channel - 1]
    assert likeness(heard, wanted) > 0.98
    assert np.linalg.norm(heard) == pytest.approx(np.linalg.norm(wanted), rel=0.05)
    assert len(heard) == pytest.approx(len(wanted), abs=PADDING * RATE)


def test_samples_that_nothing_is_lost_of_are_the_same_to_the_bit(written):
    pcm = np.round(CHIRP * 32_767) / 32_768
    heard = read(encoded(pcm, RATE, "mov"), RATE, channel="left")
    assert np.abs(heard - pcm[:, 0]).max() <= 1 / 32_768


@pytest.mark.parametrize("form", FORMS)
def test_the_length_is_told_before_it_is_read(form):
    facts = inspect(FILES[form])
    assert (facts.sample_rate, facts.channels) == (RATE, 2)
    assert facts.duration == pytest.approx(SECONDS, abs=PADDING)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_missing_from_a_whole_file(form):
    with Stream(FILES[form]) as stream:
        for _ in stream:
            pass
    assert not damage(stream)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["path", "bytes", "file object", "pipe", "named pipe"])
def test_however_it_is_given_it_is_the_same(written, tmp_path, form, kind):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    content = FILES[form]
    if kind == "named pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no named pipes here")
        os.mkfifo(tmp_path / "pipe")
        threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[content], daemon=True).start()
    given = {
        "path": lambda: written(content, "no extension"),
        "bytes": lambda: content,
        "file object": lambda: io.BytesIO(content),
        "pipe": lambda: Pipe(content),
        "named pipe": lambda: tmp_path / "pipe",
    }
    np.testing.assert_array_equal(read(given[kind]()), read(content))


@pytest.mark.parametrize("form", FORMS)
def test_a_part_is_that_part_of_the_whole(form):
    whole = read(FILES[form], RATE)
    part = read(FILES[form], RATE, start=1.0, end=2.0)
    np.testing.assert_array_equal(part, whole[RATE : 2 * RATE])


def test_a_part_behind_the_end_is_told():
    with pytest.raises(AudioError, match="ends at 3.* s, before the start asked for, 9 s"):
        read(FILES["m4a"], start=9.0)


def test_amr_of_a_telephone_is_heard():
    frames = b"".join(b"\x3c" + random.Random(number).randbytes(31) for number in range(100))  # 12.2 kbit/s, 20 ms each
    facts = inspect(b"#!AMR\n" + frames)
    assert (facts.sample_rate, facts.channels, facts.duration) == (8_000, 1, 2.0)
    assert len(read(b"#!AMR\n" + frames, 8_000)) == 16_000


def test_the_sound_of_a_film_is_heard(written):
    film = encoded(CHIRP, RATE, "mkv", video=3)
    assert likeness(read(written(film, "film.mkv"), RATE, channel="left"), CHIRP[:, 0]) > 0.98


def test_a_film_without_sound_is_told(written):
    path = written(encoded(CHIRP, RATE, "mp4", video=3, sound=False), "film.mp4")
    with pytest.raises(AudioError, match=f"^{path}: a file without sound; choose one with a sound track$"):
        read(path)


def test_sound_that_ends_before_the_film_is_not_called_truncated():
    film = encoded(CHIRP, RATE, "mkv", video=9)
    with Stream(film) as stream:
        list(stream)
    assert not damage(stream)


def test_an_m4a_without_its_end_is_damaged():
    with pytest.raises(AudioError, match="not readable as audio"):
        read(FILES["m4a"][: len(FILES["m4a"]) // 2])


def test_an_m4a_that_breaks_off_is_damaged(written):
    content = encoded(CHIRP, RATE, "m4a", movflags="faststart")
    path = written(content[: len(content) // 2], "a.m4a")
    with pytest.raises(AudioError, match=f"^{path}: damaged audio .*; re-export or remove it$"):
        read(path)


def test_a_webm_that_breaks_off_is_answered_with_a_warning():
    content = FILES["webm"]
    with Stream(content[: len(content) // 2]) as stream:
        list(stream)
    (warning,) = damage(stream)
    assert warning.startswith("truncated: 1.") and " s are there of 3.0 s" in warning


def test_a_live_webm_states_no_length_and_is_counted():
    live = encoded(CHIRP, RATE, "webm", live="1")
    assert inspect(live).duration == pytest.approx(SECONDS, abs=PADDING)
    with Stream(live) as stream:
        list(stream)
    assert not damage(stream)


@pytest.mark.parametrize("seconds", [1e9, 1e15, float("inf"), float("nan"), -5.0, 0.0])
def test_a_length_that_cannot_be_is_not_believed(seconds):
    assert inspect(stating(FILES["mkv"], seconds)).duration == pytest.approx(SECONDS, abs=PADDING)


def test_what_lies_behind_the_length_stated_is_heard_too():
    np.testing.assert_array_equal(read(stating(FILES["mkv"], 1.0)), read(FILES["mkv"]))


def test_a_rate_that_changes_on_the_way_is_told():
    with pytest.raises(AudioError, match="its rate or channels change on the way; re-export it"):
        read(FILES["aac"] + encoded(chirp(rate=16_000)[:, :1], 16_000, "aac"))


def test_whatever_pyav_raises_is_one_of_ours(monkeypatch):
    def refuse(*_, **__):
        raise ValueError("Frame does not match AudioResampler setup.")

    monkeypatch.setattr(av, "AudioResampler", refuse)
    with pytest.raises(AudioError, match="damaged audio .Frame does not match"):
        read(FILES["m4a"])


def test_memory_does_not_follow_the_length():
    def peak(seconds: float) -> int:
        content = encoded(chirp(seconds), RATE, "m4a")
        tracemalloc.start()
        with Stream(content) as stream:
            for _ in stream:
                pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    short, long = peak(6), peak(36)
    assert long < 1.5 * short + 2**20


def test_what_is_no_media_file_keeps_libsndfiles_reason(written):
    path = written(b"no sound at all", "a.m4a")
    with pytest.raises(AudioError, match=f"^{path}: not readable as audio .*; the file is damaged or no .m4a"):
        read(path)


@pytest.fixture
def other(written):
    return written(FILES["aac"], "secret.aac")


def lists(path: str) -> dict[str, bytes]:
    """Files that name another, in the ways FFmpeg follows."""
    return {
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\nfile://{path}\n#EXT-X-ENDLIST\n".encode(),
        "ffconcat": f"ffconcat version 1.0\nfile '{path}'\n".encode(),
        "relative ffconcat": f"ffconcat version 1.0\nfile {os.path.basename(path)}\n".encode(),
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        "name": f"file:{path}".encode(),
    }


@pytest.mark.parametrize("extension", ["m4a", "mkv", "m3u8", "ffconcat"])
@pytest.mark.parametrize("kind", lists(""))
def test_no_file_leads_to_another(written, other, kind, extension):
    path = written(lists(str(other))[kind], f"list.{extension}")
    with pytest.raises(AudioError, match="not readable as audio"):
        read(path)


def test_only_the_containers_of_the_list_are_recognised():
    file = io.BytesIO()
    soundfile.write(file, CHIRP, RATE, format="WAV")
    with pytest.raises(ValueError, match="Invalid argument"):
        media.Media(file, "a.wav")


def test_without_the_list_of_containers_one_would(written, other, monkeypatch):
    path = written(lists(str(other))["ffconcat"], "list.m4a")
    monkeypatch.setattr(media, "_OPTIONS", {"safe": "0"})
    assert len(read(path))


@pytest.mark.parametrize("name", ["http://localhost:9/a.m4a", "concat:a.m4a|b.m4a", "file:a.m4a", "data:audio/mp4,x"])
def test_a_name_is_a_path_and_nothing_else(name):
    with pytest.raises(AudioError, match="no such file; check the path"):
        read(name)


@pytest.mark.parametrize("form", FORMS)
def test_mutated_files_are_heard_or_refused(form, capfd):
    content = encoded(chirp(0.5), RATE, form)
    for seed in range(200):
        mutant = mutate(content, random.Random(seed), [FILES["webm"][:4_000]])
        try:
            heard = read(mutant)
        except AudioError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(heard).all()
    assert capfd.readouterr().err == ""


def test_a_folder_of_them_is_answered(capsys, tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()
    for form in FORMS:
        (calls / f"call.{form}").write_bytes(FILES[form])
    bundle = make_bundle(tmp_path / "bundle")
    done = tembr_here(capsys, "predict", str(calls), "--no-check-speech", "--bundle", str(bundle))
    assert (done.status, done.err, len(done.out.splitlines())) == (0, "", len(FORMS))


@pytest.fixture
def without_av(tmp_path):
    """`tembr predict` in an installation that has no PyAV."""
    code = "import sys; sys.modules['av'] = None; from tembr.cli import main; main()"
    bundle = make_bundle(tmp_path / "bundle")

    def run(path):
        command = [sys.executable, "-c", code, "predict", str(path), "--no-check-speech", "--bundle", str(bundle)]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def test_without_the_extra_it_is_named(without_av, written):
    path = written(FILES["m4a"], "call.m4a")
    done = without_av(path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert ".m4a is not read, convert it: ffmpeg -i NAME.m4a NAME.wav; or read them as they are: " in done.stderr
    assert done.stderr.rstrip().endswith("'.[media]'")


def test_without_the_extra_a_folder_leaves_them_out(without_av, written, tmp_path):
    (tmp_path / "calls").mkdir()
    soundfile.write(tmp_path / "calls" / "a.wav", CHIRP, RATE)
    (tmp_path / "calls" / "b.m4a").write_bytes(FILES["m4a"])
    done = without_av(tmp_path / "calls")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert "left out 1 .m4a (not read; convert them: ffmpeg" in done.stderr and "[media]" in done.stderr


def test_av_is_not_imported_for_a_wav():
    code = "import sys, tembr.audio as a; a.read(sys.stdin.buffer.read()); print('av' in sys.modules)"
    file = io.BytesIO()
    soundfile.write(file, CHIRP, RATE, format="WAV")
    done = subprocess.run([sys.executable, "-c", code], input=file.getvalue(), capture_output=True)
    assert done.stdout == b"False\n", done.stderr
