"""A study on disk, as a notebook and an ensemble want it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tembr.arguments import checked
from tembr.extras import needed

with needed("tembr.experiment", "train"):
    import pandas as pd

from tembr.errors import StoreError
from tembr.evaluate.differences import differences_table
from tembr.evaluate.frames import read_frame
from tembr.evaluate.report import read_probabilities
from tembr.evaluate.results import MemberResult, comparison_table, read_member, read_study
from tembr.experiment.settings import StudySettings, load_settings
from tembr.models import MemberSettings

ENSEMBLE = "ensemble"
"""Folder of the ensemble that `tembr ensemble` makes of a study unless it is told another."""


@dataclass(frozen=True)
class Study:
    """What `run_study` left.

    Attributes:
        folder: where it lies.
        settings: what it was made with.
        results: of every member under every protocol.
    """

    folder: Path
    settings: StudySettings
    results: tuple[MemberResult, ...]

    @staticmethod
    @checked()
    def read(folder: str | Path) -> Study:
        """Read back what `run_study` left in `folder`, with the ensemble in its own folder of that name.

        Raises:
            StoreError: there is no study, or no finished member; ConfigError: `config.toml` is damaged.
        """
        folder = Path(folder)
        if (folder / "ensemble.json").exists():
            raise StoreError(f"{folder}: is an ensemble; its figures stand in the study that it was made of, name that")
        settings = study_settings(folder)
        places = [place_of(settings, folder, protocol) for protocol in settings.protocols]
        names = {member_folder(member) for member in settings.members.values()} | {ENSEMBLE}
        finished = [place for place in places if any((place / name / "summary.json").exists() for name in names)]
        results = [result for place in finished or [folder] for result in read_study(place, names)]
        results += [read_member(path) for path in sorted(folder.glob(f"{ENSEMBLE}/*/summary.json"))]
        return Study(folder, settings, tuple(results))

    @property
    def table(self) -> pd.DataFrame:
        """One row a member, all protocols side by side: what `comparison.csv` holds."""
        return comparison_table(self.results)

    @checked()
    def predictions(self, member: str, protocol: str | None = None) -> pd.DataFrame:
        """Posteriors of the recordings a member was tested on, as in `probabilities.csv`."""
        return read_probabilities(self._place(member, protocol))

    @checked()
    def differences(self, protocol: str | None = None) -> pd.DataFrame:
        """How far each two members are apart on the same recordings, as in `differences.csv`."""
        protocol = protocol or self.settings.protocols[0]
        names = [result.member for result in self.results if result.protocol == protocol]
        return differences_table({name: self.predictions(name, protocol) for name in names})

    @checked()
    def history(self, member: str, protocol: str | None = None) -> pd.DataFrame:
        """Losses and measures of each epoch (and fold) of a network."""
        path = self._place(member, protocol) / "history.csv"
        if not path.exists():
            raise StoreError(f"{self.folder}: {member} was fitted in one go and has no epochs; name a network")
        return read_frame(path, dtype={"fold": str})

    def _place(self, member: str, protocol: str | None) -> Path:
        protocol = protocol or self.settings.protocols[0]
        kinds = {r.member: r.kind for r in self.results if r.protocol == protocol}
        if member not in kinds:
            raise StoreError(f"{self.folder}: no {member} under {protocol}; there are {', '.join(kinds) or 'none'}")
        if kinds[member] == "ensemble":
            return place_of(self.settings, self.folder / ENSEMBLE, protocol)
        return place_of(self.settings, self.folder, protocol) / member_folder(self.settings.members[member])


def place_of(settings: StudySettings, folder: Path, protocol: str) -> Path:
    """Folder of a protocol's results: the study's own for the first, one of its name within it for others."""
    return folder if protocol == settings.protocols[0] else folder / protocol


def member_folder(member: MemberSettings) -> str:
    """Name of a member's folder in a study."""
    return f"baseline_{member.name}" if member.baseline else member.name


def study_settings(folder: Path) -> StudySettings:
    """Settings of the study in `folder`.

    Raises:
        StoreError: there is no study.
    """
    if not (folder / "config.toml").exists():
        raise StoreError(f"{folder}: no study there (no config.toml); name a folder that `tembr study --out` wrote")
    return load_settings(folder / "config.toml")
