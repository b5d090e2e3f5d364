"""What of a corpus a bundle was trained on: figures on that say nothing about new voices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tembr.corpora.corpus import Corpus, Utterance
from tembr.errors import AudioError
from tembr.recognize.batch import in_order
from tembr.recognize.network import Network
from tembr.training_record import TrainingRecord, read_record, recording_digest, speaker_digest


@dataclass(frozen=True)
class Overlap:
    """What a bundle's training and a corpus have in common.

    Attributes:
        corpus: name of the corpus.
        named: whether the bundle says that it was trained on a corpus of this name.
        total, speakers: recordings of the corpus, and speakers that have a name.
        recordings: how many of them it was trained on, by content; None where the bundle has no record of that.
        trained_speakers: speakers of a corpus of this name that it was trained on; None as before.
    """

    corpus: str
    named: bool
    total: int
    speakers: int
    recordings: int | None = None
    trained_speakers: tuple[str, ...] | None = None

    @property
    def trained(self) -> bool:
        """Whether the corpus, or a part of it, was trained on: by content and speakers where these are known."""
        return self.named if self.recordings is None else bool(self.recordings or self.trained_speakers)

    def as_dict(self) -> dict:
        """`trained_on_this_corpus`, and `trained_on`: by name, content and speaker; null where that is not known."""
        known = None if self.trained_speakers is None else list(self.trained_speakers)
        found = {"corpus_of_this_name": self.named, "recordings": self.recordings, "speakers": known}
        return {"trained_on_this_corpus": self.trained, "trained_on": found}

    def said(self) -> str:
        """A sentence for people, empty where nothing was trained on."""
        if not self.trained:
            return ""
        return f"the bundle was trained on {self._what()}: the figures say nothing about new voices"

    def _what(self) -> str:
        if self.recordings is None:
            return f"this corpus ({self.corpus})"
        heard = f"{len(self.trained_speakers)} of these {self.speakers} speakers"
        if not self.recordings:
            return f"other recordings, or other forms of these, of {heard}"
        return f"{self.recordings:,} of these {self.total:,} recordings" + (
            f" and {heard}" if self.trained_speakers else ""
        )


def overlap(
    network: Network, corpus: Corpus, threads: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Overlap:
    """Compare a corpus with what a bundle says of its training; recordings are read where it has a record of them.

    Args:
        threads: recordings read at once; None is one for each core.
        progress: called with recordings done and recordings in all.

    Raises:
        BundleError: the record is not what the bundle vouches for.
    """
    names = {str(each.get("name", "")).casefold() for each in network.facts.corpora if isinstance(each, dict)}
    speakers = sorted(set(corpus.speakers) - {""})
    found = Overlap(corpus.name, corpus.name.casefold() in names, len(corpus), len(speakers))
    record = read_record(network.folder, network.facts)
    if record is None:
        return found
    known = tuple(name for name in speakers if record.has(speaker_digest(corpus.name, name)))
    count = _recordings(record, corpus, threads, progress)
    return Overlap(found.corpus, found.named, found.total, found.speakers, count, known)


def _recordings(record: TrainingRecord, corpus: Corpus, threads: int | None, progress) -> int:
    """How many of a corpus are in a record; what cannot be read is in none."""

    def has(utterance: Utterance) -> bool:
        try:
            return record.has(recording_digest(utterance))
        except AudioError:
            return False

    count = 0
    for done, found in enumerate(in_order(has, corpus.utterances, threads), start=1):
        count += found
        if progress:
            progress(done, len(corpus))
    return count
