"""What the members say about recordings none of them was trained on: logits, computed once."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy.special import softmax

from tembr.config import StudySettings
from tembr.ensemble.recordings import Recordings
from tembr.ensemble.sources import Division, Source
from tembr.errors import StoreError
from tembr.evaluate.report import read_probabilities
from tembr.features.shard import digest
from tembr.files import atomic_write, sha256
from tembr.member import Watch, make_recipe
from tembr.train.data import FeatureDataset, evaluation_loader
from tembr.train.fit import load_classifier

log = logging.getLogger("tembr")

BATCH = 64
FORMAT = 1
TOLERANCE = 1e-2
"""How far the study's posteriors may be from ours on average: the study may have computed them in bfloat16, which keeps
eight bits; here they are float32, as in an exported ensemble."""


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a fold as the members see it.

    Attributes:
        logits: `(members, n, classes)` float32.
        classes: `(n,)` spoken, as index.
        speakers: `(n,)` names, '' where unknown.
        indices: `(n,)` into the study's utterances.
    """

    logits: np.ndarray
    classes: np.ndarray
    speakers: np.ndarray
    indices: np.ndarray

    def of(self, members: Sequence[int]) -> Part:
        """The same for some of the members only."""
        return Part(self.logits[list(members)], self.classes, self.speakers, self.indices)


@dataclass(frozen=True, eq=False)
class FoldEvidence:
    """A fold: what may be chosen on, and what is measured on. Members were trained on neither."""

    name: str
    validation: Part
    test: Part


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that an ensemble is found and measured with under one protocol.

    Attributes:
        members: names, in the order of the logits.
        folds: of the protocol.
        seconds: length of each of the study's recordings.
        identity: digest of the networks, the splits and the recipe: of all that the logits depend on.
    """

    members: tuple[str, ...]
    folds: tuple[FoldEvidence, ...]
    seconds: np.ndarray
    identity: str

    @property
    def pooled(self) -> Part:
        """Validation parts of all folds as one; each recording as the networks of that fold heard it."""
        parts = [fold.validation for fold in self.folds]
        joined = [np.concatenate([getattr(p, name) for p in parts]) for name in ("classes", "speakers", "indices")]
        return Part(np.concatenate([p.logits for p in parts], axis=1), *joined)


@dataclass(frozen=True, eq=False)
class _Heard:
    """Logits of one member: 'FOLD.PART' → `(n, classes)`, and the length of each of the study's recordings."""

    logits: dict[str, np.ndarray]
    seconds: np.ndarray


def gather(
    study: StudySettings,
    division: Division,
    sources: Sequence[Source],
    recordings: Recordings,
    folder: Path,
    watch: Watch,
) -> Evidence:
    """Logits of every source on validation and test part of every fold, kept in `folder/logits`.

    Raises:
        StoreError: the recordings are others than the study's, or a network is damaged or gives no finite numbers.
    """
    identities = [_identity(study, division, source) for source in sources]
    heard = [
        _read(folder / "logits" / f"{source.name}.safetensors", identity)
        or _compute(study, division, source, recordings, identity, folder, watch)
        for source, identity in zip(sources, identities)
    ]
    folds = tuple(_fold(division, number, heard) for number in range(len(division.folds)))
    return Evidence(tuple(s.name for s in sources), folds, heard[0].seconds, digest("".join(identities).encode()))


def _fold(division: Division, number: int, heard: Sequence[_Heard]) -> FoldEvidence:
    fold = division.folds[number]
    parts = []
    for name in ("validation", "test"):
        indices = getattr(fold, name)
        speakers = np.array([division.utterances[i].speaker for i in indices])
        logits = np.stack([one.logits[f"{number}.{name}"] for one in heard])
        parts.append(Part(logits, division.classes[indices], speakers, indices))
    return FoldEvidence(fold.name, *parts)


def _identity(study: StudySettings, division: Division, source: Source) -> str:
    """Digest of what a member's logits depend on, on any machine."""
    settings = {name: study.model_dump(mode="json")[name] for name in ("features", "pictures")}
    recordings = [(u.key, u.emotion, u.speaker) for u in division.utterances]
    folds = [[f.name, f.validation.tolist(), f.test.tolist()] for f in division.folds]
    facts = [FORMAT, source.name, study.train.network, settings, recordings, folds]
    networks = [sha256(path) for path in source.networks]
    return digest(json.dumps([*facts, networks], sort_keys=True).encode())


def _read(path: Path, identity: str) -> _Heard | None:
    """What an earlier run computed, if it is of the same networks and recordings, and whole."""
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("identity") != identity:
                return None
            values = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError) as error:
        log.warning("%s: damaged (%s); computing it again", path, error)
        return None
    return _Heard(values, values.pop("seconds"))


def _compute(study, division, source, recordings, identity, folder, watch) -> _Heard:
    recipe = make_recipe(study, source.name, len(division.labels))
    table = recordings.table(source.name)
    size = sum(len(fold.validation) + len(fold.test) for fold in division.folds)
    logits: dict[str, np.ndarray] = {}
    for number, (fold, path) in enumerate(zip(division.folds, source.networks)):
        classifier = _placed(load_classifier(recipe, path), study)
        for part in ("validation", "test"):
            logits[f"{number}.{part}"] = _run(classifier, table, getattr(fold, part))
            watch.progress(f"{source.name} · logits", sum(map(len, logits.values())), size)
    _require_finite(logits, source)
    _compare_with_study(logits, division, source)
    path = folder / "logits" / f"{source.name}.safetensors"
    with atomic_write(path) as temporary:
        save_file(logits | {"seconds": recordings.seconds}, temporary, metadata={"identity": identity})
    return _Heard(logits, recordings.seconds)


def _placed(classifier, study: StudySettings):
    if study.train.channels_last:
        classifier.network.to(memory_format=torch.channels_last)
    return classifier.to("cuda" if study.train.device != "cpu" and torch.cuda.is_available() else "cpu")


@torch.inference_mode()
def _run(classifier, table, indices: np.ndarray) -> np.ndarray:
    device = next(classifier.parameters()).device
    dataset = FeatureDataset(table, np.zeros(len(table), dtype=int), indices)
    batches = [classifier(values.to(device)) for values, _ in evaluation_loader(dataset, BATCH)]
    return torch.cat(batches).float().cpu().numpy()


def _require_finite(logits: dict[str, np.ndarray], source: Source) -> None:
    if not all(np.isfinite(values).all() for values in logits.values()):
        raise StoreError(
            f"{source.folder}: the network of {source.name} gives NaN or infinite logits; remove that folder and "
            "train it again, or leave it out with --members"
        )


def _compare_with_study(logits: dict[str, np.ndarray], division: Division, source: Source) -> None:
    """Warn where the networks no longer say what the study wrote down of them."""
    ours = np.concatenate([softmax(logits[f"{n}.test"], axis=1) for n in range(len(division.folds))])
    written = read_probabilities(source.folder)
    tested = [division.utterances[i].key for fold in division.folds for i in fold.test]
    if list(written["file"]) != tested:
        raise StoreError(f"{source.folder}: probabilities.csv is of other recordings; run the study of it again")
    theirs = written[[f"p_{label}" for label in division.labels]].to_numpy()
    distance = np.abs(ours - theirs).mean()
    if distance > TOLERANCE:
        log.warning(
            "%s: its networks answer otherwise than its probabilities.csv (by %.3f on average, %.1f %% of the labels); "
            "the recordings or the networks were changed",
            source.folder,
            distance,
            100 * (ours.argmax(1) != theirs.argmax(1)).mean(),
        )
