"""One tree of settings: defaults in the code, TOML over them, `--set` over that."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tembr.augment import AugmentSettings
from tembr.corpora.splits import Protocol, SplitSettings
from tembr.errors import ConfigError
from tembr.features.extract import find
from tembr.features.picture import PictureSettings
from tembr.features.registry import REPRESENTATIONS
from tembr.features.settings import FeatureSettings
from tembr.files import atomic_write
from tembr.train.settings import TrainSettings


class CorpusSettings(BaseModel):
    """Where the recordings come from.

    Attributes:
        name: 'nemo', 'ravdess', 'emodb', 'ased', 'demo', 'manifest' or 'folder'.
        folder: its folder, table, or name on the Hugging Face hub; '' for the corpus's own default.
        unmapped: what to do with labels outside the six: 'error', 'drop' or 'keep'.
        columns: our column name → the manifest's.
        allow_outside: a manifest may name files outside its folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "demo"
    folder: str = ""
    unmapped: Literal["error", "drop", "keep"] = "error"
    columns: dict[str, str] = {}
    allow_outside: bool = False


class TrackSettings(BaseModel):
    """What MLflow is told.

    Attributes:
        enabled: record runs at all.
        uri: of the tracking store; '' is `mlflow.db` (SQLite) in the study's folder.
        experiment: name; '' is the study folder's.
        weights: keep a copy of each network's weights among the artefacts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    uri: str = ""
    experiment: str = ""
    weights: bool = False


class StudySettings(BaseModel):
    """Everything a study depends on.

    Attributes:
        representations: names, in the order they are trained.
        protocols: the first one's results lie in the study's folder itself, further ones' in folders of theirs.
        baselines: include the majority class and the SVM on mean MFCCs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    representations: tuple[str, ...] = REPRESENTATIONS
    protocols: tuple[Protocol, ...] = ("random", "speaker")
    baselines: bool = True
    corpus: CorpusSettings = CorpusSettings()
    features: FeatureSettings = FeatureSettings()
    pictures: PictureSettings = PictureSettings()
    augment: AugmentSettings = AugmentSettings()
    split: SplitSettings = SplitSettings()
    train: TrainSettings = TrainSettings()
    track: TrackSettings = TrackSettings()
    bootstrap_seed: int = Field(0, ge=0)

    @field_validator("representations")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            find(name)
        return _distinct(names)

    @field_validator("protocols")
    @classmethod
    def _some(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return _distinct(names)


def load_settings(file: Path | None = None, overrides: Sequence[str] = (), **values: Any) -> StudySettings:
    """Settings from a TOML file, then `overrides`, then `values`, over the defaults.

    Args:
        file: TOML, in the form a study writes as `config.toml`.
        overrides: 'key=value' with dotted keys: 'train.epochs=5', 'representations=["mfcc"]'.
        values: dotted keys with '__' for the dot, as the command line's own options set them; None is skipped.

    Raises:
        ConfigError: unreadable file, unknown key (the nearest valid one is named) or a value of the wrong type.
    """
    tree = _read(file) if file else {}
    for override in overrides:
        key, separator, text = override.partition("=")
        if not separator:
            raise ConfigError(f"--set {override}: write it as key=value, for example train.epochs=5")
        _assign(tree, key.strip(), _value(text.strip()))
    for key, value in values.items():
        if value is not None:
            _assign(tree, key.replace("__", "."), value)
    return _validated(tree)


def write_settings(settings: StudySettings, path: Path) -> None:
    """Write the resolved settings as TOML, readable by `load_settings`."""
    import tomli_w

    with atomic_write(path) as temporary:
        temporary.write_text(tomli_w.dumps(settings.model_dump(mode="json")))


def differences(one: StudySettings, other: StudySettings) -> list[str]:
    """Dotted keys whose values differ, with both values."""
    flat, flat_other = (dict(_flatten(s.model_dump(mode="json"))) for s in (one, other))
    keys = dict.fromkeys([*flat, *flat_other])
    pairs = [(key, flat.get(key), flat_other.get(key)) for key in keys]
    return [f"{key} ({old} → {new})" for key, old, new in pairs if old != new and (old or new)]


def _read(file: Path) -> dict:
    try:
        return tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML ({error})") from error


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _assign(tree: dict, key: str, value: Any) -> None:
    *branches, leaf = key.split(".")
    for branch in branches:
        tree = tree.setdefault(branch, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{key}: {branch} is a value, not a group of settings")
    tree[leaf] = value


def _validated(tree: dict) -> StudySettings:
    try:
        return StudySettings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(_explain(error.errors()[0])) from error


def _explain(problem: dict) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(), n=1, cutoff=0.5)
        leaf = difflib.get_close_matches(key.split(".")[-1], [k.split(".")[-1] for k in _keys()], n=1)
        full = near or [k for k in _keys() if leaf and k.split(".")[-1] == leaf[0]]
        hint = f"did you mean {full[0]}?" if full else f"the groups are {', '.join(StudySettings.model_fields)}"
        return f"unknown setting {key}; {hint}"
    if not key:
        return f"settings do not fit together: {problem['msg']}"
    return f"setting {key} = {problem.get('input')!r}: {problem['msg'].removeprefix('Value error, ')}"


def _keys() -> list[str]:
    return [key for key, _ in _flatten(StudySettings().model_dump())]


def _flatten(tree: dict, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("name at least one")
    return tuple(dict.fromkeys(names))
