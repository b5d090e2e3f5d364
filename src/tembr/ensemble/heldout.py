"""What the members say about recordings none of them was trained on, read from the study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from tembr.ensemble.members import StudyMember, StudyProtocol
from tembr.ensemble.part import Part
from tembr.errors import StoreError
from tembr.experiment.heldout import FILE, FoldLogits
from tembr.files import digest, sha256


@dataclass(frozen=True, eq=False)
class FoldParts:
    """A fold: what may be chosen on, and what is measured on. Members were trained on neither."""

    name: str
    heldout: Part
    test: Part


@dataclass(frozen=True, eq=False)
class HeldOut:
    """All that an ensemble is found and measured with under one protocol.

    Attributes:
        members: names, in the order of the logits.
        folds: of the protocol.
        identity: digest of the logits, the recordings and the folds.
    """

    members: tuple[str, ...]
    folds: tuple[FoldParts, ...]
    identity: str

    @property
    def pooled(self) -> Part:
        """Held-out parts of all folds as one; each recording as the members of that fold answer it."""
        parts = [fold.heldout for fold in self.folds]
        joined = [np.concatenate([getattr(p, name) for p in parts]) for name in ("classes", "speakers", "indices")]
        return Part(np.concatenate([p.logits for p in parts], axis=1), *joined)


def read_heldout(protocol: StudyProtocol, members: Sequence[StudyMember]) -> HeldOut:
    """Logits of every member on the held-out and the test part of every fold.

    Of the held-out recordings those are taken that every member has.

    Raises:
        StoreError: a member's logits are missing, damaged, or of other recordings.
    """
    folds = tuple(_fold(protocol, number, members) for number in range(len(protocol.folds)))
    recordings = [(u.key, u.emotion, u.speaker) for u in protocol.utterances]
    files = [sha256(folder / FILE) for member in members for folder in member.folds]
    names = [member.name for member in members]
    return HeldOut(tuple(names), folds, digest(repr([names, files, recordings]).encode()))


def _fold(protocol: StudyProtocol, number: int, members: Sequence[StudyMember]) -> FoldParts:
    fold = protocol.folds[number]
    logits = [FoldLogits.read(member.folds[number]) for member in members]
    for member, one in zip(members, logits):
        if not np.array_equal(one.test, fold.test) or one.test_logits.shape[1] != len(protocol.labels):
            raise StoreError(
                f"{member.folds[number]}: answers other recordings than the study now has; remove {member.folder} and "
                "run the study again"
            )
        if not (np.isfinite(one.heldout_logits).all() and np.isfinite(one.test_logits).all()):
            raise StoreError(
                f"{member.folds[number]}: {member.name} gives NaN or infinite logits; remove {member.folder} and run "
                "the study again"
            )
    common = reduce(np.intersect1d, [one.heldout for one in logits])
    heldout = np.stack([one.heldout_logits[_places(one.heldout, common)] for one in logits])
    test = np.stack([one.test_logits for one in logits])
    return FoldParts(fold.name, _part(protocol, heldout, common), _part(protocol, test, fold.test))


def _places(indices: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    order = np.argsort(indices)
    return order[np.searchsorted(indices, wanted, sorter=order)]


def _part(protocol: StudyProtocol, logits: np.ndarray, indices: np.ndarray) -> Part:
    speakers = np.array([protocol.utterances[i].speaker for i in indices])
    return Part(logits, protocol.classes[indices], speakers, indices)
