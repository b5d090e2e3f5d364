"""What several rooms' tests need: a cache of their own, and the real corpora where they are at hand."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # one core for each of the two workers
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import platformdirs
import pytest
from filelock import FileLock
from xdist.scheduler import LoadFileScheduling

from tests.pictures import blank_pictures

GROUPS = {
    "notebooks": ("test_notebooks.py",),
    "processes": (
        "ensemble",
        "experiment/test_run.py",
        "experiment/test_search_command.py",
        "experiment/test_tracking.py",
        "train/test_fit.py",
        "features/test_store.py",
    ),
    "export": ("export",),
    "search": ("experiment/test_search.py",),
    "telemetry": ("test_telemetry.py",),
    "train": ("train",),
    "command": ("test_cli.py",),
    "page": ("serve/test_page.py",),
    "site": ("serve/test_site.py",),
}
"""Files, and folders, whose tests stay on one worker, which need what was made for one of them: a study, or the server
that `processes` are forked from. These groups begin first, every other file is one of its own."""

SHARED = Path(__file__).resolve().parents[2] / "shared"


def group_of(nodeid: str) -> str:
    """The tests that stay on one worker."""
    file = nodeid.partition("::")[0].removeprefix("tests/")
    chosen = (group for group, places in GROUPS.items() for one in places if file == one or file.startswith(f"{one}/"))
    return next(chosen, file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    groups = (group_of(item.nodeid) for item in items)
    order = {group: number for number, group in enumerate(dict.fromkeys([*GROUPS, *groups]))}
    items.sort(key=lambda item: order[group_of(item.nodeid)])


class _Groups(LoadFileScheduling):
    """By `group_of`, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> LoadFileScheduling:
    return _Groups(config, log)


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory):
    """Nothing in the tests reads or fills the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEMBR_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    """Files appear whole or not at all as ever; only what a power cut would need is left out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tembr.files._flush", lambda path: None)
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """`made_once(name, make)`: a folder that `make` filled for the first who asked, of all workers; to be read."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def folder_of(name: str, make: Callable[[Path], object]) -> Path:
        folder = root / "made_once" / name
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            done = folder.with_suffix(".done")
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return folder_of


def make_tracking_store(folder: Path) -> None:
    from mlflow import MlflowClient

    logging.getLogger("alembic").setLevel(logging.ERROR)
    MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()


@pytest.fixture(scope="session")
def tracking_store(made_once) -> Callable[[Path], object]:
    """Puts a new store of MLflow into a folder; MLflow takes seconds for each, with all migrations there ever were."""
    return lambda folder: shutil.copy(made_once("tracking", make_tracking_store) / "mlflow.db", folder)


@pytest.fixture(scope="session")
def quick_tracking(tracking_store):
    """A study's store of MLflow is a copy, from here on."""
    from tembr.experiment import tracking

    local_uri = tracking.local_uri

    def with_store(folder: Path) -> str:
        if folder.is_dir() and not (folder / "mlflow.db").exists():
            tracking_store(folder)
        return local_uri(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking, "local_uri", with_store)
        yield


@pytest.fixture(name="blank_pictures")
def _blank_pictures():
    """For a test whose pictures nobody looks at."""
    with blank_pictures():
        yield


@pytest.fixture(autouse=True)
def _logger_of_a_library():
    """Every test begins with the package's logger as an import leaves it, whatever a command before did to it."""
    logger = logging.getLogger("tembr")
    logger.propagate, logger.handlers[:] = True, []


@pytest.fixture
def no_media(monkeypatch):
    """An installation without PyAV."""
    from tembr.extensions import EXTENSIONS, MEDIA, UNREAD

    monkeypatch.setitem(sys.modules, "av", None)
    for module in ("tembr.recognize.folders", "tembr.corpora.filenames", "tembr.extensions"):
        monkeypatch.setattr(f"{module}.EXTENSIONS", tuple(name for name in EXTENSIONS if name not in MEDIA))
    monkeypatch.setattr("tembr.extensions.UNREAD", tuple(dict.fromkeys((*UNREAD, *MEDIA))))


@pytest.fixture(scope="session")
def corpora_dir() -> Path:
    """Folder with `nemo`, `ravdess`, `emodb` and `ased` in the publishers' layouts, or a skipped test.

    `TEMBR_CORPORA` names it; otherwise the compressed corpora beside the checkout are unpacked once.
    """
    named = os.environ.get("TEMBR_CORPORA")
    if named:
        return Path(named)
    unpack = SHARED / "bin" / "unpack_corpora.py"
    if not (SHARED / "corpora").is_dir() or not unpack.is_file():
        pytest.skip("no real corpora: set TEMBR_CORPORA to a folder with nemo, ravdess, emodb and ased")
    folder = Path(platformdirs.user_cache_dir("tembr")) / "test-corpora"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        done = subprocess.run([sys.executable, str(unpack), str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the corpora could not be unpacked: {done.stderr.strip().splitlines()[-1:]}")
    return folder
