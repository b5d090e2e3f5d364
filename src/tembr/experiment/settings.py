"""One tree of settings: defaults in the code, TOML over them, `--set` over that."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError, field_validator, model_validator

from tembr.augment.settings import AugmentSettings
from tembr.errors import ConfigError
from tembr.experiment.trees import assign, flatten, merged, override, read_tree
from tembr.features.picture import PictureSettings
from tembr.features.registry import REPRESENTATIONS
from tembr.features.settings import FeatureSettings
from tembr.files import atomic_write
from tembr.models import KINDS, MemberSettings, member_settings
from tembr.splits import Protocol, SplitSettings
from tembr.train.settings import TrainSettings

SHARED = ("pictures", "augment", "train")
"""Groups that members have each their own of; what stands in the study's is the default of all."""

DEFAULT_MEMBERS = ("majority", "svm", *REPRESENTATIONS)


class CorpusSettings(BaseModel):
    """Where the recordings of a corpus come from.

    Attributes:
        name: a key of `tembr.corpora.CORPORA`.
        folder: its folder, table, or name on the Hugging Face hub; '' for the corpus's own default.
        unmapped: what to do with labels outside the six: 'error', 'drop' or 'keep'.
        emotions: label of the corpus → the emotion that it means.
        columns: our column name → the manifest's.
        allow_outside: a manifest may name files outside its folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "demo"
    folder: str = ""
    unmapped: Literal["error", "drop", "keep"] = "error"
    emotions: dict[str, str] = {}
    columns: dict[str, str] = {}
    allow_outside: bool = False


class AuxiliarySettings(CorpusSettings):
    """A corpus that is only learnt from; its emotions beside the target's tell about voices alone."""

    unmapped: Literal["error", "drop", "keep"] = "keep"


class TrackSettings(BaseModel):
    """What MLflow is told.

    Attributes:
        enabled: record runs at all.
        uri: of the tracking store; '' is `mlflow.db` (SQLite) in the study's folder.
        experiment: name; '' is the study folder's.
        weights: keep a copy of each member's weights among the artefacts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    uri: str = ""
    experiment: str = ""
    weights: bool = False


class StudySettings(BaseModel):
    """Everything a study depends on.

    Attributes:
        members: name → settings of a member, in the order they are fitted. A representation's name alone is a network
            on it, a kind's name that kind with its defaults.
        protocols: the first one's results lie in the study's folder itself, further ones' in folders of theirs.
        corpus: the target, whose recordings are scored.
        auxiliary: name → corpus that is only learnt from.
        seed: of every fitting.
        pictures, augment, train: defaults of the members that have such a group.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: dict[str, InstanceOf[MemberSettings]] = Field(default_factory=dict)
    protocols: tuple[Protocol, ...] = ("random", "speaker")
    corpus: CorpusSettings = CorpusSettings()
    auxiliary: dict[str, AuxiliarySettings] = {}
    seed: int = Field(42, ge=0)
    features: FeatureSettings = FeatureSettings()
    pictures: PictureSettings = PictureSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()
    split: SplitSettings = SplitSettings()
    track: TrackSettings = TrackSettings()
    bootstrap_seed: int = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _with_members(cls, tree: Any) -> Any:
        members = _by_name(tree.get("members") or DEFAULT_MEMBERS)
        shared = {group: _plain(tree.get(group, {})) for group in SHARED}
        return tree | {"members": {name: _member(name, _plain(own), shared) for name, own in members.items()}}

    @field_validator("protocols")
    @classmethod
    def _some(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names:
            raise ValueError("name at least one")
        return tuple(dict.fromkeys(names))

    def tree(self) -> dict[str, Any]:
        """The settings as plain data; of a member only what is not the default of all."""
        content = self.model_dump(mode="json", exclude={"members"})
        shared = {group: content[group] for group in SHARED}
        members = {name: _own(member, shared) for name, member in self.members.items()}
        return {"members": members} | content

    def tree_of(self, member: str) -> dict[str, Any]:
        """The same of one member alone, with all that it is fitted with."""
        own = self.members[member].model_dump(mode="json")
        content = self.model_dump(mode="json", exclude={"members", *(group for group in SHARED if group not in own)})
        return merged(content, own)


def _by_name(members: Any) -> dict[str, Any]:
    if isinstance(members, Mapping):
        return dict(members)
    if isinstance(members, str) or not all(isinstance(name, str) for name in members):
        raise ValueError("members: give a list of names, or a table for each")
    return {name: {} for name in members}


def _member(name: str, own: dict, shared: dict[str, dict]) -> MemberSettings:
    kind = own.get("kind") or ("network" if name in REPRESENTATIONS else name)
    if "kind" not in own and kind not in KINDS:
        known = [*REPRESENTATIONS, *KINDS]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise ValueError(f"member {name}: neither a representation nor a kind of member; {hint}")
    fields = KINDS[kind].model_fields if kind in KINDS else {}
    groups = {group: merged(shared[group], own.get(group, {})) for group in SHARED if group in fields}
    try:
        return member_settings({"name": name} | own | groups | {"kind": kind})
    except ValidationError as error:
        problem = error.errors()[0]
        if problem["loc"][:1] in [(group,) for group in SHARED] and not _says(own, problem["loc"]):
            raise ConfigError(_explain(problem)) from error  # of all members
        raise ConfigError(_explain(problem, KINDS[kind], ("members", name))) from error


def _says(tree: Any, path: Sequence) -> bool:
    """Whether a tree of settings has a value at a path of keys."""
    for part in path:
        if not isinstance(tree, Mapping) or part not in tree:
            return False
        tree = tree[part]
    return True


def _own(member: MemberSettings, shared: dict[str, dict]) -> dict[str, Any]:
    """Settings of a member that are not the defaults of its kind and of the study."""
    plain = member.model_dump(mode="json", exclude_defaults=True, exclude={"name", *SHARED})
    own = {"kind": member.kind} | plain
    for group in SHARED:
        if group in type(member).model_fields:
            mine = getattr(member, group).model_dump(mode="json")
            changed = _difference(mine, shared[group])
            own |= {group: changed} if changed else {}
    return own


def _difference(mine: dict, theirs: dict) -> dict:
    changed = {}
    for key, value in mine.items():
        if isinstance(value, dict) and isinstance(theirs.get(key), dict):
            inner = _difference(value, theirs[key])
            changed |= {key: inner} if inner else {}
        elif value != theirs.get(key):
            changed[key] = value
    return changed


def _plain(value: Any) -> dict:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def load_settings(
    file: str | Path | None = None,
    overrides: Sequence[str] = (),
    members: Sequence[str] | None = None,
    auxiliary: Sequence[str] | None = None,
    corpora: str | Path | None = None,
    **values: Any,
) -> StudySettings:
    """Settings from a TOML file, then `overrides`, then `values`, over the defaults.

    Args:
        file: TOML, in the form a study writes as `config.toml`; or the name of a packaged recipe (`recipes`).
        overrides: 'key=value' with dotted keys: 'train.epochs=5', 'members.mfcc.train.epochs=9'.
        members, auxiliary: names: only these, with their settings where the file has some.
        corpora: folder that holds the corpora that have no folder of their own, each in one of its short name.
        values: dotted keys with '__' for the dot, as the command line's own options set them; None is skipped.

    Raises:
        ConfigError: unreadable file, unknown key (the nearest valid one is named) or a value of the wrong type.
    """
    tree = read_tree(file) if file else {}
    for group, names in (("members", members), ("auxiliary", auxiliary)):
        if names is not None:
            known = tree.get(group, {})
            tree[group] = {name: known.get(name, {"name": name} if group == "auxiliary" else {}) for name in names}
    override(tree, overrides)
    for key, value in values.items():
        if value is not None:
            assign(tree, key.replace("__", "."), value)
    settings = placed(validated(tree), corpora)
    folder = str(values.get("corpus__folder") or "")
    if folder and Path(folder).exists():  # the same from wherever the study goes on
        corpus = settings.corpus.model_copy(update={"folder": str(Path(folder).absolute())})
        settings = settings.model_copy(update={"corpus": corpus})
    return settings


def placed(settings: StudySettings, corpora: str | Path | None) -> StudySettings:
    """The corpora that have no folder of their own in the folder of their short name in `corpora`, where given."""

    def in_place(one: CorpusSettings) -> CorpusSettings:
        if one.folder or one.name == "demo" or corpora is None:
            return one
        return one.model_copy(update={"folder": str((Path(corpora) / one.name).absolute())})

    auxiliary = {name: in_place(one) for name, one in settings.auxiliary.items()}
    return settings.model_copy(update={"corpus": in_place(settings.corpus), "auxiliary": auxiliary})


def write_settings(settings: StudySettings, path: Path) -> None:
    """Write the resolved settings as TOML, readable by `load_settings`."""
    import tomli_w

    with atomic_write(path) as temporary:
        temporary.write_bytes(tomli_w.dumps(settings.tree()).encode())


def differences(one: StudySettings, other: StudySettings) -> list[str]:
    """Dotted keys whose values differ, with both values."""
    flat, flat_other = (dict(flatten(s.tree())) for s in (one, other))
    keys = dict.fromkeys([*flat, *flat_other])
    pairs = [(key, flat.get(key), flat_other.get(key)) for key in keys]
    return [f"{key} ({old} → {new})" for key, old, new in pairs if old != new and (old or new)]


def validated(tree: Mapping[str, Any]) -> StudySettings:
    """Settings of a study from what a file says.

    Raises:
        ConfigError: an unknown key (the nearest valid one is named), or a value that does not fit.
    """
    try:
        return StudySettings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error.errors()[0])) from error


def _explain(problem: dict, model: type[BaseModel] = StudySettings, place: tuple[str, ...] = ()) -> str:
    """What is wrong, in a line.

    Args:
        problem: as pydantic has it, of a value of `model`.
        place: keys above that value.
    """
    path = tuple(str(part) for part in problem["loc"])
    key, message = ".".join((*place, *path)), problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        beside = {name: ".".join((*place, *path[:-1], name)) for name in _beside(model, path[:-1])}
        if near := difflib.get_close_matches(path[-1], beside, n=1):
            return f"unknown setting {key}; did you mean {beside[near[0]]}?"
        leaf = difflib.get_close_matches(path[-1], [k.split(".")[-1] for k in _keys()], n=1)
        full = [k for k in _keys() if leaf and k.split(".")[-1] == leaf[0]]
        if full and not place:
            return f"unknown setting {key}; did you mean {full[0]}?"
        return f"unknown setting {key}; {'there' if len(path) > 1 or place else 'the groups'} are {', '.join(beside)}"
    if not path:
        return f"settings: {message}"
    return f"setting {key} = {problem.get('input')!r}: {message}"


def _beside(model: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    """Settings in the group that keys lead to; those of the whole where they lead nowhere."""
    group: Any = model
    for part in path:
        if get_origin(group) is dict:
            group = get_args(group)[1]
        elif part in getattr(group, "model_fields", {}):
            group = group.model_fields[part].annotation
    return list(getattr(group, "model_fields", model.model_fields))


def _keys() -> list[str]:
    return [key for key, _ in flatten(StudySettings().model_dump(exclude={"members"}))]
