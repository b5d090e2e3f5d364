"""The study's recordings themselves, read only if something has to be computed or trained from them."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from tembr import audio
from tembr.config import StudySettings
from tembr.corpora.corpus import Corpus
from tembr.ensemble.sources import Division
from tembr.errors import StoreError
from tembr.features.store import FeatureStore, FeatureTable
from tembr.member import Watch
from tembr.study import usable_corpus


class Recordings:
    """Corpus and cached representations of a study, opened at the first use.

    Args:
        settings: the study's.
        division: what the corpus must agree with: recordings, order, speakers and emotions.
        watch: told what is read.
    """

    def __init__(self, settings: StudySettings, division: Division, watch: Watch):
        self.settings, self.division, self.watch = settings, division, watch
        self._tables: dict[str, FeatureTable] = {}

    @cached_property
    def corpus(self) -> Corpus:
        """The corpus.

        Raises:
            StoreError: it is not the one the study was made with.
        """
        corpus = usable_corpus(self.settings, self.watch)
        ours, theirs = ([(u.key, u.emotion, u.speaker) for u in c.utterances] for c in (self.division, corpus))
        if ours != theirs:
            raise StoreError(
                f"{self.division.place}: the recordings are no longer those this study was made with "
                f"({len(ours)} then, {len(theirs)} now, {len(set(ours) & set(theirs))} unchanged); "
                "restore them or run a new study"
            )
        return corpus

    @cached_property
    def seconds(self) -> np.ndarray:
        """Length of each recording, `(n,)`, from the headers."""
        return np.array([audio.seconds_between(u.path, u.start, u.end) for u in self.corpus.utterances])

    def table(self, name: str) -> FeatureTable:
        """A representation of all recordings, from the cache where it is there."""
        if name not in self._tables:
            self._tables |= FeatureStore().prepare(
                self.corpus.utterances,
                [name],
                self.settings.features,
                lambda done, total: self.watch.progress("recordings analysed", done, total),
            )
        return self._tables[name]
