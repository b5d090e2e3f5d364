"""An ensemble on disk: all that its export and its reader need, apart from the study it came from.

ensemble.json              members with their weights, temperature, labels, how they were found, metrics
config.toml                settings of the study
members/NAME.safetensors   one a member; absent where a protocol has a fitting a fold
speakers.safetensors       how speakers differ, see `SpeakerSpace`; only where a member has an embedding
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tembr.ensemble.joined import Ensemble, join
from tembr.ensemble.projection import Projection, SpeakerSpace
from tembr.ensemble.weighted import WeightedEnsemble
from tembr.errors import ConfigError, StoreError
from tembr.evaluate.frames import read_frame
from tembr.experiment.settings import StudySettings, load_settings, write_settings
from tembr.files import atomic_write, json_bytes, write_bytes
from tembr.models import Member, load_member

FILE, SPEAKERS = "ensemble.json", "speakers.safetensors"
STATISTICS = ("means", "spread")
"""Arrays of a `SpeakerSpace` beside its projection."""

RELATIVE = "relative."
"""Before the names of its relative logits' arrays."""


@dataclass(frozen=True)
class AdaptationFacts:
    """How an ensemble adapts to a speaker.

    Attributes:
        recordings: that its metrics were adapted to.
        offset_prior, mixture_prior, speaker_prior, speaker_share, within_prior: see `EnsembleSettings`.
        typical: see `tembr.adaptation.offset.Offsets`.
        relative_typical, relative_share, relative_prior: see `tembr.adaptation.relative.Relative`; empty where there
            are no relative logits.
        strength: see `tembr.adaptation.fitting.Knowledge`.
        temperature: adapted logits are divided by it.
        metrics: protocol → scores of adapted answers.
    """

    recordings: int
    offset_prior: float
    mixture_prior: float
    typical: list[list[float]]
    speaker_prior: float
    speaker_share: float
    strength: float
    temperature: float
    metrics: dict[str, dict] = field(default_factory=dict)
    relative_typical: list[list[float]] = field(default_factory=list)
    relative_share: float = 0.0
    relative_prior: float = 0.0
    within_prior: float = inf


@dataclass(frozen=True)
class EnsembleFacts:
    """What `ensemble.json` says.

    Attributes:
        weights: member → weight; they sum to one.
        temperature: the members' logits are divided by it.
        labels: of the classes, in order.
        corpora: a dict each with name, licence, recordings, speakers, hours: what the members in `members/` learnt
            from, the target first.
        trained_on: words: which recordings the members in `members/` have seen.
        search: what weights and temperature were found on: protocol, part, recordings, trials, seed, l1, objective.
        metrics: protocol → the scores of this recipe under it (`Scores.as_dict()` and folds), on test parts.
        combiners: protocol → accuracy and UAR of every way of joining the members, on the same recordings.
        adaptation: how it adapts to a speaker; None where that was not measured.
        set_thresholds: of prediction sets, speaker-independent and adapted, see `tembr.evaluate.conformal.LEVELS`.
    """

    weights: dict[str, float]
    temperature: float
    labels: list[str]
    corpora: list[dict]
    trained_on: str = ""
    search: dict = field(default_factory=dict)
    metrics: dict[str, dict] = field(default_factory=dict)
    combiners: dict[str, dict] = field(default_factory=dict)
    adaptation: AdaptationFacts | None = None
    set_thresholds: dict[str, list[float]] = field(default_factory=dict)


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
            if facts.adaptation:
                facts = EnsembleFacts(**vars(facts) | {"adaptation": AdaptationFacts(**facts.adaptation)})
            WeightedEnsemble(facts.weights, facts.temperature)
        except FileNotFoundError as error:
            raise StoreError(f"{folder}: no {FILE} there; name a folder that `tembr ensemble` wrote") from error
        except (OSError, ValueError, TypeError, AttributeError, KeyError, ConfigError) as error:
            raise StoreError(f"{path}: damaged ({error}); run `tembr ensemble` again") from error
        return EnsembleFolder(Path(folder), facts, load_settings(Path(folder) / "config.toml"))

    def write(self, space: SpeakerSpace | None = None) -> None:
        """Write settings, speaker space and facts; the members are written by who has them (`weights_path`)."""
        write_settings(self.settings, self.folder / "config.toml")
        (self.folder / SPEAKERS).unlink(missing_ok=True)
        if space is not None:
            write_space(space, self.folder / SPEAKERS)
        write_bytes(self.folder / FILE, json_bytes(asdict(self.facts)))

    def weights_path(self, member: str) -> Path:
        """Where a member's weights lie."""
        return self.folder / "members" / f"{member}.safetensors"

    @property
    def comparison(self) -> pd.DataFrame:
        """One row a way of joining and a member, all measured protocols side by side: `comparison.csv`."""
        return self.table("comparison")

    def table(self, name: str, protocol: str | None = None) -> pd.DataFrame:
        """A table of the folder: 'comparison', 'weights', 'mcnemar', 'trials', 'report', 'probabilities', 'adapted',
        'answers' (of every way of joining).

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

    def space(self) -> SpeakerSpace | None:
        """How speakers differ; None where no member has an embedding, or adapting was not measured."""
        path = self.folder / SPEAKERS
        return read_space(path) if self.facts.adaptation and path.exists() else None

    def load(self) -> Ensemble:
        """The ensemble of all members whose weight is above 0.

        Raises:
            StoreError: members are not there: the protocol has a fitting a fold; `tembr ensemble --refit` fits one.
        """
        weights = {name: weight for name, weight in self.facts.weights.items() if weight > 0}
        missing = [name for name in weights if not self.weights_path(name).exists()]
        if missing:
            raise StoreError(f"{self.folder}: no weights of {', '.join(missing)}; run `tembr ensemble` with --refit")
        space = self.space()
        weighted, members = WeightedEnsemble(weights, self.facts.temperature), [self.member(name) for name in weights]
        return join(members, weighted, space.projection, space.relative) if space else join(members, weighted)

    def member(self, name: str) -> Member:
        """A member; raises StoreError as `load` does."""
        settings = self.settings.members[name]
        return load_member(settings, self.settings.features, self.facts.labels, self.weights_path(name))


def write_space(space: SpeakerSpace, path: Path) -> None:
    """Write a speaker space as safetensors."""
    values = {name: tensor.numpy() for name, tensor in space.projection.state_dict().items()}
    values |= {name: getattr(space, name) for name in STATISTICS}
    if space.relative is not None:
        values |= {RELATIVE + name: tensor.numpy() for name, tensor in space.relative.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in values.items()}, temporary)


def read_space(path: Path) -> SpeakerSpace:
    """Read what `write_space` left.

    Raises:
        StoreError: it is damaged.
    """
    try:
        values = load_file(path)
        statistics = [values.pop(name) for name in STATISTICS]
        state = {name: torch.from_numpy(array) for name, array in values.items()}
        others = {name.removeprefix(RELATIVE): state.pop(name) for name in list(state) if name.startswith(RELATIVE)}
        projection = Projection(*state["directions"].shape)
        projection.load_state_dict(state)
        relative = Projection(*others["directions"].shape) if others else None
        if relative is not None:
            relative.load_state_dict(others)
    except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise StoreError(f"{path}: damaged ({error}); run `tembr ensemble` again") from error
    return SpeakerSpace(projection.eval(), *statistics, relative and relative.eval())
