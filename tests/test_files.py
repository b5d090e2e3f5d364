"""A file is written whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tembr.errors import StoreError
from tembr.files import atomic_write, cache_root, digest, sha256, write_bytes


def test_the_temporary_file_is_hidden_beside_the_other_with_its_suffix(tmp_path):
    with atomic_write(tmp_path / "deep" / "history.csv") as temporary:
        assert temporary.parent == tmp_path / "deep" and temporary.suffix == ".csv"
        assert temporary.name.startswith(".history.")
        temporary.write_text("epoch\n")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["history.csv"]


def test_a_name_as_long_as_may_be_is_written(tmp_path):
    path = tmp_path / ("x" * 250 + ".csv")
    write_bytes(path, b"1")
    assert path.read_bytes() == b"1"


def test_what_fails_leaves_the_older_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some disk space or choose another folder"),
        (errno.EROFS, "the file system is read-only; choose another folder"),
        (errno.EIO, "check that the folder exists and can be written to"),
    ],
)
def test_an_error_of_the_system_is_one_line_with_its_advice(tmp_path, number, advice):
    said = f"^cannot write {tmp_path / 'a.txt'}: tired; {advice}"
    with pytest.raises(StoreError, match=said), atomic_write(tmp_path / "a.txt"):
        raise OSError(number, "tired")


def test_a_folder_in_the_way_is_told(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(StoreError, match="a folder of this name is in the way"):
        write_bytes(tmp_path / "a.txt", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_only_what_cannot_be_made_again_waits_for_the_disk(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr("tembr.files._flush", flushed.append)
    write_bytes(tmp_path / "again", b"x")
    with atomic_write(tmp_path / "once") as temporary:
        temporary.touch()
    assert flushed == [temporary]


def test_a_digest_is_blake2b_of_the_parts_joined():
    assert digest(b"a", b"bc") == digest(b"abc") == "384264f676f39536840523f284921cdc68b6846b"


def test_sha256_is_of_the_content(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_cache_lies_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("TEMBR_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.setenv("TEMBR_CACHE", "")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: f"/home/cache/{name}")
    assert cache_root() == Path("/home/cache/tembr")
