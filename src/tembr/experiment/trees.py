"""Settings as plain trees: as TOML has them, before anybody has checked them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tembr.errors import ConfigError


def read_tree(file: str | Path) -> dict[str, Any]:
    """What a TOML file, or the recipe of this name, says: settings that nobody has checked.

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    path = recipes().get(str(file), Path(file))
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(recipes())
        raise ConfigError(
            f"{file}: cannot be read ({error.strerror}); check the path, or name one of {known}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML ({error})") from error
    if isinstance(members := tree.get("members"), list):
        if not all(isinstance(name, str) for name in members):
            raise ConfigError(f"{file}: members = {members!r}: give a list of names, or a table for each")
        tree["members"] = {name: {} for name in members}
    return tree


def recipes() -> dict[str, Path]:
    """Packaged recipes: name → TOML file."""
    folder = Path(str(files("tembr") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def override(tree: dict, overrides: Sequence[str]) -> None:
    """Set what 'key=value' says, with dotted keys, as `--set` has it.

    Raises:
        ConfigError: one is of another form.
    """
    for one in overrides:
        key, separator, text = one.partition("=")
        if not separator:
            raise ConfigError(f"--set {one}: write it as key=value, for example train.epochs=5")
        assign(tree, key.strip(), _value(text.strip()))


def assign(tree: dict, key: str, value: Any) -> None:
    """Set a dotted key in a tree of settings.

    Raises:
        ConfigError: a part of the key is a value there.
    """
    *branches, leaf = key.split(".")
    for branch in branches:
        tree = tree.setdefault(branch, {})
        if not isinstance(tree, dict):
            raise ConfigError(f"{key}: {branch} is a value, not a group of settings")
    tree[leaf] = value


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A tree of settings with those of another over it."""
    tree = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(tree.get(key), dict)
        tree[key] = merged(tree[key], value) if both else value
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Dotted keys and values of a tree."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
