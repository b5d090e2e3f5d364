"""Recordings of several corpora as one: contours in memory, who speaks, and which emotions each corpus knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tembr.corpora.corpus import Corpus, Utterance
from tembr.emotions import ordered
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureStore
from tembr.recognize.degrade import prepare
from tembr.voices.copies import kind_of, make_copies, through
from tembr.voices.encoder import embeddings
from tembr.voices.level import heard, own_level

REPRESENTATION = "contours"


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
        embeddings: `(n, d)` of a pretrained encoder, or None.
        originals: `(n,)` int, of what each is a copy: of itself, or of another recording as it sounds elsewhere. Copies
            come last; those of a speaker through one degradation are a speaker of their own.
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
    originals: np.ndarray
    embeddings: torch.Tensor | None = None

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
    copies: bool = False,
    encoder: str = "",
) -> Pool:
    """Contours of all recordings of `corpora`, the first of which is asked, from the cache where they are there.

    Args:
        copies: of half of the recordings as they sound elsewhere come after them, see `tembr.voices.copies`.
        encoder: whose embeddings are taken besides, see `tembr.voices.encoder`; '' is none.

    Raises:
        AudioError: a recording cannot be read. StoreError: the cache cannot be written.
    """
    everyone = [u for corpus in corpora for u in corpus.utterances]
    embedded = embeddings(everyone, encoder, progress) if encoder else None  # first: it may not be there to load
    table = FeatureStore().prepare(everyone, [REPRESENTATION], features, progress)[REPRESENTATION]
    contours = torch.stack([torch.from_numpy(np.array(table[k])) for k in range(len(table))])
    kinds, originals = [""] * len(everyone), np.arange(len(everyone))
    number = np.repeat(np.arange(len(corpora)), [len(corpus) for corpus in corpora])
    if copies:
        copied = np.array([k for k, u in enumerate(everyone) if kind_of(u)], dtype=int)
        contours = torch.cat([contours, make_copies(corpora, features, progress)])
        kinds, originals = kinds + [kind_of(everyone[k]) for k in copied], np.concatenate([originals, copied])
    weights, levels = _heard(contours)
    labels = ordered(u.emotion for u in everyone)
    names = [f"{number[k]}:{everyone[k].speaker or everyone[k].key}:{kind}" for k, kind in zip(originals, kinds)]
    known = torch.tensor([[label in corpus.labels for label in labels] for corpus in corpora])
    return Pool(
        contours,
        weights,
        levels,
        np.array([labels.index(everyone[k].emotion) for k in originals]),
        np.unique(names, return_inverse=True)[1],
        number[originals],
        known,
        labels,
        corpora[0].utterances,
        originals,
        embedded,
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
    heard = through(corpus.utterances, [effect] * len(corpus), features, progress)
    contours = torch.cat([heard, pool.contours[len(corpus) :]])
    weights, levels = _heard(contours)
    return replace(pool, contours=contours, weights=weights, levels=levels)


def _heard(contours: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    weights = torch.cat([heard(part).bool() for part in contours.split(512)])
    levels = [own_level(c, w.float()) for c, w in zip(contours.split(512), weights.split(512))]
    return weights, torch.cat(levels)
