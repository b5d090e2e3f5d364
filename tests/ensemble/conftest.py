"""Made-up members, and one small study of real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tembr.ensemble import EnsembleFolder, EnsembleSettings, measure, run_ensemble
from tembr.ensemble.combiners import BEST, COMBINERS, UNIFORM
from tembr.ensemble.heldout import FoldParts, HeldOut
from tembr.ensemble.levelone import LevelOne
from tembr.ensemble.part import Part
from tembr.experiment import Study
from tembr.experiment.run import run_study
from tembr.experiment.settings import load_settings
from tests.pictures import blank_pictures

CLASSES = 6
SETTINGS = EnsembleSettings(members=("chroma", "rms"), trials=8)


def draw(*strengths: float, n: int = 120, seed: int = 0, speakers: int = 4) -> Part:
    """One part as several members see it: random logits, `strength` added where the truth is."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n) % CLASSES
    logits = rng.normal(size=(len(strengths), n, CLASSES))
    for member, strength in enumerate(strengths):
        logits[member, np.arange(n), classes] += strength
    names = np.array([f"S{number % speakers}" for number in range(n)])
    return Part(logits.astype(np.float32), classes, names, np.arange(n))


def level_one(part: Part, by_speaker: bool = False) -> LevelOne:
    """What a combiner of members called a, b, c ... is fitted on."""
    return LevelOne.of("abcdefghijk"[: len(part.logits)], part, 0, by_speaker)


def draw_heldout(*strengths: float, folds: int = 3, seed: int = 0, n: int = 120) -> HeldOut:
    """Folds of made-up members called a, b, c ..."""
    made = [
        FoldParts(f"F{k}", *(draw(*strengths, n=n, seed=seed + 2 * k + part) for part in (0, 1))) for k in range(folds)
    ]
    return HeldOut(tuple("abcdef"[: len(strengths)]), tuple(made), f"made up {strengths} {seed}")


@pytest.fixture
def two_combiners(monkeypatch):
    """Equal weights and the best member alone, for what does not depend on the others, which take their time."""
    monkeypatch.setattr(measure, "COMBINERS", {name: COMBINERS[name] for name in (UNIFORM, BEST)})


@pytest.fixture(scope="session")
def study(tmp_path_factory, quick_tracking) -> Study:
    """Two small networks on the demo corpus, under both protocols."""
    settings = load_settings(
        overrides=[
            "features.window=1.0",
            "train.epochs=2",
            "train.network=resnet18_quarter",
            "train.device=cpu",
            "split.folds=2",
        ],
        members=["chroma", "rms"],
    )
    with blank_pictures():
        return run_study(settings, tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def ensemble(study) -> EnsembleFolder:
    """That study's two members joined."""
    return run_ensemble(study.folder, SETTINGS)


@pytest.fixture
def untracked(study, tmp_path, blank_pictures) -> Path:
    """A copy of the study without its record, to do things to."""
    folder = tmp_path / "study"
    shutil.copytree(study.folder, folder, ignore=shutil.ignore_patterns("mlflow*", "ensemble"))
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace("enabled = true\nuri", "enabled = false\nuri"))
    assert not load_settings(folder / "config.toml").track.enabled
    return folder
