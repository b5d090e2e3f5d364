"""Paths on a command line become recordings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tembr.recognize.folders import recordings


@pytest.fixture
def find(tmp_path):
    """Make files and look for recordings: what is found, what failed, what was said; paths below the folder."""

    def look(*names: str, paths: tuple[str, ...] = ("",), recursive: bool = True):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        failed, said = [], []
        given = [str(tmp_path / path) for path in paths]
        found = list(recordings(given, recursive, lambda path, error: failed.append(str(error)), said.append))
        return [Path(path).relative_to(tmp_path).as_posix() for path in found], failed, said

    return look


def test_what_is_named_is_taken_whatever_it_is(find):
    found, failed, said = find("b.txt", paths=("b.txt", "missing.wav"))
    assert (found, failed, said) == (["b.txt", "missing.wav"], [], [])


def test_of_a_folder_its_recordings_are_taken_in_order(find):
    found, failed, said = find("b.wav", "A.FLAC", "c/d.mp3", "notes.txt", ".hidden.wav", ".git/e.wav")
    assert (found, failed, said) == (["A.FLAC", "b.wav", "c/d.mp3"], [], [])


def test_folders_within_are_left_where_that_is_asked_for(find):
    assert find("b.wav", "c/d.wav", recursive=False)[0] == ["b.wav"]


def test_a_folder_without_recordings_is_told_and_the_next_one_taken(find, tmp_path):
    found, (failed,), _ = find("a/notes.txt", "b/c.wav", paths=("a", "b"))
    assert found == ["b/c.wav"]
    assert failed.startswith(f"{tmp_path / 'a'}: no recordings in this folder; looked for .wav, ")


def test_what_is_not_read_is_counted_in_one_line(find, tmp_path, no_media):
    _, _, (line,) = find("a.wav", "b.m4a", "c/d.M4A", "e.wma")
    assert line.startswith(f"{tmp_path}: left out 2 .m4a, 1 .wma (not read; convert them: ffmpeg")


def test_links_to_folders_are_not_followed_and_those_to_files_are(find, tmp_path):
    (tmp_path / "real").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "linked")
    os.symlink(tmp_path / "real" / "a.wav", tmp_path / "one.wav")
    os.symlink(tmp_path / "nowhere", tmp_path / "two.wav")
    found, _, (line,) = find("real/a.wav")
    assert found == ["one.wav", "real/a.wav"]
    assert "left out 2 links to folders or to nothing" in line


def test_a_folder_that_cannot_be_read_is_told_and_the_rest_taken(find, monkeypatch):
    scan = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found, (failed,), _ = find("closed/a.wav", "open/b.wav")
    assert found == ["open/b.wav"]
    assert failed.endswith("closed: cannot be read (Permission denied); check its permissions")
