"""The members' networks that an ensemble ships: the study's own, or trained again on all recordings."""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tembr.config import StudySettings
from tembr.ensemble.recordings import Recordings
from tembr.ensemble.sources import Division, Source
from tembr.errors import StoreError
from tembr.evaluate.frames import read_frame
from tembr.features.shard import digest
from tembr.files import atomic_write
from tembr.member import Watch, make_recipe
from tembr.train.fit import refit


def place_networks(networks: dict[str, Path], folder: Path) -> None:
    """Make `folder` hold a copy NAME.safetensors of each network, and no other."""
    for path in folder.glob("*.safetensors"):
        if path.stem not in networks:
            path.unlink()
    for name, source in networks.items():
        target = folder / f"{name}.safetensors"
        if not target.exists() or not filecmp.cmp(source, target, shallow=False):
            with atomic_write(target) as temporary:
                shutil.copyfile(source, temporary)


def refit_members(
    study: StudySettings,
    division: Division,
    sources: Sequence[Source],
    recordings: Recordings,
    folder: Path,
    watch: Watch,
) -> dict[str, Path]:
    """Train each source once more, on all recordings; name → network.

    A finished one is not trained again: its folder is named by what it depends on.
    """
    return {source.name: _refitted(study, division, source, recordings, folder, watch) for source in sources}


def epochs_for(study: StudySettings, source: Source) -> int:
    """How long a member learns where nothing tells when to stop: the median over folds of its best epoch.

    A cosine schedule is made for all its epochs, and gets them.

    Raises:
        StoreError: the member's history is missing or damaged.
    """
    if study.train.schedule == "cosine":
        return study.train.epochs
    path = source.folder / "history.csv"
    try:
        history = read_frame(path, dtype={"fold": str})
        folds = history.groupby("fold") if "fold" in history else [("", history)]
        best = [int(rows.loc[rows["val_loss"].idxmin(), "epoch"]) for _, rows in folds]
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); run the study of this member again") from error
    return max(1, round(float(np.median(best))))


def _refitted(study, division, source, recordings, folder, watch) -> Path:
    epochs = epochs_for(study, source)
    place = folder / f"{source.name}-{_identity(study, division, source.name, epochs)}"
    network = place / "model.safetensors"
    if network.exists():
        watch.say(f"{source.name}: trained on all recordings before")
        return network
    watch.say(f"{source.name}: training on all {len(division.utterances)} recordings for {epochs} epochs")
    recipe = make_recipe(study, source.name, len(division.labels))
    everything = np.arange(len(division.utterances))

    def on_step(epoch: int, done: int, total: int) -> None:
        watch.progress(f"{source.name} · epoch {epoch} of {epochs}", done, total)

    table = recordings.table(recipe.table_name)
    refit(recipe, table, division.classes, everything, place, epochs, on_step=on_step)
    return network


def _identity(study: StudySettings, division: Division, name: str, epochs: int) -> str:
    settings = {key: study.model_dump(mode="json")[key] for key in ("features", "pictures", "augment", "train")}
    recordings = [(u.key, u.emotion) for u in division.utterances]
    return digest(json.dumps([name, epochs, settings, recordings], sort_keys=True).encode())[:12]
