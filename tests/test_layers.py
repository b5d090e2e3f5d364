"""The house stays as drawn: layers by import-linter, style by ruff, a base without the laboratory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BASE = (
    "tembr",
    "tembr.bundle",
    "tembr.recognize.recognizer",
    "tembr.audio",
    "tembr.emotions",
    "tembr.files",
    "tembr.corpora",
    "tembr.corpora.describe",
)
LABORATORY = ("torch", "lightning", "mlflow", "optuna", "librosa", "pandas", "sklearn", "matplotlib", "datasets")


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)


def test_imports_keep_to_the_layers():
    done = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [("check", "."), ("format", "--check", ".")])
def test_ruff_has_nothing_to_say(command):
    done = run("-m", "ruff", *command)
    assert done.returncode == 0, done.stdout


NUMBERS = [f"tembr.evaluate.{name}" for name in ("metrics", "coverage", "conformal")]


PROBE = """
import importlib, sys
for module in sys.argv[1].split():
    importlib.import_module(module)
    print(module, *[name for name in sys.argv[2].split() if name in sys.modules])
"""


def test_the_base_imports_nothing_of_the_laboratory():
    modules = [*BASE, "tembr.cli", *NUMBERS]
    done = run("-c", PROBE, " ".join(modules), " ".join(LABORATORY))
    assert (done.returncode, done.stdout.splitlines()) == (0, modules), done.stderr


def test_no_lock_file_is_kept():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    assert "uv.lock" not in listed
