"""A shard is read back as it was written, or it is said what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tembr.features.shard import Shard

PICTURES = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([[10.0], [20.0]], np.float32)]


@pytest.fixture
def shard(tmp_path) -> Shard:
    """Two recordings of two bins."""
    made = Shard(tmp_path, "mfcc", {"n_mfcc": 2}, ("aa", "bb"))
    made.write(PICTURES)
    return made


def test_frames_of_all_recordings_lie_one_after_another(shard):
    values, frames = shard.read()
    assert values.tolist() == [[0, 3], [1, 4], [2, 5], [10, 20]] and frames == [3, 1]


@pytest.mark.parametrize(
    "change",
    [{"representation": "rms"}, {"settings": {"n_mfcc": 3}}, {"recordings": ("bb", "aa")}, {"recordings": ("aa",)}],
)
def test_what_its_values_depend_on_is_in_its_name(shard, change):
    other = replace(shard, **change)
    assert other.key != shard.key and other.read() is None


def test_the_order_of_settings_and_the_folder_are_not(tmp_path):
    one, other = (Shard(tmp_path / order, "mfcc", dict.fromkeys(order, 1), ("aa",)) for order in ("ab", "ba"))
    assert one.key == other.key


def test_the_manifest_states_what_the_shard_is_of(shard):
    manifest = json.loads(shard.manifest_path.read_text())
    stated = {name: manifest[name] for name in ("representation", "settings", "recordings", "bins", "frames")}
    assert stated == {
        "representation": "mfcc", "settings": {"n_mfcc": 2}, "recordings": ["aa", "bb"], "bins": 2, "frames": [3, 1],
    }  # fmt: skip


def without_frames(shard: Shard) -> None:
    manifest = json.loads(shard.manifest_path.read_text())
    shard.manifest_path.write_text(json.dumps({"bins": manifest["bins"]}))


def of_another_kind(shard: Shard) -> None:
    np.save(shard.values_path, np.load(shard.values_path).astype(np.float64))


def altered(shard: Shard) -> None:
    content = bytearray(shard.values_path.read_bytes())
    content[-1] ^= 1
    shard.values_path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda shard: shard.manifest_path.write_text("{"), "its manifest is damaged"),
        (without_frames, "its manifest is damaged"),
        (lambda shard: shard.values_path.unlink(), "its values are missing"),
        (lambda shard: shard.values_path.write_bytes(b""), "its values are truncated or damaged"),
        (lambda shard: shard.values_path.write_bytes(shard.values_path.read_bytes()[:-4]), "truncated or damaged"),
        (altered, "its values were altered"),
        (of_another_kind, "its values were altered"),
    ],
)
def test_damage_is_said(shard, damage, said):
    damage(shard)
    with pytest.raises(ValueError, match=said):
        shard.read()
