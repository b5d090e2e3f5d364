"""All recordings of a study as embeddings of fitted members, and the speaker space of those that were learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tembr.ensemble.projection import Embedded, Projection, SpeakerSpace, corpus_shares, fit_speaker_space
from tembr.ensemble.relative import Moments, fit_relative, moments_of, sum_of
from tembr.ensemble.settings import EnsembleSettings
from tembr.experiment.recordings import Recordings
from tembr.models import Member


@dataclass(frozen=True, eq=False)
class EmbeddedRecordings:
    """Recordings with their embeddings, computed once.

    Attributes:
        recordings: of the study.
        embedded: of all of them.
        uncompensated: first vectors of the target's copies, whatever channel they came through, `(n, size)`.
        copies: places of these.
        moments: of the target's voices and of the other corpora, by their places; filled as they are asked for.
    """

    recordings: Recordings
    embedded: Embedded
    uncompensated: np.ndarray
    copies: np.ndarray
    moments: dict[bytes, Moments | None] = field(default_factory=dict)

    @staticmethod
    def of(members: Sequence[Member], recordings: Recordings) -> EmbeddedRecordings:
        """As the members hear them.

        Args:
            members: that have an embedding.
        """
        copies = recordings.copies_of(np.flatnonzero(recordings.corpora == 0))
        everything = embedded(members, recordings, np.arange(len(recordings.utterances)))
        through = [member.uncompensated() for member in members]
        first = embedded(through, recordings, copies).first if len(copies) else np.empty((0, 0))
        return EmbeddedRecordings(recordings, everything, first, copies)

    def space(self, learnt: np.ndarray, settings: EnsembleSettings, temperature: float) -> SpeakerSpace:
        """The speaker space of the target's recordings at `learnt`, of all their copies, which count as much, and of
        other corpora, each of which counts `settings.others` however many speakers it has.

        A voice through a telephone or the like, not compensated for, is one of its own: more voices to learn from how
        these differ.

        Args:
            temperature: of the ensemble.
        """
        recordings = self.recordings
        copies, places = recordings.copies_of(learnt), learnt
        if settings.others:
            others = (recordings.corpora > 0) & (recordings.channels == "") & (recordings.classes >= 0)
            places = np.concatenate([learnt, np.flatnonzero(others)])
        shares = corpus_shares(recordings.speakers[places], recordings.corpora[places], settings.others)
        first = self.embedded.at(places).first
        if len(copies):
            first = np.concatenate([first, self.uncompensated[np.searchsorted(self.copies, copies)]])
        places = np.concatenate([places, copies])
        shares = np.concatenate([shares, np.full(len(copies), len(learnt) / max(len(copies), 1))])
        space = fit_speaker_space(
            first,
            recordings.classes[places],
            recordings.speakers[places],
            len(recordings.labels),
            settings.dimensions,
            settings.shrinkage,
            shares,
        )
        return replace(space, relative=self._relative(learnt, settings, temperature))

    def _relative(self, learnt: np.ndarray, settings: EnsembleSettings, temperature: float) -> Projection | None:
        """From all that may be learnt from; copies of a corpus count as much as its recordings."""
        if not settings.relative_share:
            return None
        recordings = self.recordings
        usable = (np.isin(recordings.originals, learnt) | (recordings.corpora > 0)) & (recordings.classes >= 0)
        groups = 2 * recordings.corpora + (recordings.channels != "")
        found = []
        for group in np.unique(groups[usable]):
            own = np.flatnonzero(usable & (groups == group))
            kept = self._voices(own) if group < 2 else [own]  # of the target now these are learnt from and now those
            if moments := sum_of(map(self._moments, kept)):
                found.append((moments, settings.others if group > 1 else 1.0))
        return fit_relative(found, temperature) if any(share > 0 for _, share in found) else None

    def _moments(self, places: np.ndarray) -> Moments | None:
        """Of all voices at these places; computed once."""
        key = places.tobytes()
        if key not in self.moments:
            self.moments[key] = sum_of(map(self._of_voice, self._voices(places)))
        return self.moments[key]

    def _of_voice(self, places: np.ndarray) -> Moments | None:
        vectors, classes = self.embedded.at(places).vectors, self.recordings.classes[places]
        return moments_of(vectors, classes, len(self.recordings.labels))

    def _voices(self, places: np.ndarray) -> Iterator[np.ndarray]:
        """Places of each voice."""
        speakers = self.recordings.speakers[places]
        return (places[speakers == speaker] for speaker in np.unique(speakers))


def embedded(members: Sequence[Member], recordings: Recordings, indices: np.ndarray) -> Embedded:
    """Embeddings of the members for the recordings at `indices`."""
    return Embedded.of([member.answer(recordings.tables, indices)[1] for member in members])
