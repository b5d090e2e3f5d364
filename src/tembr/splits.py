"""Which recordings are learnt from, chosen on and scored: one table of protocols, as folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from tembr.corpora.corpus import Corpus
from tembr.errors import CorpusError

Protocol = Literal["random", "speaker", "kfold", "sentence"]

UNSEEN = ("speaker", "sentence")
"""Protocols whose scored speakers are in no training: adapting to a speaker means something there."""


class SplitSettings(BaseModel):
    """How recordings are divided.

    Attributes:
        seed: of every random choice here.
        test: share of the recordings tested on, 'random' only.
        validation: share of the rest kept for early stopping; of its speakers, in 'speaker' and 'sentence'.
        folds: 'speaker' and 'sentence': 0 leaves out one speaker at a time, k makes k speaker-disjoint folds;
            'kfold': number of folds, 5 where 0.
        inner: held-out logits for an ensemble come from this many inner folds over all that may be learnt from, by
            speaker where the protocol is; 0 takes the validation part alone, and so do networks without `train.refit`.
        sentences: share of the sentences left out of training and alone scored, 'sentence' only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(42, ge=0)
    test: float = Field(0.2, gt=0, lt=1)
    validation: float = Field(0.2, gt=0, lt=1)
    folds: int = Field(0, ge=0, le=1_000)
    inner: int = Field(0, ge=0, le=1_000)
    sentences: float = Field(0.2, gt=0, lt=1)


@dataclass(frozen=True)
class Part:
    """An inner fold, as indices into the utterances: what is learnt from, and what is held out."""

    train: np.ndarray
    heldout: np.ndarray


@dataclass(frozen=True)
class Fold:
    """One division of a corpus, as indices into its utterances, `(n,)` int arrays, ascending.

    Attributes:
        name: of the fold: the speaker or group left out, or its number.
        train, validation, test: share no recording.
        rest: all that may be learnt from where nothing is kept for validation.
        inner: folds within `rest`, whose held-out parts are learnt from by none; never empty.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    rest: np.ndarray
    inner: tuple[Part, ...]

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
    'speaker' leaves speakers out; validation speakers are drawn from the rest. 'sentence' leaves out a share of the
    sentences too, which alone are scored. 'kfold' is `StratifiedKFold`.

    Raises:
        CorpusError: one emotion only, too few recordings of one, too few speakers or sentences.
    """
    settings = settings or SplitSettings()
    emotions = np.array([u.emotion for u in corpus.utterances])
    labels, counts = np.unique(emotions, return_counts=True)
    if len(labels) < 2:
        raise CorpusError(f"{corpus.name}: only one emotion ({labels[0]}); at least two are needed to learn")
    if protocol in UNSEEN:
        return list(_speaker_folds(corpus, emotions, settings, protocol == "sentence"))
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
    rest, train, validation = np.sort(rest), np.sort(train), np.sort(validation)
    inner = (Part(train, validation),)
    if settings.inner > 1:
        splits = _splitter(settings.inner, settings.seed).split(rest, emotions[rest])
        inner = tuple(Part(rest[learnt], rest[heldout]) for learnt, heldout in splits)
    return Fold(name, train, validation, np.sort(test), rest, inner)


def _stratified_folds(emotions: np.ndarray, scarcest: int, settings: SplitSettings) -> list[Fold]:
    count = settings.folds or 5
    if not 2 <= count <= scarcest:
        raise CorpusError(f"{count} folds cannot be made; choose from 2 to {scarcest} (the scarcest emotion)")
    splits = _splitter(count, settings.seed).split(emotions, emotions)
    return [
        _with_validation(str(number), rest, test, emotions, settings)
        for number, (rest, test) in enumerate(splits, start=1)
    ]


def _splitter(count: int, seed: int):
    from sklearn.model_selection import StratifiedKFold

    return StratifiedKFold(count, shuffle=True, random_state=seed)


def _speaker_folds(corpus: Corpus, emotions: np.ndarray, settings: SplitSettings, by_sentence: bool) -> Iterator[Fold]:
    speakers = np.array([u.speaker for u in corpus.utterances])
    names = np.unique(speakers)
    if "" in names:
        raise CorpusError(
            f"{corpus.name}: recordings without a speaker; name all in a column speaker, or use --protocol random"
        )
    if len(names) < 3:
        raise CorpusError(
            f"{corpus.name}: {len(names)} speaker(s); leaving speakers out needs at least 3 "
            "(training, validation, test); use --protocol random"
        )
    scored = _left_out_sentences(corpus, settings) if by_sentence else np.ones(len(corpus), bool)
    learnt = ~scored if by_sentence else scored
    for number, group in enumerate(_groups(names, settings)):
        rest = np.setdiff1d(names, group)
        generator = np.random.default_rng([settings.seed, number])
        size = min(max(1, round(settings.validation * len(rest))), len(rest) - 1)
        kept = generator.choice(rest, size=size, replace=False)
        part = _parts(speakers, learnt, scored)
        train, validation = part(np.setdiff1d(rest, kept), kept)
        everything, test = part(rest, group)
        if len(np.unique(emotions[train])) < 2:
            raise CorpusError(f"{corpus.name}: without {', '.join(group)} fewer than two emotions are left to learn")
        name = "+".join(group) if len(group) < 4 else f"group{number + 1}"
        inner = (Part(train, validation),)
        if settings.inner > 1:
            groups = np.array_split(generator.permutation(rest), min(settings.inner, len(rest)))
            inner = tuple(Part(*part(np.setdiff1d(rest, some), some)) for some in groups)
        fold = Fold(name, train, validation, test, everything, inner)
        _require_whole(corpus, fold, group)
        yield fold


def _require_whole(corpus: Corpus, fold: Fold, group: np.ndarray) -> None:
    """No part of a fold may be empty: sentences that only some say may leave nothing of a speaker."""
    for what, indices in (("to score", fold.test), ("to validate on", fold.validation)):
        if not len(indices):
            raise CorpusError(
                f"{corpus.name}: where {', '.join(group)} is left out nothing is left {what}; every speaker has to say "
                "every sentence, or nearly: use --protocol speaker"
            )
    if any(not len(part.train) or not len(part.heldout) for part in fold.inner):
        raise CorpusError(
            f"{corpus.name}: where {', '.join(group)} is left out an inner fold is empty; lower split.inner, or use "
            "--protocol speaker"
        )


def _parts(speakers: np.ndarray, learnt: np.ndarray, scored: np.ndarray) -> Callable:
    """Speakers to learn from and speakers to answer for → indices of the recordings of either."""

    def part(some: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.flatnonzero(np.isin(speakers, some) & learnt), np.flatnonzero(np.isin(speakers, others) & scored)

    return part


def _left_out_sentences(corpus: Corpus, settings: SplitSettings) -> np.ndarray:
    """Whether each recording is of a sentence that is left out of training, `(n,)` bool."""
    texts = np.array([u.text for u in corpus.utterances])
    known = np.unique(texts)
    if "" in known or len(known) < 5:
        raise CorpusError(
            f"{corpus.name}: leaving sentences out needs the text of every recording, five or more in all"
        )
    count = max(1, round(settings.sentences * len(known)))
    return np.isin(texts, np.random.default_rng([settings.seed, 2]).permutation(known)[:count])


def _groups(names: np.ndarray, settings: SplitSettings) -> list[np.ndarray]:
    if settings.folds in (0, len(names)):
        return [np.array([name]) for name in names]
    if not 2 <= settings.folds <= len(names):
        raise CorpusError(f"{settings.folds} speaker folds cannot be made of {len(names)} speakers")
    shuffled = np.random.default_rng(settings.seed).permutation(names)
    return [np.sort(group) for group in np.array_split(shuffled, settings.folds)]
