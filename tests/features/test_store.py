"""The cache: whole or absent, resumable at any moment, and never trusted unseen."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tembr import audio
from tembr.corpora import Utterance, load_corpus
from tembr.errors import AudioError, StoreError
from tembr.features import FeatureSettings, extract
from tembr.features import store as store_module
from tembr.features.inputs import WAVEFORM, RepresentationInput
from tembr.features.store import FeatureStore
from tests.processes import Process

NAMES = ("melspectrogram", "mfcc", "rms")
SETTINGS = FeatureSettings(window=1.0)

FILL = """
import sys
from pathlib import Path
from tembr.corpora import load_corpus
from tembr.features import FeatureSettings
from tembr.features import store
from tembr.features.inputs import RepresentationInput
store.SHARD_SIZE = 8
if len(sys.argv) > 2:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    inputs = [RepresentationInput(n, FeatureSettings(window=1.0)) for n in ("melspectrogram", "mfcc", "rms")]
    store.FeatureStore(Path(sys.argv[1])).prepare(load_corpus("demo").utterances, inputs)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def prepared(store: FeatureStore, utterances, names, settings) -> dict:
    """Tables of representations, by name."""
    inputs = [RepresentationInput(name, settings) for name in names]
    return {one.name: table for one, table in store.prepare(utterances, inputs).items()}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(store_module, "SHARD_SIZE", 8)


@pytest.fixture
def utterances():
    return load_corpus("demo").utterances[:20]


def contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def fill(root: Path, *arguments: str) -> Process:
    return Process(FILL, str(root), *arguments)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    root = tmp_path_factory.mktemp("undisturbed")
    assert fill(root).wait() == 0
    return contents(root)


def test_values_are_those_of_extract(tmp_path, utterances):
    table = prepared(FeatureStore(tmp_path), utterances, ["mfcc"], SETTINGS)["mfcc"]
    waveform = prepared(FeatureStore(tmp_path), utterances, [WAVEFORM], SETTINGS)[WAVEFORM][11]
    expected = extract(np.array(waveform), 16_000, "mfcc", settings=SETTINGS)[0].numpy()
    np.testing.assert_allclose(table[11], expected, atol=1e-3)


def test_tables_are_memory_mapped(tmp_path, utterances):
    table = prepared(FeatureStore(tmp_path), utterances, ["mfcc"], SETTINGS)["mfcc"]
    assert isinstance(table[0].base, np.memmap) or isinstance(table[0], np.memmap)


def test_a_second_opening_computes_nothing(tmp_path, utterances, monkeypatch):
    prepared(FeatureStore(tmp_path), utterances, NAMES, SETTINGS)
    monkeypatch.setattr(store_module, "_waveforms", lambda *_: pytest.fail("computed again"))
    prepared(FeatureStore(tmp_path), utterances, NAMES, SETTINGS)


@pytest.mark.parametrize(
    "change", [{"n_fft": 1024}, {"padding": "repeat"}, {"hop_length": 256}, {"window": 2.0}, {"n_mels": 64}]
)
def test_another_parameter_is_another_entry(tmp_path, utterances, change):
    store = FeatureStore(tmp_path)
    prepared(store, utterances[:4], ["melspectrogram"], SETTINGS)
    before = set(contents(tmp_path))
    prepared(store, utterances[:4], ["melspectrogram"], SETTINGS.model_copy(update=change))
    assert len(set(contents(tmp_path)) - before) == 2


def test_changed_audio_under_the_same_name_is_computed_again(tmp_path, utterances):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.zeros(16_000), 16_000)
    clip = Utterance("clip.wav", path, "neutral")
    first = prepared(FeatureStore(tmp_path / "s"), [clip], ["rms"], SETTINGS)["rms"][0].max()
    soundfile.write(path, np.full(16_000, 0.5), 16_000)
    assert prepared(FeatureStore(tmp_path / "s"), [clip], ["rms"], SETTINGS)["rms"][0].max() > first + 0.4


def test_parts_of_one_file_are_told_apart(tmp_path, utterances):
    whole = utterances[0]
    part = replace(whole, start=0.3, end=0.6)
    table = prepared(FeatureStore(tmp_path), [whole, part], ["rms"], SETTINGS)["rms"]
    assert not np.array_equal(table[0], table[1])


def test_recordings_keep_their_own_length_without_a_window(tmp_path, utterances):
    table = prepared(FeatureStore(tmp_path), utterances[:5], ["mfcc"], FeatureSettings(window=0))["mfcc"]
    lengths = [1 + soundfile.info(u.path).frames // 512 for u in utterances[:5]]
    assert [table[i].shape[1] for i in range(5)] == lengths


@pytest.mark.parametrize("damage", ["truncated", "altered", "manifest", "missing"])
def test_damage_is_noticed_said_and_mended(tmp_path, utterances, damage, caplog):
    prepared(FeatureStore(tmp_path), utterances, NAMES, SETTINGS)
    sound = contents(tmp_path)
    victim = sorted(tmp_path.glob("mfcc/*.npy"))[0]
    content = bytearray(victim.read_bytes())
    if damage == "truncated":
        victim.write_bytes(content[:-10])
    elif damage == "altered":
        content[-7] ^= 1
        victim.write_bytes(content)
    elif damage == "manifest":
        victim.with_suffix(".json").write_text("{}")
    else:
        victim.unlink()
    with caplog.at_level(logging.WARNING, "tembr"):
        prepared(FeatureStore(tmp_path), utterances, NAMES, SETTINGS)
    assert "computing it again" in caplog.text
    assert contents(tmp_path) == sound


def test_verify_finds_the_damaged_one(tmp_path, utterances):
    store = FeatureStore(tmp_path)
    prepared(store, utterances, NAMES, SETTINGS)
    assert store.verify() == []
    victim = sorted(tmp_path.glob("rms/*.npy"))[1]
    victim.write_bytes(victim.read_bytes()[:-1])
    assert [path.stem for path, _ in store.verify()] == [victim.stem]


def test_clear_removes_one_representation_and_leftovers(tmp_path, utterances):
    store = FeatureStore(tmp_path)
    prepared(store, utterances, NAMES, SETTINGS)
    (tmp_path / "rms" / ".half.123.npy").write_bytes(b"x")
    assert store.clear("rms") > 0
    assert {e.representation for e in store.entries()} == {"melspectrogram", "mfcc"}
    assert list((tmp_path / "rms").iterdir()) == []


def test_entries_count_recordings_and_bytes(tmp_path, utterances):
    store = FeatureStore(tmp_path)
    prepared(store, utterances, ["rms"], SETTINGS)
    (entry,) = store.entries()
    assert (entry.recordings, entry.bytes > 20 * 32 * 4) == (20, True)


def test_killed_twice_ends_with_the_same_bytes(tmp_path, undisturbed):
    killed = tmp_path
    for shards in (2, 9):
        process = fill(killed)
        while len(list(killed.glob("*/*.json"))) < shards and process.poll() is None:
            time.sleep(0.001)
        assert process.poll() is None, "finished before it could be killed"
        process.kill()
        process.wait()
    assert fill(killed).wait() == 0
    finished = {name: data for name, data in contents(killed).items() if not Path(name).name.startswith(".")}
    assert finished == undisturbed


def test_two_processes_fill_one_cache_at_once(tmp_path, undisturbed):
    both = [fill(tmp_path), fill(tmp_path)]
    assert [process.wait() for process in both] == [0, 0]
    assert contents(tmp_path) == undisturbed


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path):
    _, _, message = fill(tmp_path, "20000").finished()
    assert message.startswith("StoreError: cannot write") and message.count("\n") == 1
    for manifest in tmp_path.glob("*/*.json"):
        assert json.loads(manifest.read_text())
    assert not list(tmp_path.glob("*/.*"))


def test_an_unwritable_cache_is_said(tmp_path, utterances):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        prepared(FeatureStore(tmp_path / "file"), utterances[:2], ["rms"], SETTINGS)


def test_a_missing_recording_is_named(tmp_path):
    with pytest.raises(AudioError, match="gone.wav"):
        prepared(FeatureStore(tmp_path), [Utterance("gone.wav", tmp_path / "gone.wav", "fear")], ["rms"], SETTINGS)


def test_a_short_recording_begins_anew_where_that_is_asked_for(tmp_path, utterances):
    waveform = audio.read(utterances[0].path)
    settings = FeatureSettings(window=6.0, padding="repeat")
    kept = prepared(FeatureStore(tmp_path), utterances[:1], [WAVEFORM], settings)[WAVEFORM][0][0]
    assert len(waveform) < len(kept) == 96_000
    np.testing.assert_array_equal(kept[len(waveform) : 2 * len(waveform)], waveform[: len(kept) - len(waveform)])


def test_a_corpus_is_computed_once_whatever_it_is_studied_with(tmp_path, utterances, monkeypatch):
    store, inputs = FeatureStore(tmp_path), [RepresentationInput("rms", SETTINGS)]
    first, second = utterances[:11], utterances[11:]
    one = store.prepare([*first, *second], inputs, starts=[len(first)])[inputs[0]]
    monkeypatch.setattr(RepresentationInput, "compute", lambda *_: pytest.fail("computed again"))
    other = store.prepare([*second, *first], inputs, starts=[len(second), 20])[inputs[0]]
    for place in range(20):
        np.testing.assert_array_equal(other[place], one[(place + 11) % 20])
    assert [len(json.loads(path.read_text())["frames"]) for path in sorted(tmp_path.glob("*/*.json"))].count(8) == 2
