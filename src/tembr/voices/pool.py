"""Recordings of several corpora as one: contours in memory, who speaks, and which emotions each corpus knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tembr.audio import read
from tembr.corpora.corpus import Corpus, Utterance
from tembr.emotions import ordered
from tembr.features.extract import extract
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureStore
from tembr.recognize.degrade import prepare
from tembr.voices.level import heard, own_level

REPRESENTATION = "contours"
BATCH = 64  # recordings


@dataclass(frozen=True, eq=False)
class Pool:
    """n recordings; the first `asked` are those of the corpus that is asked, the others are only learnt from.

    Attributes:
        contours: `(n, rows, frames)`, float32.
        weights: what is heard of them, the same shape, bool.
        levels: own level of each, `(n, rows)`.
        classes: `(n,)` int, into `labels`.
        speakers: `(n,)` int; the same number in two corpora never happens.
        corpus: `(n,)` int, which corpus; 0 is the one that is asked.
        known: `(corpora, labels)` bool, which emotions each corpus has.
        labels: of all corpora together, the six first.
        utterances: of the corpus that is asked.
    """

    contours: torch.Tensor
    weights: torch.Tensor
    levels: torch.Tensor
    classes: np.ndarray
    speakers: np.ndarray
    corpus: np.ndarray
    known: torch.Tensor
    labels: tuple[str, ...]
    utterances: tuple[Utterance, ...]

    @property
    def asked(self) -> int:
        return len(self.utterances)

    @property
    def columns(self) -> list[int]:
        """Which of the labels the corpus that is asked has."""
        return self.known[0].nonzero().flatten().tolist()


def make_pool(
    corpora: Sequence[Corpus],
    features: FeatureSettings,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pool:
    """Contours of all recordings of `corpora`, the first of which is asked, from the cache where they are there.

    Raises:
        AudioError: a recording cannot be read. StoreError: the cache cannot be written.
    """
    everyone = [u for corpus in corpora for u in corpus.utterances]
    table = FeatureStore().prepare(everyone, [REPRESENTATION], features, progress)[REPRESENTATION]
    contours = torch.stack([torch.from_numpy(np.array(table[k])) for k in range(len(table))])
    weights, levels = _heard(contours)
    labels = ordered(u.emotion for u in everyone)
    number = np.repeat(np.arange(len(corpora)), [len(corpus) for corpus in corpora])
    names = [f"{n}:{u.speaker or u.key}" for n, u in zip(number, everyone)]
    known = torch.tensor([[label in corpus.labels for label in labels] for corpus in corpora])
    return Pool(
        contours,
        weights,
        levels,
        np.array([labels.index(u.emotion) for u in everyone]),
        np.unique(names, return_inverse=True)[1],
        number,
        known,
        labels,
        corpora[0].utterances,
    )


def degraded(
    pool: Pool,
    corpus: Corpus,
    name: str,
    features: FeatureSettings,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Pool:
    """The pool with the recordings of the corpus that is asked as they are after a degradation.

    Raises:
        ConfigError: there is no such degradation, or what it needs is not installed.
    """
    effect = prepare(name, corpus, features.sample_rate)
    parts = []
    for first in range(0, len(corpus), BATCH):
        said = corpus.utterances[first : first + BATCH]
        waveforms = [features.fit(effect(u, read(u.path, features.sample_rate, u.start, u.end))) for u in said]
        parts.append(extract(np.stack(waveforms), features.sample_rate, REPRESENTATION, settings=features))
        progress(first + len(said), len(corpus))
    contours = torch.cat([*parts, pool.contours[len(corpus) :]])
    weights, levels = _heard(contours)
    return replace(pool, contours=contours, weights=weights, levels=levels)


def _heard(contours: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.cat([heard(part).bool() for part in contours.split(512)])
    levels = [own_level(c, w.float()) for c, w in zip(contours.split(512), weights.split(512))]
    return weights, torch.cat(levels)
