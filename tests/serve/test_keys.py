"""API keys: what is kept of them, where their hashes are read, and who is known by one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tembr.errors import ConfigError
from tembr.serve.keys import VARIABLE, client_of, hashed, new_key, read_keys

ANNA, OLA = hashed("anna"), hashed("ola")


def test_a_hash_is_sha_256():
    assert hashed("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_new_key_comes_with_its_hash_and_is_like_no_other():
    made = [new_key() for _ in range(20)]
    assert len({key for key, _ in made}) == 20
    for key, digest in made:
        assert digest == hashed(key) and re.fullmatch(r"[\w-]{43}", key, re.ASCII)  # 256 bits, 6 a character


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=9), min_size=1, max_size=4, unique=True), st.text(max_size=9))
def test_a_client_is_known_by_its_own_key_alone(keys, other):
    hashes = tuple(map(hashed, keys))
    assert [client_of(key, hashes) for key in keys] == list(hashes)
    assert client_of(other, hashes) == (hashed(other) if other in keys else None)


def test_a_hash_is_no_key_and_nobody_is_known_where_there_are_none():
    assert client_of(ANNA, (ANNA, OLA)) is None
    assert client_of("anna", ()) is None


def test_a_hash_that_is_nearly_that_of_the_key_is_another():
    for near in (ANNA[:-1] + "x", "x" + ANNA[1:], ANNA[:-1], ANNA + ANNA[-1]):
        assert client_of("anna", (near,)) is None


def test_a_key_that_no_bytes_stand_for_is_unknown():
    assert client_of("\ud800", (ANNA, OLA)) is None


def test_notes_comments_and_empty_lines_of_a_file_are_passed_over(tmp_path):
    (tmp_path / "keys").write_text(f"# żółw\n\n{OLA} Ola, since May\n  {ANNA.upper()}# Anna\n{OLA}\n", "utf-8")
    assert read_keys(tmp_path / "keys", {}) == (OLA, ANNA)


def test_keys_come_from_the_environment_too():
    assert read_keys(None, {VARIABLE: f"{ANNA}, {OLA.upper()}"}) == (ANNA, OLA)
    assert read_keys(None, {}) == ()


@pytest.mark.parametrize("given", ["", " ,\n"])
def test_a_variable_that_is_set_and_empty_lets_nobody_in_unseen(given):
    with pytest.raises(ConfigError, match=f"^{VARIABLE}: is set and holds no hash of a key; unset it"):
        read_keys(None, {VARIABLE: given})


def test_the_environment_is_the_process_own_where_no_other_is_given(monkeypatch):
    monkeypatch.setenv(VARIABLE, ANNA)
    assert read_keys() == (ANNA,)


def test_keys_of_the_environment_come_before_those_of_the_file_each_once(tmp_path):
    (tmp_path / "keys").write_text(f"{OLA}\n{ANNA}\n{hashed('ewa')}\n")
    assert read_keys(tmp_path / "keys", {VARIABLE: ANNA}) == (ANNA, OLA, hashed("ewa"))


@pytest.mark.parametrize("content", ["abc", "g" * 64, "", ANNA[:-1], ANNA + "0", f"{ANNA}\nola"])
def test_a_file_of_keys_that_holds_none_is_an_error(tmp_path, content):
    (tmp_path / "keys").write_text(content)
    with pytest.raises(ConfigError, match="new-key"):
        read_keys(tmp_path / "keys", {})


def test_what_may_be_a_key_is_not_shown(tmp_path):
    (tmp_path / "keys").write_text("my-secret-key")
    with pytest.raises(ConfigError) as refused:
        read_keys(tmp_path / "keys", {})
    assert "my-sec" not in str(refused.value) and "keys" in str(refused.value)
    with pytest.raises(ConfigError, match=f"^{VARIABLE}: holds what is no SHA-256") as refused:
        read_keys(None, {VARIABLE: "my-secret-key"})
    assert "my-sec" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_one_line_with_its_path(tmp_path, content):
    if content:
        (tmp_path / "keys").write_bytes(content)
    with pytest.raises(ConfigError, match=r"keys: cannot be read as a file of keys .*; check the path$"):
        read_keys(tmp_path / "keys", {})
