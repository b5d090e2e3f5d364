"""The cache: representations of recordings on disk, computed once, read through the memory map.

A shard (128 recordings of one representation) is named by a digest of the recordings' bytes and of every
parameter. Files appear whole or not at all, so a killed run resumes, two processes may fill the same cache,
and a damaged shard is noticed by its checksum and computed again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tembr import audio
from tembr.corpora.corpus import Utterance
from tembr.errors import AudioError
from tembr.features.extract import extract_many, find
from tembr.features.settings import FeatureSettings
from tembr.features.shard import Shard, digest, read_shard
from tembr.files import cache_root

log = logging.getLogger("tembr")

SHARD_SIZE = 128  # recordings
BATCH = 32  # recordings
WAVEFORM = "waveform"
"""Name under which the store keeps the samples themselves, `(1, samples)`, for waveform augmentation."""


class FeatureTable:
    """One representation of a list of recordings, read from the memory map.

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
        representations: Iterable[str],
        settings: FeatureSettings,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> dict[str, FeatureTable]:
        """Open the representations of `utterances`, computing what is missing or damaged.

        Args:
            representations: names of the registry, or `WAVEFORM`.
            progress: called with recordings done and in all.

        Returns:
            name → table in the order of `utterances`.

        Raises:
            AudioError: a recording cannot be read.
            StoreError: the disk is full or not writable; what was finished stays.
        """
        names = tuple(representations)
        groups = [utterances[i : i + SHARD_SIZE] for i in range(0, len(utterances), SHARD_SIZE)]
        opened: dict[str, list] = {name: [] for name in names}
        done = 0
        for group in groups:
            contents = _contents(group)
            shards = {name: self._shard(name, settings, contents) for name in names}
            for name, shard in self._fill(shards, group, settings).items():
                opened[name].append(shard)
            done += len(group)
            progress(done, len(utterances))
        return {name: FeatureTable(name, parts) for name, parts in opened.items()}

    def _shard(self, name: str, settings: FeatureSettings, contents: Sequence[str]) -> Shard:
        return Shard(self.root / name, name, settings.model_dump(), tuple(contents))

    def _fill(self, shards: dict[str, Shard], group, settings) -> dict[str, tuple]:
        found = {name: _open(shard) for name, shard in shards.items()}
        missing = [name for name, content in found.items() if content is None]
        if missing:
            computed = _compute(group, missing, settings)
            for name in missing:
                shards[name].write(computed.pop(name))
                found[name] = _open(shards[name])
        return {name: found[name] for name in shards}

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
        if representation not in (None, WAVEFORM):
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
        return list(pool.map(_content, group))


def _content(utterance: Utterance) -> str:
    try:
        data = utterance.path.read_bytes()
    except OSError as error:
        raise AudioError(f"{utterance.path}: cannot be read ({error.strerror}); check the path") from error
    return digest(data, f"{utterance.start}:{utterance.end}".encode())


def _compute(group: Sequence[Utterance], names: Sequence[str], settings: FeatureSettings) -> dict[str, list]:
    with ThreadPoolExecutor(4) as pool:
        waveforms = list(pool.map(lambda u: _read(u, settings), group))
    size = BATCH if settings.window else 1
    results: dict[str, list] = {name: [] for name in names}
    for start in range(0, len(waveforms), size):
        batch = torch.from_numpy(np.stack(waveforms[start : start + size]))
        for name, values in _analyse(batch, names, settings).items():
            results[name] += list(values.numpy())
    return results


def _read(utterance: Utterance, settings: FeatureSettings) -> np.ndarray:
    waveform = audio.read(utterance.path, settings.sample_rate, utterance.start, utterance.end)
    if settings.window:
        return settings.fit(waveform)
    return audio.fit_length(waveform, max(len(waveform), settings.delta_width * settings.hop_length))


def _analyse(batch: torch.Tensor, names: Sequence[str], settings: FeatureSettings) -> dict[str, torch.Tensor]:
    wanted = [find(name).name for name in names if name != WAVEFORM]
    values = extract_many(batch, wanted, settings.sample_rate, settings=settings)
    if WAVEFORM in names:
        values[WAVEFORM] = batch.unsqueeze(1)
    return values


def _recordings(manifest: Path) -> int:
    try:
        return len(json.loads(manifest.read_text())["frames"])
    except (ValueError, KeyError, TypeError):
        return 0


def _settings_label(manifest: Path) -> str:
    try:
        settings = json.loads(manifest.read_text())["settings"]
        return "{sample_rate} Hz, {window} s, n_fft {n_fft}, hop {hop_length}".format(**settings)
    except (ValueError, KeyError, TypeError):
        return "damaged manifest"
