"""What a study offers an ensemble: its recordings and folds, and the members it has finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tembr.corpora.corpus import Corpus, Utterance
from tembr.ensemble.settings import DEFAULT_MEMBERS, EnsembleSettings
from tembr.errors import ConfigError, StoreError
from tembr.evaluate.results import MemberResult, read_member
from tembr.experiment.member import fold_folder
from tembr.experiment.recordings import LISTED, read_listed
from tembr.experiment.settings import StudySettings
from tembr.experiment.study import place_of
from tembr.models.base import WEIGHTS
from tembr.splits import Fold, make_folds


@dataclass(frozen=True)
class StudyProtocol:
    """One protocol as the study ran it.

    Attributes:
        name: of the protocol.
        place: the study's folder of its results.
        corpus: the target; its utterances have no paths.
        folds: with indices into them.
    """

    name: str
    place: Path
    corpus: Corpus
    folds: tuple[Fold, ...]

    @property
    def utterances(self) -> tuple[Utterance, ...]:
        return self.corpus.utterances

    @property
    def labels(self) -> tuple[str, ...]:
        return self.corpus.labels

    @property
    def classes(self) -> np.ndarray:
        """Class index of each utterance, `(n,)`."""
        return np.array([self.labels.index(u.emotion) for u in self.utterances])


@dataclass(frozen=True)
class StudyMember:
    """A finished member under one protocol.

    Attributes:
        name: of the member.
        folder: of its results.
        folds: folder of each fold.
        result: what it achieved.
    """

    name: str
    folder: Path
    folds: tuple[Path, ...]
    result: MemberResult

    @property
    def weights(self) -> tuple[Path, ...]:
        """Its `model.safetensors` of each fold."""
        return tuple(folder / WEIGHTS for folder in self.folds)


def read_protocol(settings: StudySettings, folder: Path, protocol: str) -> StudyProtocol:
    """The recordings of a study, divided as it divided them.

    Raises:
        StoreError: the study did not get as far, or its tables are damaged.
    """
    place = place_of(settings, folder, protocol)
    try:
        corpus = Corpus(settings.corpus.name, read_listed(folder / LISTED))
        if not (place / "splits.csv").exists():
            raise ValueError("no splits.csv")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        what = f"{place}: no recordings and splits of the {protocol} protocol ({error})"
        raise StoreError(f"{what}; train: {training_command(settings, folder, protocol)}") from error
    return StudyProtocol(protocol, place, corpus, tuple(make_folds(corpus, protocol, settings.split)))


def training_command(settings: StudySettings, folder: Path, protocol: str, members: Sequence[str] = ()) -> str:
    """The command that continues a study with other members or another protocol."""
    protocols = dict.fromkeys([*settings.protocols, protocol])
    more = f" --protocol {','.join(protocols)}" if protocol not in settings.protocols else ""
    more += f" --member {','.join(members)}" if members else ""
    return f"tembr study --config {folder}/config.toml --out {folder}{more}"


def finished_members(protocol: StudyProtocol) -> dict[str, StudyMember]:
    """Every member that is fitted and measured under the protocol, by name; baselines are left out."""
    found = {}
    for path in sorted(protocol.place.glob("*/summary.json")):
        result = read_member(path)
        if result.kind not in ("baseline", "ensemble"):
            folders = tuple(fold_folder(path.parent, len(protocol.folds), fold.name) for fold in protocol.folds)
            found[result.member] = StudyMember(result.member, path.parent, folders, result)
    return found


def choose(
    protocol: StudyProtocol, settings: EnsembleSettings, study: StudySettings, folder: Path
) -> list[StudyMember]:
    """The members of the study in `folder` that `settings` ask for.

    Raises:
        StoreError: one is not finished; the message says which there are and how to train it.
        ConfigError: fewer than `settings.best`, or a baseline is asked for.
    """
    there = finished_members(protocol)
    wanted = settings.members or _default(there, settings)
    missing = [name for name in wanted if name not in there]
    compared = [name for name in missing if name in study.members and study.members[name].baseline]
    if compared:
        raise ConfigError(f"{', '.join(compared)}: baselines are compared with, and not joined; choose other --members")
    if missing or not wanted:
        command = training_command(study, folder, protocol.name, missing or DEFAULT_MEMBERS)
        raise StoreError(
            f"{protocol.place}: no finished {', '.join(missing) or 'member'} under {protocol.name}; "
            f"there {_are(there)}; choose with --members, or train: {command}"
        )
    if settings.best > len(wanted):
        raise ConfigError(f"best {settings.best} of {len(wanted)} members ({', '.join(wanted)}); choose fewer")
    return [there[name] for name in wanted]


def _default(there: dict[str, StudyMember], settings: EnsembleSettings) -> tuple[str, ...]:
    """mel, MFCC and chroma where they are finished, or any of them is; else all there are."""
    if settings.best or not set(DEFAULT_MEMBERS) & set(there):
        return tuple(there)
    return DEFAULT_MEMBERS


def _are(there: dict[str, StudyMember]) -> str:
    return f"are {', '.join(there)}" if len(there) > 1 else f"is {next(iter(there), 'none')}"
