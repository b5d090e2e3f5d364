"""Which recordings and speakers a bundle learnt from, as digests small enough to travel with it.

training_record.npy: sorted uint64, the first eight bytes of a SHA-256 each. That of a recording is of its samples,
mono and rounded to 16 bits at their own rate: the same in WAV, in FLAC and under any name, another once it is
resampled, cut or coded with losses. That of a speaker is of corpus and name together.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tembr.audio import Stream
from tembr.bundle import BundleError, Facts
from tembr.corpora.corpus import Utterance
from tembr.files import write_bytes

RECORD = "training_record.npy"


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """Digests of all recordings and speakers that a bundle learnt from: `(digests,)` sorted uint64."""

    digests: np.ndarray

    def has(self, digest: int) -> bool:
        at = np.searchsorted(self.digests, np.uint64(digest))
        return bool(at < len(self.digests) and self.digests[at] == np.uint64(digest))


def recording_digest(utterance: Utterance) -> int:
    """Of the samples of an utterance, as this module says; raises AudioError where they cannot be read."""
    digest = hashlib.sha256(b"recording\0")
    with Stream(utterance.path, None, utterance.start, utterance.end) as stream:
        for block in stream:
            digest.update(np.clip(np.rint(block * 32768), -32768, 32767).astype("<i2").tobytes())
    return _first_eight(digest)


def speaker_digest(corpus: str, speaker: str) -> int:
    """Of the name of a speaker within a corpus; the case of the corpus's name does not matter."""
    return _first_eight(hashlib.sha256(f"speaker\0{corpus.casefold()}\0{speaker}".encode(errors="surrogatepass")))


def write_record(
    folder: Path, learnt: Mapping[str, Sequence[Utterance]], progress: Callable[[int, int], None] | None = None
) -> None:
    """Write `training_record.npy` into a bundle's folder, before its facts, which vouch for it.

    Args:
        learnt: corpus → utterances that networks were trained on or chosen by.
        progress: called with recordings done and recordings in all.

    Raises:
        AudioError: a recording cannot be read; StoreError: it cannot be written.
    """
    total = sum(map(len, learnt.values()))
    digests = set()
    for done, digest in enumerate(_digests(learnt), start=1):
        digests |= digest
        if progress:
            progress(done, total)
    content = io.BytesIO()
    np.save(content, np.array(sorted(digests), dtype="<u8"), allow_pickle=False)
    write_bytes(folder / RECORD, content.getvalue())


def read_record(folder: Path, facts: Facts) -> TrainingRecord | None:
    """Read `training_record.npy`; None where the bundle has none.

    Raises:
        BundleError: it is missing although `facts` has it, not what `facts` vouches for, or no such record.
    """
    if RECORD not in facts.hashes:
        return None
    path = folder / RECORD
    try:
        content = path.read_bytes()
        digests = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise BundleError(f"{path}: cannot be read ({error}); copy or export the bundle again") from error
    if hashlib.sha256(content).hexdigest() != facts.hashes[RECORD]:
        raise BundleError(f"{path}: not the file that bundle.json vouches for; copy or export the bundle again")
    if digests.dtype != np.dtype("<u8") or digests.ndim != 1:
        raise BundleError(f"{path}: {digests.dtype} {digests.shape} are no digests; export the bundle again")
    return TrainingRecord(digests)


def _digests(learnt: Mapping[str, Sequence[Utterance]]) -> Iterator[set[int]]:
    """Of each utterance: its own digest and its speaker's."""
    for corpus, utterances in learnt.items():
        for utterance in utterances:
            speaker = {speaker_digest(corpus, utterance.speaker)} if utterance.speaker else set()
            yield {recording_digest(utterance)} | speaker


def _first_eight(digest) -> int:
    return int.from_bytes(digest.digest()[:8], "big")
