"""The recordings of a study that an export needs: some to verify on, some to calibrate on, some to measure on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tembr import audio
from tembr.bundle import BundleError
from tembr.corpora.corpus import Corpus, Utterance
from tembr.ensemble.folder import EnsembleFolder
from tembr.experiment.recordings import usable_corpus
from tembr.experiment.settings import StudySettings
from tembr.progress import Progress
from tembr.silence import trimmed
from tembr.splits import Fold, make_folds

SEED = 0


@dataclass(frozen=True)
class ExportRecordings:
    """Parts of a corpus, as the members' own training divided it.

    Attributes:
        corpus: the target, all of it that can be read.
        auxiliary: corpora that members learnt from besides.
        train: what networks may be calibrated on, with the auxiliary corpora.
        validation: what a variant is chosen on; members may have learnt from it.
        test: what they are measured on.
        unseen: whether the networks were trained without the test part.
    """

    corpus: Corpus
    auxiliary: tuple[Corpus, ...]
    train: tuple[Utterance, ...]
    validation: tuple[Utterance, ...]
    test: tuple[Utterance, ...]
    unseen: bool

    @property
    def learnt(self) -> dict[str, tuple[Utterance, ...]]:
        """What members learnt from or were chosen by, by corpus: all but a test part that they have not seen."""
        own = self.train + self.validation if self.unseen else self.corpus.utterances
        return {self.corpus.name: own} | {one.name: one.utterances for one in self.auxiliary}

    def for_verification(self, count: int) -> list[Utterance]:
        """The test part, and where it has fewer than `count` recordings, of the rest as many as are missing."""
        chosen = list(self.test)
        if len(chosen) < count:
            known = {u.key for u in chosen}
            rest = [u for u in self.corpus.utterances if u.key not in known]
            chosen += spread(rest, count - len(chosen))
        return spread(chosen, max(count, 1))

    def for_calibration(self, count: int) -> list[Utterance]:
        """Up to `count` recordings that were learnt from, of any corpus, drawn at random; none of the test part."""
        return drawn([*self.train, *(u for corpus in self.auxiliary for u in corpus.utterances)], count)


def find_recordings(ensemble: EnsembleFolder, corpus_dir: str | None, progress: Progress) -> ExportRecordings:
    """The corpus of the study an ensemble comes from, divided as there.

    Args:
        corpus_dir: where the corpus lies on this machine; None is where the study found it.

    Raises:
        CorpusError: it is not there; BundleError: its emotions are not the ensemble's.
    """
    settings = _moved(ensemble.settings, corpus_dir)
    window = settings.features.window
    corpus = usable_corpus(settings.corpus, window, progress)
    auxiliary = tuple(usable_corpus(one, window, progress) for one in settings.auxiliary.values())
    if list(corpus.labels) != ensemble.facts.labels:
        raise BundleError(
            f"{corpus.name} has the labels {', '.join(corpus.labels)}, the ensemble "
            f"{', '.join(ensemble.facts.labels)}; name the corpus it was made with by --corpus-dir"
        )
    fold = _fold(corpus, settings)
    parts = [tuple(corpus.utterances[i] for i in part) for part in (fold.train, fold.validation, fold.test)]
    return ExportRecordings(corpus, auxiliary, *parts, unseen=not ensemble.facts.trained_on.startswith("all "))


def read_waveforms(
    utterances: Sequence[Utterance], sample_rate: int, silence: Mapping[str, float] | None = None
) -> list[np.ndarray]:
    """Their samples, each of its own length, without the silence around them where `Facts.silence` is given."""
    found = [audio.read(u.path, sample_rate, u.start, u.end) for u in utterances]
    return [trimmed(one, sample_rate, **silence) for one in found] if silence else found


def drawn(utterances: Sequence[Utterance], count: int, seed: int = SEED) -> list[Utterance]:
    """Up to `count` of them, drawn at random, in their order."""
    chosen = np.random.default_rng(seed).permutation(len(utterances))[:count]
    return [utterances[index] for index in sorted(chosen)]


def spread(utterances: Sequence[Utterance], count: int) -> list[Utterance]:
    """At most `count` of them, evenly over their order."""
    if len(utterances) <= count:
        return list(utterances)
    return [utterances[i] for i in np.linspace(0, len(utterances) - 1, count).astype(int)]


def _moved(settings: StudySettings, corpus_dir: str | None) -> StudySettings:
    if corpus_dir is None:
        return settings
    return settings.model_copy(update={"corpus": settings.corpus.model_copy(update={"folder": corpus_dir})})


def _fold(corpus: Corpus, settings: StudySettings) -> Fold:
    """The division of the protocol that has one network a member, else the first division of the first protocol."""
    divisions = [make_folds(corpus, protocol, settings.split) for protocol in settings.protocols]
    return next((folds[0] for folds in divisions if len(folds) == 1), divisions[0][0])
