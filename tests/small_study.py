"""A study on disk that nobody fitted: 12 recordings of three speakers and two emotions, and members who answered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from tembr.adaptation.belief import softmax
from tembr.corpora import write_table
from tembr.corpora.corpus import Corpus, Utterance
from tembr.evaluate.metrics import score
from tembr.experiment.heldout import FoldLogits
from tembr.experiment.member import Outcome, fold_folder, prediction_table
from tembr.experiment.recordings import Recordings
from tembr.experiment.settings import StudySettings, load_settings, write_settings
from tembr.experiment.study import member_folder, place_of
from tembr.splits import Fold, make_folds

LABELS = ("anger", "fear")
CORPUS = Corpus(
    "demo",
    tuple(
        Utterance(f"{speaker}-{emotion}-{take}.wav", Path(), emotion, speaker, "female")
        for speaker in ("A", "B", "C")
        for emotion in LABELS
        for take in (1, 2)
    ),
    "CC0 1.0",
)
CLASSES = np.array([LABELS.index(u.emotion) for u in CORPUS.utterances])


def write_study(folder: Path, *members: str, protocols: tuple[str, ...] = ("speaker",), **values) -> StudySettings:
    """Leave the files of a study whose members are often right, the first most often."""
    settings = load_settings(members=members, protocols=protocols, track__enabled=False, **values)
    write_settings(settings, folder / "config.toml")
    write_table(CORPUS, folder / "dataset_info.csv")
    for protocol in protocols:
        place = place_of(settings, folder, protocol)
        place.mkdir(parents=True, exist_ok=True)
        (place / "splits.csv").write_text("file,part,fold\n")
        folds = make_folds(CORPUS, protocol, settings.split)
        for number, member in enumerate(settings.members.values()):
            write_member(place / member_folder(member), member, protocol, folds, 3.0 - number)
    return settings


def write_member(folder: Path, member, protocol: str, folds: list[Fold], strength: float) -> None:
    """Logits and predictions of every fold, and the summary of all; the truth stands out by `strength`."""
    logits = np.random.default_rng(7).normal(size=(len(CORPUS), 2)) + strength * np.eye(2)[CLASSES]
    logits = logits.astype(np.float32)
    for fold in folds:
        place = fold_folder(folder, len(folds), fold.name)
        place.mkdir(parents=True, exist_ok=True)
        FoldLogits(fold.validation, logits[fold.validation], fold.test, logits[fold.test]).write(place)
        utterances = [CORPUS.utterances[i] for i in fold.test]
        table = prediction_table(utterances, LABELS, softmax(logits[fold.test]), fold.name)
        Outcome(fold.name, table, [{"epoch": 1, "val_loss": 0.5, "seconds": 2.0}], 10).write(place)
    tested = np.concatenate([fold.test for fold in folds])
    scores = score(CLASSES[tested], softmax(logits[tested]), LABELS)
    summary = {"member": member.name, "protocol": protocol, "corpus": "demo", "licence": "CC0 1.0", "seed": 42}
    summary |= {"kind": "baseline" if member.baseline else member.kind, "folds": len(folds), "epochs": 1}
    summary |= {"network": member.describe(), "parameters": 10, "train_seconds": 2.0, **scores.as_dict()}
    (folder / "summary.json").write_text(json.dumps(summary))


def recordings_of(folder: Path) -> Recordings:
    """The recordings of the study with a second and a half of audio each, and no values of it."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "one.wav", np.zeros(24_000, np.float32), 16_000)
    target = replace(CORPUS, utterances=tuple(replace(u, path=folder / "one.wav") for u in CORPUS.utterances))
    index = np.arange(len(target))
    return Recordings(target, (), target.utterances, index, 0 * index, None, {})
