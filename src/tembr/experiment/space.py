"""A space: what is searched for the best settings of a study, read from TOML and checked before any work."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from tembr.errors import ConfigError
from tembr.experiment.distributions import FORM, as_written, distribution, extremes, leaves
from tembr.experiment.measures import MEASURES
from tembr.experiment.settings import StudySettings, placed, validated
from tembr.experiment.trees import assign, merged, override, read_tree, recipes
from tembr.files import digest
from tembr.models.base import check_members
from tembr.splits import Protocol

FIXED = ("corpus", "auxiliary", "protocols", "split", "track", "seed", "bootstrap_seed")
"""Settings that trials have in common: with others they would not be compared on the same recordings."""

Values = Mapping[str, Any]
"""Dotted names of settings → values."""


class SearchSettings(BaseModel):
    """How a space is searched: the table `[search]`.

    Attributes:
        objective: of `measures.MEASURES`; the first is of validation recordings and decides which trial is best, and
            with further ones the trials that none beats in all of them are kept.
        sampler: 'tpe' (tree-structured Parzen estimators), 'cmaes' (covariance matrix adaptation, for numbers), 'nsga2'
            (a genetic algorithm, for several objectives) or 'random'.
        pruner: 'hyperband' gives up trainings that are hopeless by their validation value after some epochs; 'auto' is
            that where there is one objective and only networks are fitted, and 'none' elsewhere.
        protocol: of the base's; its first by default.
        fold: name of the protocol's fold that is searched in, its first by default. Its test part is never looked at.
        seed: of the sampler.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: tuple[str, ...] = ("val_uar",)
    sampler: Literal["tpe", "cmaes", "nsga2", "random"] = "tpe"
    pruner: Literal["auto", "hyperband", "none"] = "auto"
    protocol: Protocol | None = None
    fold: str = ""
    seed: int = Field(42, ge=0)

    @field_validator("objective", mode="before")
    @classmethod
    def _measures(cls, names: Any) -> Any:
        names = (names,) if isinstance(names, str) else names
        for name in names:
            if name not in MEASURES:
                raise ValueError(f"no objective is called {name!r}; choose from {', '.join(MEASURES)}")
        if not names or not MEASURES[names[0]].learnt or len(set(names)) < len(names):
            learnt = ", ".join(name for name, measure in MEASURES.items() if measure.learnt)
            raise ValueError(f"name each once, and first one of {learnt}")
        return names

    @model_validator(mode="after")
    def _agree(self):
        if len(self.objective) > 1 and self.sampler == "cmaes":
            raise ValueError("sampler cmaes has one objective only; use nsga2 or tpe for several")
        if len(self.objective) > 1 and self.pruner == "hyperband":
            raise ValueError("pruner hyperband has one objective only; leave it out for several")
        return self


@dataclass(frozen=True)
class Space:
    """What is searched, over which settings of a study.

    Attributes:
        path: of the file it was read from.
        tree: settings of the base, as they were written.
        search: how it is searched.
        parameters: dotted name of a setting → what it is drawn from.
    """

    path: Path
    tree: dict[str, Any]
    search: SearchSettings
    parameters: dict[str, BaseDistribution]

    @cached_property
    def base(self) -> StudySettings:
        """The settings without anything drawn."""
        return self.settings({})

    @property
    def protocol(self) -> Protocol:
        return self.search.protocol or self.base.protocols[0]

    @property
    def prunes(self) -> bool:
        """Whether hopeless trainings are given up."""
        networks = all(member.judged().uses_validation for member in self.base.members.values())
        return networks and len(self.search.objective) == 1 and self.search.pruner != "none"

    @property
    def identity(self) -> str:
        """Digest of all that a trial's value depends on but the recordings, wherever these lie."""
        tree = self.base.tree()
        tree.pop("track")
        for corpus in (tree["corpus"], *tree["auxiliary"].values()):
            corpus.pop("folder")
        facts = [tree, self.search.objective, self.protocol, self.search.fold, sorted(self.parameters.items())]
        return digest(repr(facts).encode())

    def settings(self, values: Values) -> StudySettings:
        """The base with `values`.

        Raises:
            ConfigError: they do not go together.
        """
        tree = copy.deepcopy(self.tree)
        for key, value in values.items():
            assign(tree, key, value)
        return validated(tree)

    def plain(self) -> dict[str, Any]:
        """What `load_space` reads again as the same space."""
        space = {key: as_written(one) for key, one in self.parameters.items()}
        search = self.search.model_dump(mode="json", exclude_defaults=True)
        return self.tree | {"search": search, "space": space}


def load_space(path: str | Path, overrides: Sequence[str] = (), corpora: str | Path | None = None) -> Space:
    """Read and check a space.

    Its file has settings of a study as `tembr study --config` takes them, over those of `base` (a recipe, or a file
    beside it), the table `search` (`SearchSettings`) and the table `space`, where settings have what they are drawn
    from.

    Args:
        overrides: 'key=value', settings over those of the file.
        corpora: folder of the corpora that have none of their own.

    Raises:
        ConfigError: it cannot be read; a setting is unknown, of the wrong type or cannot be searched, or a range is
            impossible. The message names the key.
    """
    path = Path(path)
    own = read_tree(path)
    base, search, space = (own.pop(name, empty) for name, empty in (("base", ""), ("search", {}), ("space", {})))
    try:
        tree = _over(_base(base, path), own)
        override(tree, overrides)
        tree = _placed(tree, corpora)
        found = Space(path, tree, _search(search), dict(_parameters(space, tree)))
        _check(found)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return found


def _base(name: Any, path: Path) -> dict[str, Any]:
    if not isinstance(name, str):
        raise ConfigError(f"base = {name!r}: name a recipe ({', '.join(recipes())}) or a TOML file")
    beside = path.parent / name
    return read_tree(beside if name and beside.is_file() else name) if name else {}


def _over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Where the space names members they alone are searched, with their settings of the base."""
    members = own.get("members")
    if isinstance(members, dict) and isinstance(base.get("members"), dict):
        base = base | {"members": {name: one for name, one in base["members"].items() if name in members}}
    return merged(base, own)


def _placed(tree: dict[str, Any], corpora: str | Path | None) -> dict[str, Any]:
    settings = placed(validated(tree), corpora)
    for key in ("corpus", *(f"auxiliary.{name}" for name in settings.auxiliary)):
        one = settings.corpus if key == "corpus" else settings.auxiliary[key.removeprefix("auxiliary.")]
        if one.folder:
            assign(tree, f"{key}.folder", one.folder)
    return tree


def _search(values: Any) -> SearchSettings:
    try:
        return SearchSettings.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(["search", *map(str, problem["loc"])])
        if problem["type"] == "extra_forbidden":
            raise ConfigError(f"{key}: unknown; there are {', '.join(SearchSettings.model_fields)}") from error
        raise ConfigError(f"{key}: {problem['msg'].removeprefix('Value error, ')}") from error


def _parameters(space: Any, tree: dict[str, Any]) -> Iterator[tuple[str, BaseDistribution]]:
    if not isinstance(space, dict) or not space:
        raise ConfigError(f"[space] is empty; give settings what they are drawn from, as {FORM}")
    for key, given in leaves(space):
        _refuse_fixed(key)
        yield key, distribution(key, given, lambda value, key=key: _takes(tree, key, value))


def _refuse_fixed(key: str) -> None:
    group = key.split(".")[0]
    if group in FIXED:
        raise ConfigError(f"space.{key}: trials are only compared with the same {group}; set it outside of [space]")


def _takes(tree: dict[str, Any], key: str, value: Any) -> bool:
    try:
        changed = copy.deepcopy(tree)
        assign(changed, key, value)
        validated(changed)
    except ConfigError:
        return False
    return True


def _check(space: Space) -> None:
    """See that what may be drawn is understood, fitted and noticed.

    Raises:
        ConfigError: it is not.
    """
    if space.protocol not in space.base.protocols:
        known = ", ".join(space.base.protocols)
        raise ConfigError(f"search.protocol = {space.protocol!r}: not among the protocols of the base ({known})")
    check_members(list(space.base.members.values()), space.base.features)
    for key in space.parameters:
        _check_key(space, key)
    numbers = sum(not isinstance(one, CategoricalDistribution) for one in space.parameters.values())
    if space.search.sampler == "cmaes" and numbers < 2:
        raise ConfigError("search.sampler = 'cmaes': needs two or more ranges of numbers in [space]; use tpe")
    if space.search.pruner == "hyperband" and not space.prunes:
        others = ", ".join(name for name, one in space.base.members.items() if not one.judged().uses_validation)
        raise ConfigError(f"search.pruner = 'hyperband': {others} has no epochs to give up after; leave it out")


def _check_key(space: Space, key: str) -> None:
    group, _, rest = key.partition(".")
    name = rest.split(".")[0]
    if group == "members" and name not in space.base.members:
        raise ConfigError(f"space.{key}: no member is called {name}; there are {', '.join(space.base.members)}")
    seen = [_possible(space, key, value) for value in extremes(space.parameters[key])]
    if all(_fitted(one) == _fitted(seen[0]) for one in seen):
        raise ConfigError(f"space.{key}: changes nothing, since no member has this setting from there")


def _possible(space: Space, key: str, value: Any) -> StudySettings:
    """The settings with an extreme value: with the base's others, or with some that are searched beside it."""
    others = [one for one in space.parameters if one != key]
    lowest, highest = ({one: extremes(space.parameters[one])[place] for one in others} for place in (0, -1))
    problem = None
    for beside in ({}, lowest, highest):
        try:
            settings = space.settings(beside | {key: value})
            check_members(list(settings.members.values()), settings.features)
            return settings
        except ConfigError as error:
            problem = problem or error
    raise ConfigError(f"space.{key} = {value!r}: {problem}") from problem


def _fitted(settings: StudySettings) -> tuple:
    """All that a fitting depends on."""
    return settings.members, settings.features


def longest(space: Space) -> int:
    """Epochs of all members together, at the most that may be drawn."""
    most = {key: max(extremes(one)) for key, one in space.parameters.items() if key.split(".")[-1] == "epochs"}
    return sum(member.train.epochs for member in space.settings(most).members.values())
