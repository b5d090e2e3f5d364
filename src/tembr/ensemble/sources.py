"""What a study offers an ensemble: its recordings and folds, and the members it has finished."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tembr.config import StudySettings, load_settings
from tembr.corpora.corpus import Utterance
from tembr.corpora.splits import Fold
from tembr.emotions import ordered
from tembr.ensemble.settings import DEFAULT_MEMBERS, EnsembleSettings
from tembr.errors import ConfigError, StoreError
from tembr.evaluate.frames import read_frame
from tembr.evaluate.results import MemberResult, read_member
from tembr.member import fold_folder
from tembr.study import place_of


@dataclass(frozen=True)
class Division:
    """One protocol as the study ran it.

    Attributes:
        protocol: its name.
        place: the study's folder of its results.
        utterances: of the study, in its order; without paths.
        labels: of the classes, in order.
        folds: with indices into `utterances`.
    """

    protocol: str
    place: Path
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    folds: tuple[Fold, ...]

    @property
    def classes(self) -> np.ndarray:
        """Class index of each utterance, `(n,)`."""
        return np.array([self.labels.index(u.emotion) for u in self.utterances])


@dataclass(frozen=True)
class Source:
    """A finished member under one protocol.

    Attributes:
        name: of its representation.
        folder: of its results.
        networks: file of its network in each fold.
        result: what it achieved.
    """

    name: str
    folder: Path
    networks: tuple[Path, ...]
    result: MemberResult


def study_settings(folder: Path) -> StudySettings:
    """Settings of the study in `folder`.

    Raises:
        StoreError: there is no study.
    """
    if not (folder / "config.toml").exists():
        raise StoreError(f"{folder}: no study there (no config.toml); name a folder that `tembr study --out` wrote")
    return load_settings(folder / "config.toml")


def read_division(settings: StudySettings, folder: Path, protocol: str) -> Division:
    """The recordings and folds a study wrote down.

    Raises:
        StoreError: the study did not get as far, or its tables are damaged.
    """
    place = place_of(settings, folder, protocol)
    try:
        utterances = _utterances(folder / "dataset_info.csv")
        folds = _folds(place / "splits.csv", [u.key for u in utterances])
    except (OSError, ValueError, KeyError, AttributeError) as error:
        what = f"{place}: no recordings and splits of the {protocol} protocol ({error})"
        raise StoreError(f"{what}; train: {training_command(settings, folder, protocol)}") from error
    return Division(protocol, place, utterances, ordered(u.emotion for u in utterances), folds)


def training_command(settings: StudySettings, folder: Path, protocol: str, members: Sequence[str] = ()) -> str:
    """The command that continues a study with other members or another protocol."""
    protocols = dict.fromkeys([*settings.protocols, protocol])
    more = f" --protocol {','.join(protocols)}" if protocol not in settings.protocols else ""
    more += f" --representation {','.join(members)}" if members else ""
    return f"tembr study --config {folder}/config.toml --out {folder}{more}"


def finished_networks(division: Division) -> dict[str, Source]:
    """Every member with a network under the protocol that is trained and measured, by name."""
    found = {}
    for path in sorted(division.place.glob("*/summary.json")):
        result = read_member(path)
        if result.kind == "network":
            found[result.member] = Source(result.member, path.parent, _networks(path.parent, division.folds), result)
    return found


def choose(division: Division, settings: EnsembleSettings, study: StudySettings, folder: Path) -> list[Source]:
    """The members of the study in `folder` that `settings` ask for.

    Raises:
        StoreError: one is not finished; the message says which there are and how to train it.
        ConfigError: fewer than `settings.best`.
    """
    there = finished_networks(division)
    wanted = settings.members or (tuple(there) if settings.best else DEFAULT_MEMBERS)
    missing = [name for name in wanted if name not in there]
    if missing or not wanted:
        command = training_command(study, folder, division.protocol, missing or DEFAULT_MEMBERS)
        raise StoreError(
            f"{division.place}: no finished {', '.join(missing) or 'member'} under {division.protocol}; "
            f"there {_are(there)}; choose with --members, or train: {command}"
        )
    if settings.best > len(wanted):
        raise ConfigError(f"best {settings.best} of {len(wanted)} members ({', '.join(wanted)}); choose fewer")
    _check_networks([there[name] for name in wanted])
    return [there[name] for name in wanted]


def _check_networks(sources: Sequence[Source]) -> None:
    for source in sources:
        lost = [path for path in source.networks if not path.exists()]
        if lost:
            raise StoreError(
                f"{lost[0]}: missing; remove {source.folder} and run the study again, which trains it anew"
            )


def _are(there: dict[str, Source]) -> str:
    return f"are {', '.join(there)}" if len(there) > 1 else f"is {next(iter(there), 'none')}"


def _networks(folder: Path, folds: Sequence[Fold]) -> tuple[Path, ...]:
    return tuple(fold_folder(folder, len(folds), fold.name) / "model.safetensors" for fold in folds)


def _utterances(path: Path) -> tuple[Utterance, ...]:
    table = read_frame(path, dtype=str, keep_default_na=False)
    return tuple(
        Utterance(
            row.file,
            Path(),
            row.emotion,
            row.speaker,
            row.gender,
            start=float(row.start or 0),
            end=float(row.end) if row.end else None,
        )
        for row in table.itertuples()
    )


def _folds(path: Path, keys: list[str]) -> tuple[Fold, ...]:
    table = read_frame(path, dtype=str, keep_default_na=False)
    position = {key: number for number, key in enumerate(keys)}
    table["position"] = [position[key] for key in table["file"]]
    folds = []
    for name, rows in table.groupby("fold", sort=False):
        parts = {part: np.sort(mine["position"].to_numpy()) for part, mine in rows.groupby("part")}
        folds.append(Fold(str(name), parts["train"], parts["validation"], parts["test"]))
    return tuple(folds)
