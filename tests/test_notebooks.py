"""The notebooks run from top to bottom on the demo corpus: two representations, two folds, one epoch."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory) -> Path:
    """One folder for both: the second goes on from the first one's study."""
    return tmp_path_factory.mktemp("notebooks")


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.ipynb")))
def test_a_notebook_runs(name, workplace):
    notebook = nbformat.read(FOLDER / name, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit notebooks without outputs"
    settings = notebook.cells[1]
    for full, short in ((r'"melspectrogram", ', ""), (r"^(EPOCHS, FOLDS.*= )\d+, \d+", r"\g<1>1, 2")):
        settings.source, changed = re.subn(full, short, settings.source, flags=re.M)
        assert changed == 1
    NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(workplace)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not any(output.output_type == "error" for output in shown)


def test_both_notebooks_are_there():
    assert {p.name for p in FOLDER.glob("*.ipynb")} == {"01_compare_representations.ipynb", "02_ensemble.ipynb"}
