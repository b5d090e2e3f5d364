"""The wheel alone, in an empty environment: it hears, it is small, and it has no PyTorch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST = 350 * 2**20  # bytes of the environment
MODEL = 15 * 2**20  # bytes of the default bundle, as packed
MODELS = 25 * 10**6  # of both bundles, and of the wheel
BUNDLES = ("default", "small")


def run(*command: object, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    if not shutil.which("uv"):
        pytest.skip("uv builds the wheel, and is not here")
    folder = tmp_path_factory.mktemp("wheel")
    run("uv", "build", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel) -> Path:
    folder = wheel.parent / "environment"
    run("uv", "venv", "--python", sys.executable, folder, cwd=wheel.parent)
    run("uv", "pip", "install", "--python", folder, wheel, cwd=wheel.parent)
    return folder


def test_the_wheel_alone_hears(environment):
    said = run(environment / "bin" / "tembr", "predict", ROOT / "examples", "--format", "json", cwd=environment)
    answers = [json.loads(line) for line in said.splitlines()]
    assert len(answers) == 6
    assert all(abs(sum(answer["probabilities"].values()) - 1) < 1e-4 for answer in answers)


def test_the_environment_is_small_and_has_no_laboratory(environment):
    files = [path for path in environment.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < MOST
    packages = {path.name for path in environment.glob("lib/*/site-packages/*")}
    assert not packages & {"torch", "lightning", "mlflow", "optuna", "librosa", "pandas", "matplotlib"}


def test_the_bundles_are_small_and_sound(environment, wheel):
    (models,) = environment.glob("lib/*/site-packages/tembr/pretrained")
    sizes = {name: sum(p.stat().st_size for p in (models / name).rglob("*") if p.is_file()) for name in BUNDLES}
    assert sizes["default"] <= MODEL and sum(sizes.values()) <= MODELS
    assert wheel.stat().st_size <= MODELS
    for name in BUNDLES:
        run(environment / "bin" / "tembr", "verify", name, cwd=environment)


def test_the_laboratory_says_what_it_lacks(environment, wheel):
    done = subprocess.run([environment / "bin" / "tembr", "study"], cwd=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"pip install '{wheel}[train]'" in done.stderr and "Traceback" not in done.stderr


def test_the_laboratory_in_python_says_what_it_lacks(environment, wheel):
    probe = """
import tembr
for module in ("tembr.features", "tembr.experiment", "tembr.ensemble", "tembr.export"):
    try:
        __import__(module)
    except ImportError as error:
        print(isinstance(error, tembr.TembrError), error)
"""
    lines = run(environment / "bin" / "python", "-c", probe, cwd=environment).splitlines()
    assert len(lines) == 4 and all(line.startswith("True tembr.") for line in lines)
    assert all(line.endswith(f"; pip install '{wheel}[train]'") for line in lines)
    assert lines[0].startswith("True tembr.features needs torch;")
