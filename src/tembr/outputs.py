"""What a command may write over: files that Tembr wrote itself, known by how they begin.

Nothing is kept of what was written where. A table is known by its first columns, JSON by its keys, a picture by the
software it names, so that the same command can be run again, and nobody's own file is lost to a slip in `--out`.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from tembr.emotions import POLISH, display_name
from tembr.errors import StoreError

SOFTWARE = "Tembr"
"""In the metadata of every picture, in the field its format has for it."""

SOFTWARE_FIELD = {"png": "Software", "pdf": "Creator", "svg": "Creator"}

LOCK = ".tembr.lock"
"""Held while a process works in a folder; it stays there, and tells whose folder it is."""

LARGEST = 64 << 20  # bytes of JSON that are looked into
HEAD = 1 << 16  # bytes of anything else

ANSWER_CSV = (b"file,start,end,label,confidence,", b"file,channel,start,end,label,confidence,")
CSV = {
    "corpus": b"file,start,end,speaker,gender,age,emotion,text",
    "posteriors": b"file,speaker,gender,emotion,predicted,fold",
    "coverage": b"threshold,coverage,accuracy,uar",
    "degraded": b"degradation,n,uar",
    "comparison": b"member,kind,",
    "differences": b"better,other,n,",
    "splits": b"file,part,fold",
    "trials": b"trial,state,",
}
JSON = {
    "speaker": {"kind", "origin", "offset"},
    "evaluation": {"n", "accuracy", "uar", "macro_f1", "per_class"},
    "bundle": {"tembr", "labels", "sample_rate", "self_test"},
}
TEXT = {"markdown": b"| member |", "page": b'<meta name="generator" content="Tembr">'}

EVALUATION = {
    "evaluation.json": "evaluation", "probabilities.csv": "posteriors", "adapted.csv": "posteriors",
    "coverage.csv": "coverage", "degraded.csv": "degraded", "confusion.png": "picture", "coverage.png": "picture",
    "degraded.png": "picture", "reliability.png": "picture",
}  # fmt: skip
COMPARISON = {
    "comparison.csv": "comparison", "comparison.png": "picture", "comparison.html": "page", "comparison.md": "markdown"
}  # fmt: skip
STUDY = COMPARISON | {
    "config.toml": "settings", "splits.csv": "splits", "dataset_info.csv": "corpus", "differences.csv": "differences"
}  # fmt: skip
ENSEMBLE = dict(COMPARISON)
SEARCH = {"trials.csv": "trials", "best.toml": "settings", "search.html": "page", "search_history.png": "picture"}
"""Name in a folder → what it has to be, of those files of each command that can be known."""


def require_own_file(path: str | Path, kind: str, force: bool = False, inputs: tuple[str | Path, ...] = ()) -> None:
    """See that writing `path` loses nothing: it is absent, empty, or Tembr wrote it.

    Args:
        kind: that it may be: 'answers', 'picture', 'settings', or a key of `CSV`, `JSON` or `TEXT`.
        force: all is allowed that is no folder.
        inputs: files that the command reads.

    Raises:
        StoreError: something else is there; the message names it.
    """
    path = Path(path)
    if path.is_dir():
        raise StoreError(f"{path}: is a folder; choose another --out, a file")
    if force or not path.is_file():
        return
    if any(Path(one).exists() and path.samefile(one) for one in inputs):
        raise StoreError(f"{path}: is what is read; choose another --out, or replace it with --force")
    if not is_own(path, kind):
        raise StoreError(f"{path}: not written by Tembr as {kind}; choose another --out, or replace it with --force")


def require_absent(path: str | Path, force: bool = False) -> None:
    """See that writing `path` loses nothing where people go on working in such files: it is absent or empty.

    Raises:
        StoreError: something is there.
    """
    path = Path(path)
    if path.is_dir() or (not force and path.is_file() and path.stat().st_size):
        raise StoreError(f"{path}: is there already; choose another --out, or replace it with --force")


def require_own_files(folder: str | Path, kinds: Mapping[str, str], force: bool = False) -> None:
    """The same of every file of these names in a folder, which may hold whatever else.

    Raises:
        StoreError: one is not Tembr's, or `folder` is a file.
    """
    folder = Path(folder)
    _require_folder(folder)
    for name, kind in kinds.items():
        require_own_file(folder / name, kind, force)


def require_own_folder(folder: str | Path, marker: str, kinds: Mapping[str, str], force: bool = False) -> None:
    """The same where a command fills a folder with folders: it is absent, empty, or has `marker` or a lock in it.

    Raises:
        StoreError: it holds something else.
    """
    folder = Path(folder)
    _require_folder(folder)
    if not force and folder.is_dir() and any(folder.iterdir()) and not _has_marker(folder, marker):
        raise StoreError(
            f"{folder}: a folder with something else in it (no {marker}); choose another --out, or write there "
            "with --force"
        )
    require_own_files(folder, kinds, force)


def is_own(path: Path, kind: str) -> bool:
    """Whether a file begins as Tembr begins this kind of file; an empty one does."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
            return not head or _begins(head, file, kind)
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); choose another --out") from error


def _require_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder}: is a file; choose another --out, a folder")


def _has_marker(folder: Path, marker: str) -> bool:
    return (folder / LOCK).exists() or (folder / marker).is_file()


def _begins(head: bytes, file: BinaryIO, kind: str) -> bool:
    if kind in CSV:
        return head.startswith(CSV[kind])
    if kind in JSON:
        return JSON[kind] <= _keys(head + file.read(LARGEST))
    if kind in TEXT:
        return TEXT[kind] in head[:1000]
    if kind == "picture":
        return _is_picture(head + file.read(LARGEST))
    return {"settings": _is_settings, "answers": _is_answers}[kind](head)


def _keys(content: bytes) -> set[str]:
    try:
        return set(json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return set()


def _is_picture(content: bytes) -> bool:
    marks = {
        b"\x89PNG\r\n": b"tEXtSoftware\0Tembr",
        b"%PDF": b"/Creator (Tembr)",
        b"<?xml": b"<dc:title>Tembr</dc:title>",
    }
    return any(content.startswith(magic) and mark in content for magic, mark in marks.items())


def _is_settings(head: bytes) -> bool:
    try:
        return {"corpus", "features", "train"} <= set(tomllib.loads(head.decode()))
    except ValueError:
        return False


_LABEL = "|".join(map(re.escape, map(display_name, POLISH)))
_ANSWER = re.compile(rf"\S.*  (-|({_LABEL})  [01]\.\d\d)(  .*)?")
_SEGMENT = re.compile(rf"  [\d:.]+ – [\d:.]+  (channel \d+  )?({_LABEL})  [01]\.\d\d(  .*)?")


def _is_answers(head: bytes) -> bool:
    """Of `tembr predict` in any of its three forms."""
    if head.startswith(ANSWER_CSV):
        return True
    first, *others = islice(head.decode(errors="replace").split("\n"), 2)
    keys = _keys(first.encode())
    if "file" in keys and keys & {"label", "segments"}:
        return True
    return bool(_ANSWER.fullmatch(first) or (others and _SEGMENT.fullmatch(others[0])))
