"""What counts as a recording in a folder, and what is said of the rest."""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import soundfile

from tembr.audio import read
from tembr.corpora import load_corpus
from tembr.corpora.filenames import audio_files
from tembr.errors import AudioError, CorpusError
from tembr.extensions import _FORMATS, EXTENSIONS, MEDIA, UNREAD
from tembr.extras import how_to_install
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, make_bundle, tone


@pytest.fixture
def recording():
    def write(path, emotion="fear"):
        path.parent.mkdir(parents=True, exist_ok=True)
        form = _FORMATS[path.suffix]
        subtype = "OPUS" if path.suffix == ".opus" else soundfile.default_subtype(form)
        soundfile.write(path, tone(emotion, 0.5), RATE, format=form, subtype=subtype)
        return path

    return write


@pytest.mark.parametrize("extension", [extension for extension in EXTENSIONS if extension in _FORMATS])
def test_what_is_taken_by_its_name_can_be_read(recording, tmp_path, extension):
    path = recording(tmp_path / f"a{extension}")
    assert audio_files(tmp_path) == [path] and len(read(path)) == pytest.approx(RATE / 2, rel=0.1)


def test_aiff_and_caf_in_a_folder_are_answered(capsys, recording, tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    for name in ("a.aiff", "b.caf", "c.w64"):
        recording(tmp_path / "calls" / name)
    done = tembr_here(capsys, "predict", str(tmp_path / "calls"), "--bundle", str(bundle), "--no-check-speech")
    assert (done.status, done.err, done.out.count("strach")) == (0, "", 3)


def test_what_is_left_out_of_a_folder_is_counted_on_one_line(capsys, recording, tmp_path, no_media):
    bundle, calls = make_bundle(tmp_path / "bundle"), tmp_path / "calls"
    recording(calls / "a.wav")
    recording(tmp_path / "elsewhere" / "b.wav")
    for name in ("a.m4a", "sub/b.M4A", "c.mp4", ".hidden.m4a", "notes.txt"):
        (calls / name).parent.mkdir(exist_ok=True)
        (calls / name).write_bytes(b"x")
    os.symlink(tmp_path / "elsewhere", calls / "linked")
    os.symlink(tmp_path / "nowhere.wav", calls / "broken.wav")
    done = tembr_here(capsys, "predict", str(calls), "--bundle", str(bundle))
    assert done.status == 0 and done.out.count("\n") == 1 and done.one_line_error
    assert done.err == (
        f"tembr: {calls}: left out 2 .m4a, 1 .mp4 (not read; convert them: ffmpeg -i NAME.m4a NAME.wav; or read them "
        f"as they are: {how_to_install('media')}), and 2 links to folders or to nothing (not followed; name the folder "
        "itself)\n"
    )


def test_a_corpus_in_folders_says_what_it_left_out(caplog, recording, tmp_path, no_media):
    recording(tmp_path / "fear" / "a.aiff")
    (tmp_path / "fear" / "b.m4a").write_bytes(b"x")
    with caplog.at_level("WARNING", "tembr"):
        assert [u.file for u in load_corpus("folder", tmp_path).utterances] == ["fear/a.aiff"]
    (record,) = caplog.records
    assert "left out 1 .m4a (not read; convert" in record.getMessage()


def test_a_corpus_of_nothing_else_says_so_before_it_fails(caplog, tmp_path, no_media):
    (tmp_path / "fear").mkdir()
    (tmp_path / "fear" / "b.webm").write_bytes(b"x")
    with pytest.raises(CorpusError), caplog.at_level("WARNING", "tembr"):
        load_corpus("folder", tmp_path)
    assert "1 .webm" in caplog.text


@pytest.mark.parametrize("extension", [".m4a", ".mp4", ".webm"])
def test_a_file_that_is_not_read_says_how_to_convert_it(tmp_path, extension, no_media):
    path = tmp_path / f"call{extension}"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    with pytest.raises(AudioError, match=f"{extension} is not read, convert it: ffmpeg -i NAME{extension} NAME.wav"):
        read(path)


def test_no_extension_is_both_read_and_not():
    assert not set(EXTENSIONS) & set(UNREAD)


def test_media_files_are_read_where_pyav_is():
    assert set(MEDIA) <= set(EXTENSIONS if find_spec("av") else UNREAD)
