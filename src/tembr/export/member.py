"""One member of a study, seen as an ensemble of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tembr.ensemble.folder import EnsembleFacts, EnsembleFolder
from tembr.errors import StoreError
from tembr.evaluate.results import MemberResult
from tembr.experiment.study import Study, member_folder, place_of
from tembr.models.base import WEIGHTS


@dataclass(frozen=True)
class MemberFolder(EnsembleFolder):
    """A trained member where its study left it.

    Attributes:
        weights: its file.
    """

    weights: Path

    def weights_path(self, member: str) -> Path:
        return self.weights


def read_member_folder(study: str | Path, member: str) -> MemberFolder:
    """A member of a study, with the figures of all protocols it was measured under.

    Raises:
        StoreError: no study there, no such member, or it has a fitting a fold and none to ship.
    """
    read = Study.read(study)
    found = [r for r in read.results if r.member == member and member in read.settings.members]
    if not found:
        names = dict.fromkeys(r.member for r in read.results if r.member in read.settings.members)
        raise StoreError(f"{study}: no member {member!r}; it has {', '.join(names) or 'none'}")
    single = next((r for r in found if r.summary["folds"] == 1), None)
    if single is None:
        raise StoreError(
            f"{study}: {member} has a fitting a fold and none to ship; study it by --protocol random as well, "
            "or use `tembr ensemble --refit`"
        )
    folder = member_folder(read.settings.members[member])
    path = place_of(read.settings, read.folder, single.protocol) / folder / WEIGHTS
    return MemberFolder(read.folder, _facts(member, single, found), read.settings, path)


def _facts(member: str, single: MemberResult, found: list[MemberResult]) -> EnsembleFacts:
    return EnsembleFacts(
        weights={member: 1.0},
        temperature=1.0,
        labels=list(single.summary["labels"]),
        corpora=[],
        trained_on=f"the training part of the {single.protocol} protocol",
        metrics={r.protocol: r.summary for r in found},
    )
