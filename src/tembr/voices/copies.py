"""Copies of recordings as they would sound elsewhere, to learn from: half of them, each through one degradation.

Which, and through what, depends on a recording's name alone. Seeds, rooms and voices are others than those that
`tembr evaluate --degrade` measures with, and the voices of a babble come from the last of the corpora, never from the
one that is asked unless it is the only one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import torch

from tembr.audio import read
from tembr.corpora.corpus import Corpus, Utterance
from tembr.features.extract import extract
from tembr.features.settings import FeatureSettings
from tembr.features.shard import digest
from tembr.files import atomic_write, cache_root
from tembr.recognize.degrade import Effect, prepare

FORMAT = 1
"""Raised when other copies would be made of the same recordings."""

BATCH = 64  # recordings
SEED = 1  # measuring has 0
KINDS = ("", "", "phone", "noise", "", "", "room", "mp3", "", "", "phone", "noise")
"""Of twelve recordings in turn; '' is not copied."""

Progress = Callable[[int, int], None]


def kind_of(utterance: Utterance) -> str:
    """What a recording's copy goes through, '' where it has none."""
    return KINDS[zlib.crc32(os.fsencode(utterance.key)) % len(KINDS)]


def through(
    utterances: Sequence[Utterance], effects: Sequence[Effect], features: FeatureSettings, progress: Progress
) -> torch.Tensor:
    """Contours of recordings after an effect each, `(n, rows, frames)`.

    Raises:
        AudioError: one cannot be read.
    """
    parts, pairs = [], list(zip(utterances, effects, strict=True))
    for first in range(0, len(pairs), BATCH):
        some = pairs[first : first + BATCH]
        heard = [(u, effect, read(u.path, features.sample_rate, u.start, u.end)) for u, effect in some]
        waveforms = [features.fit(effect(u, waveform)) for u, effect, waveform in heard]
        parts.append(extract(np.stack(waveforms), features.sample_rate, "contours", settings=features))
        progress(first + len(some), len(pairs))
    return torch.cat(parts)


def make_copies(corpora: Sequence[Corpus], features: FeatureSettings, progress: Progress) -> torch.Tensor:
    """Contours of the copies of all recordings of `corpora` that have one, in order, from the cache if they are there.

    Raises:
        AudioError: a recording cannot be read. ConfigError: what the degradations need is not installed.
    """
    copied = [(u, kind_of(u)) for corpus in corpora for u in corpus.utterances if kind_of(u)]
    facts = [FORMAT, features.model_dump(mode="json"), *((c.name, len(c)) for c in corpora)]
    facts += [(u.key, u.path.stat().st_size) for u, _ in copied]
    path = cache_root() / "copies" / f"{digest(json.dumps(facts).encode())}.npy"
    if not path.exists():
        effects = {kind: prepare(kind, corpora[-1], features.sample_rate, SEED) for kind in sorted({*KINDS} - {""})}
        made = through([u for u, _ in copied], [effects[kind] for _, kind in copied], features, progress)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.save(file, made.numpy())
    return torch.from_numpy(np.load(path, allow_pickle=False))
