"""Who is learnt from and who is asked: the protocols, as folds of train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tembr.corpora.corpus import Corpus
from tembr.errors import CorpusError

Protocol = Literal["random", "speaker", "kfold"]


class SplitSettings(BaseModel):
    """How recordings are divided.

    Attributes:
        seed: of every random choice here.
        test: share of the recordings tested on, 'random' only.
        validation: share of the rest kept for early stopping; of its speakers, in 'speaker'.
        folds: 'speaker': 0 leaves out one speaker at a time, k makes k speaker-disjoint folds;
            'kfold': number of folds, 5 where 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(42, ge=0)
    test: float = Field(0.2, gt=0, lt=1)
    validation: float = Field(0.2, gt=0, lt=1)
    folds: int = Field(0, ge=0, le=1_000)


@dataclass(frozen=True)
class Fold:
    """One division of a corpus; the three parts are indices into its utterances and share none.

    Attributes:
        name: of the fold: the speaker or group left out, or its number.
        train, validation, test: `(n,)` int arrays, ascending.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def part_of(self, size: int) -> np.ndarray:
        """Name of the part of each of `size` utterances: 'train', 'validation', 'test' or ''."""
        parts = np.full(size, "", dtype=object)
        for part in ("train", "validation", "test"):
            parts[getattr(self, part)] = part
        return parts


def make_folds(corpus: Corpus, protocol: Protocol, settings: SplitSettings | None = None) -> list[Fold]:
    """Divide `corpus` by `protocol`.

    'random' is one fold, scikit-learn's `train_test_split(test_size=test, random_state=seed, stratify=emotion)`
    over the corpus in its own order, and the same again within the rest for validation.
    'speaker' leaves speakers out; validation speakers are drawn from the rest. 'kfold' is `StratifiedKFold`.

    Raises:
        CorpusError: one emotion only, too few recordings of one, or too few speakers.
    """
    settings = settings or SplitSettings()
    emotions = np.array([u.emotion for u in corpus.utterances])
    labels, counts = np.unique(emotions, return_counts=True)
    if len(labels) < 2:
        raise CorpusError(f"{corpus.name}: only one emotion ({labels[0]}); at least two are needed to learn")
    if protocol == "speaker":
        return _speaker_folds(corpus, emotions, settings)
    if counts.min() < 5:
        scarce = labels[counts.argmin()]
        raise CorpusError(
            f"{corpus.name}: {counts.min()} recordings of {scarce}; a stratified split needs at least 5 of each emotion"
        )
    if protocol == "random":
        rest, test = _stratified(np.arange(len(emotions)), emotions, settings.test, settings.seed)
        return [_with_validation("all", rest, test, emotions, settings)]
    return _stratified_folds(emotions, counts.min(), settings)


def _stratified(indices: np.ndarray, emotions: np.ndarray, share: float, seed: int):
    from sklearn.model_selection import train_test_split

    try:
        return train_test_split(indices, test_size=share, random_state=seed, stratify=emotions[indices])
    except ValueError as error:
        raise CorpusError(f"the corpus is too small to set {share:.0%} of it aside by emotion: {error}") from error


def _with_validation(name, rest, test, emotions, settings) -> Fold:
    train, validation = _stratified(rest, emotions, settings.validation, settings.seed)
    return Fold(name, np.sort(train), np.sort(validation), np.sort(test))


def _stratified_folds(emotions: np.ndarray, scarcest: int, settings: SplitSettings) -> list[Fold]:
    from sklearn.model_selection import StratifiedKFold

    count = settings.folds or 5
    if not 2 <= count <= scarcest:
        raise CorpusError(f"{count} folds cannot be made; choose from 2 to {scarcest} (the scarcest emotion)")
    splitter = StratifiedKFold(count, shuffle=True, random_state=settings.seed)
    return [
        _with_validation(str(number), rest, test, emotions, settings)
        for number, (rest, test) in enumerate(splitter.split(emotions, emotions), start=1)
    ]


def _speaker_folds(corpus: Corpus, emotions: np.ndarray, settings: SplitSettings) -> list[Fold]:
    speakers = np.array([u.speaker for u in corpus.utterances])
    names = np.unique(speakers)
    if "" in names:
        raise CorpusError(f"{corpus.name}: recordings without a speaker; the speaker protocol needs all speakers named")
    if len(names) < 3:
        raise CorpusError(
            f"{corpus.name}: {len(names)} speaker(s); leaving speakers out needs at least 3 "
            "(training, validation, test); use --protocol random"
        )
    groups = _groups(names, settings)
    folds = []
    for number, group in enumerate(groups):
        rest = np.setdiff1d(names, group)
        generator = np.random.default_rng([settings.seed, number])
        size = min(max(1, round(settings.validation * len(rest))), len(rest) - 1)
        kept = generator.choice(rest, size=size, replace=False)
        test, validation = np.isin(speakers, group), np.isin(speakers, kept)
        parts = [np.flatnonzero(mask) for mask in (~test & ~validation, validation, test)]
        if len(np.unique(emotions[parts[0]])) < 2:
            raise CorpusError(f"{corpus.name}: without {', '.join(group)} fewer than two emotions are left to learn")
        folds.append(Fold("+".join(group) if len(group) < 4 else f"group{number + 1}", *parts))
    return folds


def _groups(names: np.ndarray, settings: SplitSettings) -> list[np.ndarray]:
    if settings.folds in (0, len(names)):
        return [np.array([name]) for name in names]
    if not 2 <= settings.folds <= len(names):
        raise CorpusError(f"{settings.folds} speaker folds cannot be made of {len(names)} speakers")
    shuffled = np.random.default_rng(settings.seed).permutation(names)
    return [np.sort(group) for group in np.array_split(shuffled, settings.folds)]
