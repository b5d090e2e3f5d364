"""The notebooks run from top to bottom on the demo corpus: two representations, two folds, one epoch, four trials."""

from __future__ import annotations

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
NAMES = ("01_compare_representations.ipynb", "02_ensemble.ipynb")
SHORT = {"EPOCHS": "1", "FOLDS": "2", "TRIALS": "4"}
BLANK = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pytest, tests.pictures
tests.pictures.leave_blank(pytest.MonkeyPatch())
sys.path.pop(0)
"""
"""What notebooks show is drawn, what a study saves is not."""

FORGET = "%reset -f"
"""Between two notebooks: no name of the first is left to the second, which imports what is loaded."""


@pytest.fixture(scope="module")
def cells(tmp_path_factory, tracking_store) -> dict[str, list]:
    """Those of each notebook, run in one kernel and one folder: the second goes on from the first one's study."""
    if not os.environ.get("TEMBR_NOTEBOOKS"):
        pytest.skip("a minute of tests: TEMBR_NOTEBOOKS=1 runs the notebooks")
    folder = tmp_path_factory.mktemp("clone") / "notebooks"
    (folder / "runs" / "notebook").mkdir(parents=True)
    (folder.parent / "docs").symlink_to(ROOT / "docs")
    tracking_store(folder / "runs" / "notebook")
    found = {name: shortened(nbformat.read(FOLDER / name, as_version=4)).cells for name in NAMES}
    first, second = found.values()
    for cell in second:
        cell.id = f"second-{cell.id}"
    notebook = new_notebook(cells=[*map(new_code_cell, (BLANK, FORGET)), *first, new_code_cell(FORGET), *second])
    NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(folder)}}).execute()
    return found


def shortened(notebook):
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit notebooks without outputs"
    settings = notebook.cells[1]
    numbers = lambda found: f"{found[1]} = {', '.join(map(SHORT.get, found[1].split(', ')))}"  # noqa: E731
    for full, short in (('"melspectrogram", ', ""), ("^(EPOCHS.*) = .*$", numbers)):
        settings.source, changed = re.subn(full, short, settings.source, flags=re.M)
        assert changed == 1
    return notebook


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name, cells):
    shown = [output for cell in cells[name] for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not any(output.output_type == "error" for output in shown)


def test_both_notebooks_are_there():
    assert {p.name for p in FOLDER.glob("*.ipynb")} == set(NAMES)
