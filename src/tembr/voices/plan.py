"""Which networks answer for whom: outer folds that are scored, and within each the speakers its networks leave out.

A network that heard neither A nor B answers for B: evidence on an unheard voice that the recipe for A may be chosen and
calibrated on. It serves the other way round too. For A itself answer networks that heard everybody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tembr.corpora.corpus import Corpus
from tembr.errors import CorpusError

Protocol = Literal["speaker", "sentence", "random"]


@dataclass(frozen=True)
class Part:
    """What one network learns from and is asked, as indices into the utterances of the corpus that is asked.

    Attributes:
        train: `(n,)`, ascending.
        inner: recordings whose answers may decide something; none of them learnt from, none of them scored.
    """

    train: np.ndarray
    inner: np.ndarray


@dataclass(frozen=True)
class Outer:
    """What is scored once: `test`, by networks none of which heard any of its speakers.

    Attributes:
        name: of the fold.
        test: `(n,)`, recordings that are scored.
        whole: learns from all others, nobody kept aside.
        parts: keep a group of speakers aside each.
    """

    name: str
    test: np.ndarray
    whole: Part
    parts: tuple[Part, ...]


def make_plan(corpus: Corpus, protocol: Protocol, seed: int, folds: int = 0, inner: int = 0) -> list[Outer]:
    """Divide a corpus.

    Args:
        corpus: that is asked.
        protocol: 'speaker' leaves speakers out; 'sentence' leaves them out and a fifth of the texts, which alone are
            scored; 'random' is the field's split, 20 % of all recordings.
        seed: of all draws.
        folds: speaker-disjoint groups; 0 is one speaker each.
        inner: groups left out in turn within an outer fold, each by one network: as many as that on either side in a
            circle of all, so that two folds share one network; 0 is every other group.

    Raises:
        CorpusError: too few speakers, or recordings without a text under 'sentence'.
    """
    if protocol == "random":
        return [_random(corpus, seed)]
    speakers = np.array([u.speaker for u in corpus.utterances])
    groups = _groups(corpus, speakers, folds, seed)
    asked = _fifth_of_texts(corpus, seed) if protocol == "sentence" else np.ones(len(corpus), bool)
    learnt = ~asked if protocol == "sentence" else asked
    nothing, plan = np.empty(0, int), []
    for number, group in enumerate(groups):
        others = [other for k, other in enumerate(groups) if k != number and _near(k, number, len(groups), inner)]
        test = np.isin(speakers, group)
        parts = []
        for other in others:
            kept = np.isin(speakers, other)
            parts.append(Part(np.flatnonzero(~test & ~kept & learnt), np.flatnonzero(kept & asked)))
        whole = Part(np.flatnonzero(~test & learnt), nothing)
        plan.append(Outer("+".join(group), np.flatnonzero(test & asked), whole, tuple(parts)))
    return plan


def _near(one: int, other: int, count: int, inner: int) -> bool:
    apart = abs(one - other)
    return not inner or min(apart, count - apart) <= inner


def _groups(corpus: Corpus, speakers: np.ndarray, folds: int, seed: int) -> list[np.ndarray]:
    names = np.unique(speakers)
    if "" in names or len(names) < 3:
        raise CorpusError(f"{corpus.name}: leaving two speakers out at a time needs three speakers or more, all named")
    if folds in (0, len(names)):
        return [np.array([name]) for name in names]
    if not 3 <= folds <= len(names):
        raise CorpusError(f"{corpus.name}: {folds} folds of {len(names)} speakers; from 3 to {len(names)} can be made")
    return [np.sort(group) for group in np.array_split(np.random.default_rng(seed).permutation(names), folds)]


def _fifth_of_texts(corpus: Corpus, seed: int) -> np.ndarray:
    texts = np.array([u.text for u in corpus.utterances])
    known = np.unique(texts)
    if "" in known or len(known) < 5:
        raise CorpusError(
            f"{corpus.name}: leaving sentences out needs the text of every recording, five or more in all"
        )
    chosen = np.random.default_rng([seed, 2]).permutation(known)[: round(len(known) / 5)]
    return np.isin(texts, chosen)


def _random(corpus: Corpus, seed: int) -> Outer:
    from sklearn.model_selection import train_test_split

    emotions = [u.emotion for u in corpus.utterances]
    everything = np.arange(len(corpus))
    train, test = train_test_split(everything, test_size=0.2, random_state=seed, stratify=emotions)
    return Outer("random", np.sort(test), Part(np.sort(train), np.empty(0, int)), ())
