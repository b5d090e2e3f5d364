"""What is in the way of an output: Tembr's own is replaced, anybody else's is not."""

from __future__ import annotations

import errno
import inspect
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tembr.cli import app
from tembr.corpora import load_corpus
from tembr.errors import StoreError
from tembr.files import atomic_write
from tembr.outputs import (
    COMPARISON,
    EVALUATION,
    LOCK,
    STUDY,
    is_own,
    require_own_file,
    require_own_files,
    require_own_folder,
)
from tests.command import QUICK, tembr_here
from tests.pictures import blank_pictures

EXAMPLES = Path(__file__).parents[1] / "examples"
FORMS = [(), ("--format", "csv"), ("--format", "json"), ("--segments",)]
FOREIGN = {
    "letter.txt": "Dear  Anna\nanger (złość)  0.93\n",
    "prices.txt": "bread  4.50\nmilk  0.99\n",
    "table.csv": "name,price\nbread,4.50\n",
    "speaker.csv": "file,start,end,who\na.wav,0,1,anna\n",
    "data.json": '{"file": "a.wav", "size": 3}\n',
    "picture.png": "\x89PNG\r\n\x1a\nSoftware\0Matplotlib",
    "page.html": "<html><head></head></html>",
    "pyproject.toml": "[project]\nname = 'mine'\n",
}
KINDS = (
    "answers",
    "corpus",
    "posteriors",
    "speaker",
    "evaluation",
    "bundle",
    "picture",
    "page",
    "markdown",
    "settings",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a finished study."""
    folder = tmp_path_factory.mktemp("finished")
    options = ("--member", "chroma", "--protocol", "random", "--set", "track.enabled=false", "-q")
    with blank_pictures():
        assert app(["study", *QUICK, *options, "--out", str(folder)], standalone_mode=False) in (None, 0)
    return folder


@pytest.fixture
def recording(tmp_path) -> Path:
    return Path(shutil.copy(EXAMPLES / "calm.flac", tmp_path / "same.wav"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FOREIGN)
def test_what_others_wrote_is_known_as_theirs(tmp_path, name, kind):
    path = tmp_path / name
    path.write_text(FOREIGN[name], encoding="latin-1" if name.endswith("png") else "utf-8")
    with pytest.raises(StoreError, match=f"{name}: not written by Tembr"):
        require_own_file(path, kind)
    require_own_file(path, kind, force=True)


def test_no_answers_over_the_recording_that_is_asked_about(recording, capsys):
    before = recording.read_bytes()
    done = tembr_here(capsys, "predict", str(recording), "--out", str(recording))
    assert done.status == 1 and done.one_line_error and "--force" in done.err
    assert recording.read_bytes() == before


def test_forced_the_recording_is_read_before_it_gives_way(recording, capsys):
    done = tembr_here(capsys, "predict", str(recording), "--out", str(recording), "--force")
    assert done.status == 0 and re.search(r"same\.wav  \w+ \(", recording.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def call(tmp_path_factory) -> str:
    """The beginning of a conversation on two channels."""
    samples, rate = soundfile.read(EXAMPLES / "conversation.flac", stop=60_000)
    path = tmp_path_factory.mktemp("call") / "call.wav"
    soundfile.write(path, np.stack([samples, samples[::-1]], axis=1), rate)
    return str(path)


@pytest.mark.parametrize("channel", ["mix", "each"])
@pytest.mark.parametrize("options", FORMS, ids=str)
def test_the_same_prediction_can_be_written_again(tmp_path, capsys, call, options, channel):
    out = str(tmp_path / "answers")
    for _ in range(2):
        done = tembr_here(capsys, "predict", call, *options, "--channel", channel, "--out", out)
        assert done.status == 0, done.err
    assert tembr_here(capsys, "predict", str(EXAMPLES / "calm.flac"), "--out", out).status == 0
    assert os.listdir(tmp_path) == ["answers"]


def test_answers_stopped_half_way_leave_the_earlier_ones(tmp_path, capsys, monkeypatch):
    out = tmp_path / "answers.csv"
    assert tembr_here(capsys, "predict", str(EXAMPLES), "--format", "csv", "--out", str(out)).status == 0
    before = out.read_text()
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    monkeypatch.setattr("tembr.files._flush", lambda path: os.fsync(0))
    done = tembr_here(capsys, "predict", str(EXAMPLES / "calm.flac"), "--format", "csv", "--out", str(out))
    assert done.status == 1 and done.one_line_error and "disk space" in done.err
    assert out.read_text() == before and os.listdir(tmp_path) == ["answers.csv"]


def test_answers_can_go_into_a_device_and_a_pipe(capsys):
    assert tembr_here(capsys, "predict", str(EXAMPLES / "calm.flac"), "--out", os.devnull).status == 0
    assert not os.path.isfile(os.devnull)


def test_a_speaker_is_not_replaced_by_answers(tmp_path, capsys):
    speaker = tmp_path / "anna.json"
    for _ in range(2):
        assert tembr_here(capsys, "adapt", str(EXAMPLES), "--out", str(speaker)).status == 0
    before = speaker.read_bytes()
    done = tembr_here(
        capsys,
        "predict",
        str(EXAMPLES / "calm.flac"),
        "--adapt",
        str(speaker),
        "--out",
        str(speaker),
        "--format",
        "json",
    )
    assert done.status == 1 and speaker.read_bytes() == before


def test_a_table_is_not_replaced_by_what_is_read_from_it(tmp_path, capsys):
    table = tmp_path / "dataset_info.csv"
    for _ in range(2):
        assert tembr_here(capsys, "corpus", "--corpus", "demo", "--out", str(table)).status == 0
    own = ("corpus", "--corpus", "manifest", "--corpus-dir", str(table), "--allow-outside", "--out", str(table))
    before = table.read_bytes()
    done = tembr_here(capsys, *own)
    assert done.status == 1 and "is what is read" in done.err and table.read_bytes() == before


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_a_picture_can_be_drawn_again_and_no_other_is_lost(tmp_path, capsys, blank_pictures, suffix):
    out = tmp_path / f"calm.{suffix}"
    for _ in range(2):
        assert tembr_here(capsys, "show", str(EXAMPLES / "calm.flac"), "--out", str(out)).status == 0
    out.write_bytes(b"\x89PNG\r\n\x1a\nmine")
    assert tembr_here(capsys, "show", str(EXAMPLES / "calm.flac"), "--out", str(out)).status == 1
    assert out.read_bytes() == b"\x89PNG\r\n\x1a\nmine"


def test_a_comparison_can_be_made_again_beside_what_else_is_there(finished, tmp_path, capsys, blank_pictures):
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        assert tembr_here(capsys, "compare", str(finished), "--out", str(tmp_path)).status == 0
    assert all(is_own(tmp_path / name, kind) for name, kind in COMPARISON.items())
    (tmp_path / "comparison.md").write_text("# My comparison\n")
    done = tembr_here(capsys, "compare", str(finished), "--out", str(tmp_path))
    assert done.status == 1 and (tmp_path / "comparison.md").read_text() == "# My comparison\n"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_evaluation_can_be_made_again_and_no_other_picture_is_lost(tmp_path, capsys, blank_pictures):
    rows = [f"{u.path},{u.emotion},{u.speaker}" for u in load_corpus("demo").utterances[::15]]
    (tmp_path / "few.csv").write_text("\n".join(["file,emotion,speaker", *rows]) + "\n")
    asked = ("evaluate", "--corpus", "manifest", "--corpus-dir", str(tmp_path / "few.csv"), "--allow-outside", "-q")
    picture = tmp_path / "out" / "confusion.png"
    for _ in range(2):
        assert tembr_here(capsys, *asked, "--out", str(tmp_path / "out")).status == 0
    picture.write_bytes(b"\x89PNG\r\n\x1a\nmine")
    done = tembr_here(capsys, *asked, "--out", str(tmp_path / "out"))
    assert done.status == 1 and "confusion.png" in done.err
    assert picture.read_bytes() == b"\x89PNG\r\n\x1a\nmine"


@pytest.mark.parametrize("command", ["study", "ensemble", "export"])
def test_a_folder_of_something_else_is_refused_before_any_work(finished, tmp_path, capsys, command):
    (tmp_path / "thesis.txt").write_text("mine")
    arguments = {
        "study": ("--corpus", "demo"),
        "ensemble": ("--study", str(finished)),
        "export": ("--study", str(finished), "--member", "chroma"),
    }[command]
    done = tembr_here(capsys, command, "--out", str(tmp_path), *arguments)
    assert done.status == 1 and done.one_line_error and "something else" in done.err


def test_a_folder_of_ours_and_an_empty_one_are_taken(tmp_path):
    require_own_folder(tmp_path / "absent", "config.toml", STUDY)
    require_own_folder(tmp_path, "config.toml", STUDY)
    (tmp_path / LOCK).touch()
    (tmp_path / "mfcc").mkdir()
    require_own_folder(tmp_path, "config.toml", STUDY)


def test_a_foreign_settings_file_makes_no_study(tmp_path):
    (tmp_path / "config.toml").write_text("[server]\nport = 1\n")
    with pytest.raises(StoreError, match=r"config\.toml: not written by Tembr"):
        require_own_folder(tmp_path, "config.toml", STUDY)


def test_the_files_of_a_study_are_known(finished):
    assert is_own(finished / "config.toml", "settings")
    assert is_own(finished / "splits.csv", "splits")


def test_every_command_that_writes_somewhere_can_be_forced():
    options = {c.callback.__name__: inspect.signature(c.callback).parameters for c in app.registered_commands}
    writing = {name for name, parameters in options.items() if "out" in parameters}
    assert writing >= {
        "predict",
        "evaluate",
        "adapt",
        "corpus",
        "study",
        "compare",
        "show",
        "ensemble",
        "export",
        "web",
    }
    assert [name for name in writing if "force" not in options[name]] == []


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        require_own_files(tmp_path / "file", EVALUATION, force=True)
    with pytest.raises(StoreError, match="is a folder"):
        require_own_file(tmp_path, "answers", force=True)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with atomic_write(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"
