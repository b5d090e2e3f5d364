"""Copies of recordings as they would sound elsewhere, to learn from.

Seeds, rooms and voices are others than those that
`tembr evaluate --degrade` measures with, and the voices of a babble come from the last of the corpora, never from the
target unless it is the only one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from tembr.corpora.corpus import Corpus, Utterance
from tembr.degrade.effects import Effect, prepare
from tembr.files import digest

FORMAT = 1
"""Raised when other copies would be made of the same recordings."""

SEED = 1  # measuring has 0


@dataclass(frozen=True)
class Source:
    """Where degradations come from.

    Attributes:
        voices: corpus whose voices a babble is made of.
        seed: of all draws.
    """

    voices: Corpus
    seed: int = SEED

    def __hash__(self) -> int:
        return hash((self.voices.name, len(self.voices), self.seed))

    @property
    def identity(self) -> str:
        """Digest of all that a copy depends on beside the recording."""
        return _identity(self)

    def effect(self, name: str, sample_rate: int) -> Effect:
        """The degradation `name` at a rate, prepared once."""
        return _effect(self, name, sample_rate)


@dataclass(frozen=True)
class Copy(Utterance):
    """An utterance through a degradation.

    Attributes:
        through: which degradation.
        source: of it.
    """

    through: str = ""
    source: Source | None = None

    @property
    def degradation(self) -> str:
        return self.through

    @property
    def identity(self) -> str:
        return f"{super().identity}:{self.through}:{self.source.identity}"

    def read(self, sample_rate: int) -> np.ndarray:
        """The degraded samples, `(samples,)` float32; raises AudioError where the recording cannot be read."""
        return self.source.effect(self.through, sample_rate)(self, super().read(sample_rate))


def make_copies(corpora: Sequence[Corpus], through: Sequence[str]) -> tuple[np.ndarray, list[Copy]]:
    """A copy of every recording of `corpora`, the target first, through each of the degradations named.

    Returns:
        which recording of all each is a copy of, `(n,)`; the copies, those through one degradation together.
    """
    source = Source(corpora[-1])
    everyone = [utterance for corpus in corpora for utterance in corpus.utterances]
    copies = [degraded(utterance, name, source) for name in through for utterance in everyone]
    return np.tile(np.arange(len(everyone)), len(through)), copies


def degraded(utterance: Utterance, through: str, source: Source) -> Copy:
    """An utterance through the degradation called `through`."""
    own = {field.name: getattr(utterance, field.name) for field in fields(Utterance)}
    return Copy(**own, through=through, source=source)


@lru_cache(maxsize=4)
def _identity(source: Source) -> str:
    voices = [(u.key, u.speaker, u.path.stat().st_size) for u in source.voices.utterances]
    return digest(repr([FORMAT, source.seed, voices]).encode())[:16]


@lru_cache(maxsize=64)
def _effect(source: Source, name: str, sample_rate: int) -> Effect:
    return prepare(name, source.voices, sample_rate, source.seed)
