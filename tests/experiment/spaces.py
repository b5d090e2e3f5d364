"""Spaces of seconds, for tests: support vectors, or a narrow network, on the demo corpus."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from tembr.experiment.space import Space, load_space

POSTGRESQL = os.environ.get("TEMBR_POSTGRESQL")
"""URL of a database to test with, where there is one."""

STORAGES = ("sqlite:///{}/shared.db", "journal:{}/shared.journal", *([POSTGRESQL] if POSTGRESQL else []))
"""URLs of what processes share, `{}` for a folder."""

SVM = """
members = ["svm"]
[features]
window = 1.0
[track]
enabled = false
[search]
protocol = "random"
[space]
members.svm.c = { low = 1e-3, high = 1e2, log = true }
"""

NETWORK = """
members = ["chroma"]
[features]
window = 1.0
[train]
network = "resnet18_quarter"
epochs = 2
device = "cpu"
precision = "32"
[track]
enabled = false
[space]
train.learning_rate = { low = 1e-4, high = 1e-2, log = true }
"""


def write_space(folder: Path, text: str = SVM) -> Path:
    """Leave `space.toml` in `folder`."""
    path = folder / "space.toml"
    path.write_text(text)
    return path


def space_of(folder: Path, text: str = SVM) -> Space:
    return load_space(write_space(folder, text))


def write_own_space(folder: Path, text: str = SVM) -> Path:
    """The same under a name of its own, which no earlier search in a database has."""
    return write_space(folder, text).rename(folder / f"{uuid4().hex}.toml")
