"""`tembr cache` on a cache of a few numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.command import tembr_here

from tembr.features.settings import FeatureSettings
from tembr.features.shard import Shard


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Keep so many recordings of a representation, in so many values each."""
    monkeypatch.setenv("TEMBR_CACHE", str(tmp_path))

    def keep(representation: str, recordings: int = 2, values: int = 1, **settings) -> Path:
        folder = tmp_path / "features" / representation
        facts = FeatureSettings(**settings).model_dump()
        shard = Shard(folder, representation, facts, tuple(map(str, range(recordings))))
        shard.write([np.zeros((1, values), np.float32)] * recordings)
        return shard.values_path

    return keep


@pytest.fixture
def cache(capsys, cached):
    return lambda *words: tembr_here(capsys, "cache", *words)


def test_an_empty_cache_says_where_it_is(cache, tmp_path):
    assert cache("list").out == f"nothing is cached in {tmp_path / 'features'}\n"


def test_a_line_is_a_representation_with_its_settings(cache, cached):
    cached("rms", recordings=2, values=2**18), cached("rms", recordings=3, hop_length=256), cached("zcr")
    rows = [line.split("  ") for line in cache("list").out.splitlines()]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert rows[0] == ["representation", "settings", "recordings", "MiB"]
    assert ["rms", "16000 Hz, 3.0 s, n_fft 2048, hop 512", "2", "2.0"] in rows
    assert ["rms", "16000 Hz, 3.0 s, n_fft 2048, hop 256", "3", "0.0"] in rows
    assert ["zcr", "16000 Hz, 3.0 s, n_fft 2048, hop 512", "2", "0.0"] in rows


def test_a_cache_without_damage_is_well(cache, cached):
    cached("rms")
    assert (cache("verify").out, cache("verify").status) == ("all is well\n", 0)


def test_each_damaged_file_is_a_line_and_the_status_is_1(cache, cached):
    whole, damaged = cached("rms"), cached("zcr")
    damaged.unlink()
    done = cache("verify")
    said = f"{damaged.with_suffix('.json')}: its values are missing; the next study computes it again\n"
    assert (done.status, done.out) == (1, said) and whole.exists()


def test_one_representation_is_cleared_or_all(cache, cached):
    kept, gone = cached("zcr"), cached("rms", values=2**18)
    assert cache("clear", "rms").out == "freed 2.0 MiB\n" and (kept.exists(), gone.exists()) == (True, False)
    assert cache("clear").out == "freed 0.0 MiB\n" and not kept.exists()
