"""The recordings of a study: target corpus, auxiliary corpora and copies, with the inputs of all members."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from tembr.corpora import load_corpus
from tembr.corpora.corpus import Corpus, Utterance
from tembr.corpora.describe import describe, usable
from tembr.errors import CorpusError
from tembr.evaluate.frames import read_frame
from tembr.experiment.settings import CorpusSettings, StudySettings
from tembr.features.inputs import Input
from tembr.features.settings import FeatureSettings
from tembr.features.store import FeatureStore, FeatureTable, content_of
from tembr.models import MemberSettings
from tembr.models.data import FoldData
from tembr.progress import Progress
from tembr.splits import Fold

log = logging.getLogger("tembr")

LISTED = "dataset_info.csv"
"""Table of a study's recordings in its folder."""


@dataclass(frozen=True, eq=False)
class Recordings:
    """n recordings: those of the target first, in its order, then those that are only learnt from.

    Attributes:
        target: whose recordings are scored.
        auxiliary: corpora that are only learnt from.
        utterances: of all n.
        originals: `(n,)` int, of what each is a copy: of itself, or of another recording through a degradation.
        corpora: `(n,)` int; 0 is the target.
        features: settings of the study.
        tables: input → values of all n recordings.
        moments: of `FoldData`, shared by all folds.
    """

    target: Corpus
    auxiliary: tuple[Corpus, ...]
    utterances: tuple[Utterance, ...]
    originals: np.ndarray
    corpora: np.ndarray
    features: FeatureSettings
    tables: dict[Input, FeatureTable]
    moments: dict = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotions of the target, in order."""
        return self.target.labels

    @cached_property
    def classes(self) -> np.ndarray:
        """`(n,)` int index into `labels`; -1 for emotions that the target does not have."""
        known = {label: number for number, label in enumerate(self.labels)}
        return np.array([known.get(u.emotion, -1) for u in self.utterances])

    @cached_property
    def speakers(self) -> np.ndarray:
        """`(n,)` text, distinct over corpora; copies through one degradation are a speaker of their own."""
        names = [corpus.name for corpus in (self.target, *self.auxiliary)]
        return np.array(
            [f"{names[c]}/{u.speaker or u.key}{u.degradation}" for c, u in zip(self.corpora, self.utterances)]
        )

    def copies_of(self, learnt: np.ndarray) -> np.ndarray:
        """Places of the copies of the target's recordings at `learnt`."""
        return np.flatnonzero(np.isin(self.originals, learnt) & (self.channels != ""))

    @cached_property
    def channels(self) -> np.ndarray:
        """`(n,)` text, the degradation of a copy, '' for recordings as they are."""
        return np.array([u.degradation for u in self.utterances])

    def data(self, member: MemberSettings, train: np.ndarray, validation: np.ndarray, folder: Path) -> FoldData:
        """What a member is fitted on: `train` and `validation` of the target, with what is learnt from besides.

        A copy through a degradation that the member asks for is learnt from where its original is.
        """
        channels = self.channels
        learnt = np.isin(self.originals, train) | (self.corpora > 0)
        learnt &= np.isin(channels, ["", *member.copied_through])
        return FoldData(
            self.labels,
            self.features,
            self.tables,
            self.classes,
            self.speakers,
            self.corpora,
            np.flatnonzero(learnt),
            validation,
            folder,
            channels,
            self.originals,
            self.moments,
        )


def load_recordings(
    settings: StudySettings, members: Sequence[MemberSettings], progress: Progress, corpus: Corpus | None = None
) -> Recordings:
    """Load the corpora of a study and compute what its members take, from the cache where it is there.

    Args:
        corpus: the target, if it is loaded already.

    Raises:
        CorpusError: a corpus is not there or cannot be read, or is the target and learnt from besides.
        StoreError: the cache cannot be written.
    """
    target = corpus or usable_corpus(settings.corpus, settings.features.window, progress)
    auxiliary = tuple(usable_corpus(one, settings.features.window, progress) for one in settings.auxiliary.values())
    everything = (target, *auxiliary)
    _require_apart(target, auxiliary)
    utterances = [u for one in everything for u in one.utterances]
    corpora = np.repeat(np.arange(len(everything)), [len(one) for one in everything])
    originals = np.arange(len(utterances))
    if through := copied_through(members):
        from tembr.degrade.copies import make_copies

        copied, copies = make_copies(everything, through)
        utterances, originals = utterances + copies, np.concatenate([originals, copied])
    inputs = [one for member in members for one in (*member.inputs(settings.features), *_training(member, settings))]
    starts = np.flatnonzero(np.diff(corpora[originals])) + 1
    starts = [*starts.tolist(), len(corpora)]  # copies begin where the recordings end
    tables = FeatureStore().prepare(utterances, inputs, partial(progress.count, "recordings analysed"), starts)
    return Recordings(target, auxiliary, tuple(utterances), originals, corpora[originals], settings.features, tables)


def _require_apart(target: Corpus, auxiliary: Sequence[Corpus]) -> None:
    """Nothing is learnt from what is scored, and no speaker of one corpus goes for one of another."""
    names = [corpus.name for corpus in (target, *auxiliary)]
    for name in names:
        if names.count(name) > 1:
            raise CorpusError(
                f"{name}: two corpora of this name; what is scored is not learnt from besides, and a manifest has a "
                "name of its own"
            )
    sizes = {u.path.stat().st_size for u in target.utterances if u.path.exists()} if auxiliary else set()
    scored = {content_of(u): u.key for u in target.utterances if u.path.exists()} if sizes else {}
    for corpus in auxiliary:
        for utterance in corpus.utterances:
            if not utterance.path.exists() or utterance.path.stat().st_size not in sizes:
                continue
            if same := scored.get(content_of(utterance)):
                raise CorpusError(
                    f"{corpus.name}: {utterance.key} is {same} of {target.name}, which is scored; leave it out"
                )


def copied_through(members: Sequence[MemberSettings]) -> tuple[str, ...]:
    """Degradations through which copies are learnt from by one of the members."""
    return tuple(dict.fromkeys(name for member in members for name in member.copied_through))


def usable_corpus(chosen: CorpusSettings, window: float, progress: Progress) -> Corpus:
    """A corpus without the recordings that cannot be read, which are said.

    Raises:
        CorpusError: none can be read, or the corpus is not there.
    """
    corpus = load_corpus(
        chosen.name,
        chosen.folder or None,
        unmapped=chosen.unmapped,
        emotions=chosen.emotions,
        columns=chosen.columns or None,
        allow_outside=chosen.allow_outside,
    )
    description = describe(corpus, window, partial(progress.count, "recordings read"))
    left_out = len(description.missing) + len(description.unreadable)
    for key in description.missing:
        log.warning("%s: missing; left out", key)
    for key, reason in description.unreadable.items():
        log.warning("%s: %s; left out", key, reason)
    if left_out == len(corpus):
        raise CorpusError(f"{corpus.name}: none of its {len(corpus)} recordings can be read; check --corpus-dir")
    for group in description.duplicates:
        log.warning("%s: the same recording; a random split may put them on both sides", ", ".join(group))
    if parts := description.overlapping:
        log.warning(
            "%d parts overlap the one before them, the first %s; a random split may put both on both sides",
            len(parts), parts[0],
        )  # fmt: skip
    if left_out:
        progress.say(f"{left_out} of {len(corpus)} recordings left out: missing or unreadable")
    return usable(corpus, description)


def _training(member: MemberSettings, settings: StudySettings) -> tuple[Input, ...]:
    return member.training_inputs(settings.features)


def read_listed(path: Path) -> tuple[Utterance, ...]:
    """The recordings of a study as its `LISTED` has them, without paths."""
    table = read_frame(path, dtype=str, keep_default_na=False)
    return tuple(
        Utterance(
            row.file,
            Path(),
            row.emotion,
            row.speaker,
            row.gender,
            text=row.text,
            start=float(row.start or 0),
            end=float(row.end) if row.end else None,
        )
        for row in table.itertuples()
    )


def same_recordings(one: Corpus, other: Sequence[Utterance]) -> bool:
    """Whether a corpus still has the recordings that a table of a study lists."""

    def listed(utterances: Sequence[Utterance]) -> list[list[bytes]]:
        """As a table has them, which writes what is no UTF-8 in a name as an escape."""
        return [[t.encode(errors="backslashreplace") for t in (u.key, u.emotion, u.speaker)] for u in utterances]

    return listed(one.utterances) == listed(other)


def parts_of(member: MemberSettings, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """Train and validation indices that a member learns from in a fold; kinds without validation learn from all."""
    if member.uses_validation:
        return fold.train, fold.validation
    return fold.rest, np.empty(0, dtype=int)
