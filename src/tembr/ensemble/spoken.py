"""All recordings of a study as embeddings of fitted members, and the speaker space of those that were learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tembr.ensemble.projection import Embedded, SpeakerSpace, fit_speaker_space
from tembr.ensemble.relative import Moments, RelativeLogits, fit_relative, moments_of, sum_of
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
        moments: of the target's voices and of the other corpora, by their places; filled as they are asked for.
    """

    recordings: Recordings
    embedded: Embedded
    uncompensated: np.ndarray
    copies: np.ndarray
    moments: dict[bytes, Moments | None] = field(default_factory=dict)

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
        usable = (np.isin(recordings.originals, learnt) | (recordings.corpora > 0)) & (recordings.classes >= 0)
        groups = 2 * recordings.corpora + (recordings.channels != "")
        found = []
        for group in np.unique(groups[usable]):
            own = np.flatnonzero(usable & (groups == group))
            if moments := self._target(own) if group < 2 else self._once(own, lambda own=own: self._summed(own)):
                found.append((moments, settings.others if group > 1 else 1.0))
        return fit_relative(found, temperature) if any(share > 0 for _, share in found) else None

    def _target(self, places: np.ndarray) -> Moments | None:
        """Of recordings of the target, of whose voices now these are learnt from and now those."""
        own = [self._once(one, lambda one=one: self._voice(one)) for one in self._voices(places)]
        return sum_of(own)

    def _summed(self, places: np.ndarray) -> Moments | None:
        return sum_of(self._voice(one) for one in self._voices(places))

    def _voices(self, places: np.ndarray) -> Iterator[np.ndarray]:
        """Those of each voice."""
        speakers = self.recordings.speakers[places]
        return (places[speakers == speaker] for speaker in np.unique(speakers))

    def _voice(self, places: np.ndarray) -> Moments | None:
        layers, classes = self.embedded.at(places).layers, self.recordings.classes[places]
        return moments_of(layers, classes, len(self.recordings.labels))

    def _once(self, places: np.ndarray, compute: Callable[[], Moments | None]) -> Moments | None:
        key = places.tobytes()
        if key not in self.moments:
            self.moments[key] = compute()
        return self.moments[key]


def embedded(members: Sequence[Member], recordings: Recordings, indices: np.ndarray) -> Embedded:
    """Embeddings of the members for the recordings at `indices`."""
    return Embedded.of([member.answer(recordings.tables, indices)[1] for member in members])
