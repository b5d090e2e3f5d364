"""All recordings of a study as embeddings of fitted members, and the speaker space of those that were learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tembr.ensemble.projection import Embedded, SpeakerSpace, fit_speaker_space
from tembr.ensemble.relative import RelativeLogits, fit_relative
from tembr.ensemble.settings import EnsembleSettings
from tembr.experiment.recordings import Recordings
from tembr.models import Member


@dataclass(frozen=True, eq=False)
class Spoken:
    """Recordings with their embeddings, computed once.

    Attributes:
        recordings: of the study.
        embedded: of all of them.
        uncompensated: first layers of the target's copies, whatever channel they came through, `(n, size)`.
        copies: places of these.
    """

    recordings: Recordings
    embedded: Embedded
    uncompensated: np.ndarray
    copies: np.ndarray

    @staticmethod
    def of(members: Sequence[Member], recordings: Recordings) -> Spoken:
        """As the members hear them.

        Args:
            members: that have an embedding.
        """
        copies, _ = recordings.copies_of(np.flatnonzero(recordings.corpora == 0))
        everything = embedded(members, recordings, np.arange(len(recordings.utterances)))
        through = [member.uncompensated() for member in members]
        lowest = embedded(through, recordings, copies).lowest if len(copies) else np.empty((0, 0))
        return Spoken(recordings, everything, lowest, copies)

    def space(self, learnt: np.ndarray, settings: EnsembleSettings, temperature: float) -> SpeakerSpace:
        """The speaker space of the target's recordings at `learnt` and of all their copies, which count as much.

        A voice through a telephone or the like, not compensated for, is one of its own: more voices to learn from how
        these differ.

        Args:
            temperature: of the ensemble.
        """
        recordings = self.recordings
        copies, channels = recordings.copies_of(learnt)
        places, groups = np.concatenate([learnt, copies]), np.concatenate([np.full(len(learnt), ""), channels])
        shares = np.concatenate([np.ones(len(learnt)), np.full(len(copies), len(learnt) / max(len(copies), 1))])
        lowest = self.embedded.at(learnt).lowest
        if len(copies):
            lowest = np.concatenate([lowest, self.uncompensated[np.searchsorted(self.copies, copies)]])
        space = fit_speaker_space(
            lowest,
            recordings.classes[places],
            recordings.speakers[places],
            groups,
            len(recordings.labels),
            settings.dimensions,
            settings.shrinkage,
            shares,
        )
        return replace(space, relative=self._relative(learnt, settings, temperature))

    def _relative(self, learnt: np.ndarray, settings: EnsembleSettings, temperature: float) -> RelativeLogits | None:
        """From all that may be learnt from; copies of a corpus count as much as its recordings."""
        if not settings.relative_share:
            return None
        recordings = self.recordings
        usable = np.isin(recordings.originals, learnt) | (recordings.corpora > 0)
        places = np.flatnonzero(usable & (recordings.classes >= 0))
        corpora, copied = recordings.corpora[places], recordings.channels[places] != ""
        importance = {int(c): settings.others if c else 1.0 for c in np.unique(corpora)}
        return fit_relative(
            self.embedded.at(places).layers,
            recordings.classes[places],
            recordings.speakers[places],
            2 * corpora + copied,
            {2 * corpus + copy: share for corpus, share in importance.items() for copy in (0, 1)},
            len(recordings.labels),
            temperature,
        )


def embedded(members: Sequence[Member], recordings: Recordings, indices: np.ndarray) -> Embedded:
    """Embeddings of the members for the recordings at `indices`."""
    return Embedded.of([member.answer(recordings.tables, indices)[1] for member in members])
