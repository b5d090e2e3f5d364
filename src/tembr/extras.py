"""What an installation lacks, and how to add it from where this one came: there is no release on an index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tembr.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[2]
"""Folder of the source, where this is a clone."""


def require(what: str, extra: str, *packages: str) -> None:
    """See that the packages of an extra are installed before `what` needs them.

    Raises:
        MissingExtraError: one is not.
    """
    if missing := [package for package in packages if not find_spec(package)]:
        raise MissingExtraError(f"{what} needs {' and '.join(missing)}; {how_to_install(extra)}")


@contextmanager
def needed(what: str, extra: str) -> Iterator[None]:
    """Imports in this block that fail say which extra is missing.

    Raises:
        MissingExtraError: a package that is not of ours cannot be found.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "tembr").partition(".")[0] == "tembr":
            raise
        raise MissingExtraError(f"{what} needs {error.name}; {how_to_install(extra)}") from error


def how_to_install(extra: str) -> str:
    """The command that adds `extra` to this installation: of a clone, of a wheel, of a repository (PEP 610)."""
    from urllib.parse import urlsplit  # importing both takes a while, and most commands succeed
    from urllib.request import url2pathname

    source = urlsplit(_origin())
    folder = Path(url2pathname(source.path)) if source.scheme == "file" else None
    if folder and (folder / "pyproject.toml").is_file():
        return f"in {folder}: uv sync --inexact --extra {extra}, or pip install '.[{extra}]'"
    if folder and folder.is_file():
        return f"pip install '{folder}[{extra}]'"
    if source.scheme and not folder:
        return f"pip install 'tembr[{extra}] @ {source.geturl()}'"
    return f"in the folder of tembr's source: pip install '.[{extra}]'"


def _origin() -> str:
    """URL of what was installed, '' where nobody wrote it down."""
    if (ROOT / "pyproject.toml").is_file():
        return ROOT.as_uri()
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        facts = json.loads(distribution("tembr").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return ""
    version = facts.get("vcs_info", {})
    return f"{version['vcs']}+{facts['url']}@{version['commit_id']}" if version else facts.get("url", "")
