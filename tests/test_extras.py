"""What is missing is told with the command that adds it to this installation."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tembr import extras
from tembr.errors import MissingExtraError, TembrError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Makes this an installation with these facts of where it came from; None wrote nothing down."""

    def make(facts: dict | None) -> None:
        text = None if facts is None else json.dumps(facts)
        monkeypatch.setattr(extras, "ROOT", tmp_path / "site-packages")
        monkeypatch.setattr(
            "importlib.metadata.distribution", lambda name: SimpleNamespace(read_text=lambda file: text)
        )

    return make


def test_a_clone_is_added_to_where_it_lies():
    assert extras.how_to_install("train") == f"in {ROOT}: uv sync --inexact --extra train, or pip install '.[train]'"


def test_a_folder_that_was_installed_is_added_to(installed):
    installed({"url": ROOT.as_uri(), "dir_info": {}})
    assert extras.how_to_install("degrade").startswith(f"in {ROOT}: uv sync --inexact --extra degrade")


def test_a_wheel_is_installed_again_with_the_extra(installed, tmp_path):
    wheel = tmp_path / "a wheel" / "tembr-1-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    installed({"url": wheel.as_uri(), "archive_info": {}})
    assert extras.how_to_install("train") == f"pip install '{wheel}[train]'"


def test_a_repository_is_installed_again_with_the_extra(installed):
    facts = {"url": "https://host/tembr.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    installed(facts)
    assert extras.how_to_install("train") == "pip install 'tembr[train] @ git+https://host/tembr.git@abc'"


@pytest.mark.parametrize("facts", [None, {}, {"url": "file:///gone/away", "dir_info": {}}])
def test_an_origin_nobody_knows_is_the_source_folder(installed, facts):
    installed(facts)
    assert extras.how_to_install("train") == "in the folder of tembr's source: pip install '.[train]'"


def test_a_missing_package_is_an_import_error_and_one_of_ours():
    said = "drawing needs no_such_package; in .*--extra train"
    with pytest.raises(MissingExtraError, match=said) as error, extras.needed("drawing", "train"):
        import no_such_package  # noqa: F401
    assert isinstance(error.value, ImportError) and isinstance(error.value, TembrError)


def test_a_module_of_ours_that_is_missing_is_a_mistake_of_ours():
    with pytest.raises(ModuleNotFoundError, match=r"tembr\.nowhere") as error, extras.needed("drawing", "train"):
        import tembr.nowhere  # noqa: F401
    assert not isinstance(error.value, TembrError)


def test_what_is_there_is_not_missed():
    extras.require("reading", "degrade", "numpy", "json")
    with pytest.raises(MissingExtraError, match="^reading needs nothing_like_it and nor_this; "):
        extras.require("reading", "degrade", "numpy", "nothing_like_it", "nor_this")
