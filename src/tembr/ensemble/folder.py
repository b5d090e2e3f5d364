"""An ensemble on disk: all that its export and its reader need, apart from the study it came from.

ensemble.json              members with their weights, temperature, labels, how they were found, metrics
config.toml                settings of the study
members/NAME.safetensors   one network a member; absent where a protocol has a network a fold
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import pandas as pd

from tembr.config import StudySettings, load_settings, write_settings
from tembr.errors import ConfigError, StoreError
from tembr.evaluate.frames import read_frame
from tembr.files import write_bytes
from tembr.member import make_recipe
from tembr.train.ensemble import WeightedEnsemble
from tembr.train.fit import Recipe, load_classifier

FILE = "ensemble.json"


@dataclass(frozen=True)
class EnsembleFacts:
    """What `ensemble.json` says.

    Attributes:
        weights: member → weight; they sum to one.
        temperature: the members' logits are divided by it.
        labels: of the classes, in order.
        corpora: a dict each with name, licence, recordings, speakers, hours: what the members in `members/` learnt
            from.
        trained_on: words: which recordings the networks in `members/` have seen.
        search: what weights and temperature were found on: protocol, part, recordings, trials, seed, l1, objective.
        metrics: protocol → the scores of this recipe under it (`Scores.as_dict()` and folds), on test parts.
    """

    weights: dict[str, float]
    temperature: float
    labels: list[str]
    corpora: list[dict]
    trained_on: str = ""
    search: dict = field(default_factory=dict)
    metrics: dict[str, dict] = field(default_factory=dict)


@dataclass(frozen=True)
class EnsembleFolder:
    """An ensemble read back.

    Attributes:
        folder: where it lies.
        facts: content of `ensemble.json`.
        settings: of the study its members come from.
    """

    folder: Path
    facts: EnsembleFacts
    settings: StudySettings

    @staticmethod
    def read(folder: str | Path) -> EnsembleFolder:
        """Read what `write` left.

        Raises:
            StoreError: no ensemble there, or a damaged one; ConfigError: damaged settings.
        """
        path = Path(folder) / FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = {f.name for f in fields(EnsembleFacts)}
            facts = EnsembleFacts(**{name: value for name, value in content.items() if name in known})
            WeightedEnsemble({}, facts.weights, facts.temperature)
        except FileNotFoundError as error:
            raise StoreError(f"{folder}: no {FILE} there; name a folder that `tembr ensemble` wrote") from error
        except (OSError, ValueError, TypeError, AttributeError, KeyError, ConfigError) as error:
            raise StoreError(f"{path}: damaged ({error}); run `tembr ensemble` again") from error
        return EnsembleFolder(Path(folder), facts, load_settings(Path(folder) / "config.toml"))

    def write(self) -> None:
        """Write settings and facts; the networks are written by who has them (`weights_path`)."""
        write_settings(self.settings, self.folder / "config.toml")
        write_bytes(self.folder / FILE, (json.dumps(asdict(self.facts), indent=1, ensure_ascii=False) + "\n").encode())

    def weights_path(self, member: str) -> Path:
        """Where a member's network lies."""
        return self.folder / "members" / f"{member}.safetensors"

    def recipe(self, member: str) -> Recipe:
        """How a member was made."""
        return make_recipe(self.settings, member, len(self.facts.labels))

    @property
    def comparison(self) -> pd.DataFrame:
        """One row a way of joining and a member, all measured protocols side by side: `comparison.csv`."""
        return self.table("comparison")

    def table(self, name: str, protocol: str | None = None) -> pd.DataFrame:
        """A table of the folder: 'comparison', 'weights', 'mcnemar', 'trials', 'report' or 'probabilities'.

        Args:
            protocol: of the measured ones; by default that of the folder's own tables.

        Raises:
            StoreError: there is no such table.
        """
        inner = self.folder / (protocol or "")
        place = inner if inner.is_dir() else self.folder
        if protocol and protocol not in self.facts.metrics:
            measured = ", ".join(self.facts.metrics)
            raise StoreError(f"{self.folder}: {protocol} is not measured here; choose from {measured}")
        try:
            return read_frame(place / f"{name}.csv", dtype={"fold": str, "speaker": str}, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise StoreError(f"{place / name}.csv: cannot be read ({error}); run `tembr ensemble` again") from error

    def load(self) -> WeightedEnsemble:
        """The ensemble with the networks of all members whose weight is above 0, in evaluation mode.

        Raises:
            StoreError: the networks are not there: the protocol has one a fold; `tembr ensemble --refit` trains one.
        """
        weights = {name: weight for name, weight in self.facts.weights.items() if weight > 0}
        missing = [name for name in weights if not self.weights_path(name).exists()]
        if missing:
            raise StoreError(f"{self.folder}: no network of {', '.join(missing)}; run `tembr ensemble` with --refit")
        members = {name: load_classifier(self.recipe(name), self.weights_path(name)) for name in weights}
        return WeightedEnsemble(members, weights, self.facts.temperature).eval()
