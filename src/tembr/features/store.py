"""The cache: inputs of members on disk, computed once, read through the memory map.

A shard (at most 128 recordings of one corpus and input) is named by a digest of the recordings' bytes and of every
parameter. Files appear whole or not at all, so a killed run resumes, two processes may fill the same cache,
and a damaged shard is noticed by its checksum and computed again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from tembr.corpora.corpus import Utterance
from tembr.errors import AudioError
from tembr.features.extract import find
from tembr.features.inputs import WAVEFORM, Input, together
from tembr.features.shard import Shard, read_shard
from tembr.files import cache_root, digest

log = logging.getLogger("tembr")

SHARD_SIZE = 128  # recordings


class FeatureTable:
    """One input of a list of recordings, read from the memory map.

    `table[i]` is `(bins, frames)` float32; `len(table)` the number of recordings.
    """

    def __init__(self, name: str, shards: Sequence[tuple[np.ndarray, list[int]]]):
        self.name = name
        self._places = []
        for values, frames in shards:
            stops = np.cumsum(frames)
            self._places += [(values, int(stop - count), int(stop)) for count, stop in zip(frames, stops)]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> np.ndarray:
        values, start, stop = self._places[index]
        return values[start:stop].T


class FeatureStore:
    """The cache under one folder.

    Args:
        root: folder; by default `features` in the user's cache.
    """

    def __init__(self, root: Path | None = None):
        self.root = root or cache_root() / "features"

    def prepare(
        self,
        utterances: Sequence[Utterance],
        inputs: Iterable[Input],
        progress: Callable[[int, int], None] = lambda done, total: None,
        starts: Sequence[int] = (),
    ) -> dict[Input, FeatureTable]:
        """Open the inputs of `utterances`, computing what is missing or damaged.

        Args:
            inputs: what is wanted.
            progress: called with recordings done and in all.
            starts: indices where a corpus begins: no shard holds parts of two, so that a corpus is computed once,
                whatever it is studied together with.

        Returns:
            input → table in the order of `utterances`.

        Raises:
            AudioError: a recording cannot be read.
            StoreError: the disk is full or not writable; what was finished stays.
        """
        wanted = tuple(dict.fromkeys(inputs))
        begins = sorted({0, len(utterances), *starts})
        cuts = [i for first, last in pairwise(begins) for i in range(first, last, SHARD_SIZE)]
        groups = [utterances[i:j] for i, j in pairwise([*cuts, len(utterances)])]
        opened: dict[Input, list] = {one: [] for one in wanted}
        done = 0
        for group in groups:
            contents = _contents(group)
            shards = {one: Shard(self.root / one.name, one.name, one.facts(), tuple(contents)) for one in wanted}
            for one, shard in _fill(shards, group).items():
                opened[one].append(shard)
            done += len(group)
            progress(done, len(utterances))
        return {one: FeatureTable(one.name, parts) for one, parts in opened.items()}

    def entries(self) -> list[CacheEntry]:
        """What the cache holds, one entry for each representation and settings."""
        groups: dict[tuple[str, str], list[Path]] = {}
        for manifest in sorted(self.root.glob("*/[0-9a-f]*.json")):
            groups.setdefault((manifest.parent.name, _settings_label(manifest)), []).append(manifest)
        return [CacheEntry(name, label, tuple(paths)) for (name, label), paths in groups.items()]

    def verify(self) -> list[tuple[Path, str]]:
        """Read every shard against its checksum; the damaged ones with what is wrong."""
        damaged = []
        for manifest in sorted(self.root.glob("*/[0-9a-f]*.json")):
            try:
                read_shard(manifest)
            except ValueError as error:
                damaged.append((manifest, str(error)))
        return damaged

    def clear(self, representation: str | None = None) -> int:
        """Remove one representation, or all, leftovers of killed runs included; returns the bytes freed."""
        if representation not in (None, WAVEFORM) and not (self.root / representation).is_dir():
            find(representation)
        freed = 0
        for path in sorted(self.root.glob(f"{representation or '*'}/*")):
            if path.suffix in {".npy", ".json"}:
                freed += path.stat().st_size
                path.unlink(missing_ok=True)
        return freed


@dataclass(frozen=True)
class CacheEntry:
    """A line of `tembr cache list`."""

    representation: str
    settings: str
    manifests: tuple[Path, ...]

    @property
    def recordings(self) -> int:
        return sum(_recordings(path) for path in self.manifests)

    @property
    def bytes(self) -> int:
        values = [path.with_suffix(".npy") for path in self.manifests]
        return sum(path.stat().st_size for path in values if path.exists())


def _open(shard: Shard):
    try:
        return shard.read()
    except ValueError as error:
        log.warning("cache: %s of %s: %s; computing it again", shard.key[:8], shard.representation, error)
        return None


def _contents(group: Sequence[Utterance]) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(content_of, group))


def content_of(utterance: Utterance) -> str:
    """Digest of a recording's bytes and of the part of its file that it is; raises AudioError."""
    try:
        data = utterance.path.read_bytes()
    except OSError as error:
        raise AudioError(f"{utterance.path}: cannot be read ({error.strerror}); check the path") from error
    return digest(data, utterance.identity.encode())


def _fill(shards: dict[Input, Shard], group: Sequence[Utterance]) -> dict[Input, tuple]:
    found = {one: _open(shard) for one, shard in shards.items()}
    missing = [one for one, content in found.items() if content is None]
    for alike in together(missing):
        for one, values in zip(alike, type(alike[0]).compute(alike, _waveforms(group, alike[0].sample_rate))):
            shards[one].write(values)
            found[one] = _open(shards[one])
    return {one: found[one] for one in shards}


def _waveforms(group: Sequence[Utterance], rate: int) -> list[np.ndarray]:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda utterance: utterance.read(rate), group))


def _recordings(manifest: Path) -> int:
    try:
        return len(json.loads(manifest.read_bytes())["frames"])
    except (ValueError, KeyError, TypeError):
        return 0


def _settings_label(manifest: Path) -> str:
    try:
        settings = json.loads(manifest.read_bytes())["settings"]
        if "layer" in settings:
            return "{sample_rate} Hz, {window} s, layer {layer}".format(**settings)
        return "{sample_rate} Hz, {window} s, n_fft {n_fft}, hop {hop_length}".format(**settings)
    except (ValueError, KeyError, TypeError):
        return "damaged manifest"
