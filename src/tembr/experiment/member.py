"""One member of a study under one protocol: fitted on every fold, measured on all test parts together."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from tembr.corpora.corpus import Utterance
from tembr.errors import StoreError
from tembr.evaluate.coverage import HALF, accuracy_at, coverage_table
from tembr.evaluate.metrics import Scores, score
from tembr.evaluate.plots import confusion_png, history_png
from tembr.evaluate.reliability import coverage_png, reliability_png
from tembr.evaluate.report import read_probabilities, write_coverage, write_probabilities, write_report
from tembr.evaluate.results import MemberResult, read_member
from tembr.experiment.heldout import FoldLogits, inner_logits
from tembr.experiment.recordings import Recordings, parts_of
from tembr.experiment.settings import StudySettings
from tembr.experiment.tracking import Tracker
from tembr.files import atomic_write, digest, json_bytes
from tembr.models import Member, MemberSettings, fit_member
from tembr.progress import Progress
from tembr.splits import Fold
from tembr.train.history import discard_checkpoints, write_history


@dataclass(frozen=True)
class MemberRun:
    """A member under one protocol of a study, in the folder of its results."""

    settings: StudySettings
    recordings: Recordings
    protocol: str
    folds: list[Fold]
    member: MemberSettings
    folder: Path
    progress: Progress

    def run(self, tracker: Tracker) -> MemberResult:
        """Fit the member on every fold, then measure it on all test parts together."""
        done = self.folder / "summary.json"
        if done.exists():
            self.progress.say(f"{self.protocol} · {self.member.name}: done before")
            return read_member(done)
        tracker = tracker.child(f"{self.member.name} · {self.protocol}", self.folder / ".mlflow-run.json")
        tracker.params(
            {"member": self.member.name, "protocol": self.protocol, **self.settings.tree_of(self.member.name)}
        )
        outcomes = [self._fold(number, tracker) for number in range(len(self.folds))]
        summary = self._report(outcomes)
        tracker.metrics({name: summary[name]["value"] for name in ("accuracy", "uar", "macro_f1", "ece")})
        tracker.artifacts(self.folder, skip=() if self.settings.track.weights else (".safetensors",))
        tracker.finish()
        self.progress.say(_line(summary))
        return MemberResult(self.member.name, self.protocol, summary["kind"], summary)

    def _fold(self, number: int, tracker: Tracker) -> Outcome:
        fold = self.folds[number]
        place = fold_folder(self.folder, len(self.folds), fold.name)
        if (place / "fold.json").exists():
            done = Outcome.read(place)
            if done.fold != fold.name:
                raise StoreError(f"{place}: is of {done.fold}, whose name is the same folder's here; rename a speaker")
            discard_checkpoints(place)
            return done
        name = self.member.name
        self.progress.say(f"{self.protocol} · {name} · fold {number + 1} of {len(self.folds)} ({fold.name})")
        if len(self.folds) > 1:
            tracker = tracker.child(f"{name} · {fold.name}", place / ".mlflow-run.json")
        followed = replace(self.progress, row=lambda row: tracker.metrics(row, step=row.get("epoch", 0)))
        fitted = self._fitted(parts_of(self.member, fold), place, followed)
        logits = self._logits(fitted, fold, place)
        logits.write(place)
        outcome = Outcome(fold.name, self._predictions(fold, logits), fitted.history, fitted.parameters)
        outcome.write(place)
        discard_checkpoints(place)
        if len(self.folds) > 1:
            tracker.finish()
        outcome = Outcome.read(place)  # as a later run will see it, to the last digit
        self.progress.say(_fold_line(outcome, self.recordings.labels))
        return outcome

    def _fitted(self, parts: tuple[np.ndarray, np.ndarray], place: Path, progress: Progress) -> Member:
        data = self.recordings.data(self.member, *parts, place)
        fitted = fit_member(self.member, self.recordings.features, data, self.settings.seed, progress)
        fitted.save(place)
        return fitted

    def _logits(self, fitted: Member, fold: Fold, place: Path) -> FoldLogits:
        """Of the test part by the member itself; held-out ones by it too, or by members that learnt from less."""
        tables = self.recordings.tables
        test = fitted.answer(tables, fold.test)[0]
        if self.member.uses_validation:
            return FoldLogits(fold.validation, fitted.answer(tables, fold.validation)[0], fold.test, test)
        seed, progress = self.settings.seed, self.progress
        heldout, logits, _ = inner_logits(self.member, self.recordings, fold, seed, place, progress)
        return FoldLogits(heldout, logits, fold.test, test)

    def _predictions(self, fold: Fold, logits: FoldLogits) -> pd.DataFrame:
        utterances = [self.recordings.utterances[index] for index in fold.test]
        posteriors = softmax(logits.test_logits.astype(np.float64), axis=1)
        return prediction_table(utterances, self.recordings.labels, posteriors, fold.name)

    def _report(self, outcomes: list[Outcome]) -> dict:
        labels = self.recordings.labels
        predictions = pd.concat([o.predictions for o in outcomes], ignore_index=True)
        scores = score_predictions(predictions, labels, self.settings.bootstrap_seed)
        title = f"{self.member.name}, {self.protocol} protocol, {self.recordings.target.name}"
        write_probabilities(predictions, self.folder)
        write_report(scores, self.folder)
        confusion_png(scores, self.folder / "confusion.png", title)
        truth, posteriors = truth_and_posteriors(predictions, labels)
        write_coverage(coverage_table(truth, posteriors), self.folder)
        coverage_png(truth, posteriors, self.folder / "coverage.png", title)
        reliability_png({self.member.name: posteriors}, truth, self.folder / "reliability.png", title)
        if any("epoch" in row for o in outcomes for row in o.history):
            history = _joined_history(outcomes)
            if len(outcomes) > 1:
                write_history(history.to_dict("records"), self.folder / "history.csv", ("fold",))
            history_png(history, self.folder / "history.png", title)
        summary = self._summary(scores, outcomes) | confident_half(predictions, labels)
        with atomic_write(self.folder / "summary.json") as temporary:
            temporary.write_bytes(json_bytes(summary))
        return summary

    def _summary(self, scores: Scores, outcomes: list[Outcome]) -> dict:
        labels = self.recordings.labels
        return {
            "member": self.member.name,
            "kind": "baseline" if self.member.baseline else self.member.kind,
            "protocol": self.protocol,
            "corpus": self.recordings.target.name,
            "auxiliary": [corpus.name for corpus in self.recordings.auxiliary],
            "licence": self.recordings.target.licence,
            "seed": self.settings.split.seed,
            "folds": len(outcomes),
            "network": self.member.describe(),
            "parameters": outcomes[0].parameters,
            "train_seconds": round(sum(row["seconds"] for o in outcomes for row in o.history), 3),
            "epochs": sum("epoch" in row for o in outcomes for row in o.history),
            "uar_per_fold": {o.fold: _fold_uar(o, labels) for o in outcomes},
            **scores.as_dict(),
        }


@dataclass(frozen=True)
class Outcome:
    """A finished fold: predictions of its test part, what happened in the fitting, and how many numbers it found."""

    fold: str
    predictions: pd.DataFrame
    history: list[dict]
    parameters: int

    def write(self, place: Path) -> None:
        """Leave the fold's files in `place`; `fold.json`, which says that it is finished, last."""
        write_probabilities(self.predictions, place)
        facts = {"fold": self.fold, "parameters": self.parameters, "history": self.history}
        with atomic_write(place / "fold.json") as temporary:
            temporary.write_bytes(json_bytes(facts))

    @staticmethod
    def read(place: Path) -> Outcome:
        try:
            facts = json.loads((place / "fold.json").read_bytes())
            history, parameters = facts["history"], facts["parameters"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{place / 'fold.json'}: damaged; remove it and the fold is trained again") from error
        predictions = read_probabilities(place)
        return Outcome(facts["fold"], predictions, history, parameters)


def fold_folder(member_folder: Path, folds: int, fold: str) -> Path:
    """Where a member keeps the network of one fold: its own folder where there is only one."""
    return member_folder if folds == 1 else member_folder / f"fold-{_file_name(fold)}"


def prediction_table(
    utterances: Sequence[Utterance], labels: Sequence[str], posteriors: np.ndarray, fold: str
) -> pd.DataFrame:
    """Posteriors `(n, classes)` of n utterances with who said what, as in `probabilities.csv`."""
    frame = pd.DataFrame(
        {
            "file": [u.key for u in utterances],
            "speaker": [u.speaker for u in utterances],
            "gender": [u.gender for u in utterances],
            "emotion": [u.emotion for u in utterances],
            "predicted": [labels[k] for k in posteriors.argmax(1)],
            "fold": fold,
        }
    )
    return frame.join(pd.DataFrame(posteriors, columns=[f"p_{label}" for label in labels]))


def score_predictions(predictions: pd.DataFrame, labels: tuple[str, ...], seed: int = 0) -> Scores:
    """Scores of a table of predictions, as in `probabilities.csv`."""
    truth, posteriors = truth_and_posteriors(predictions, labels)
    return score(truth, posteriors, labels, list(predictions["speaker"]), list(predictions["gender"]), seed)


def confident_half(predictions: pd.DataFrame, labels: tuple[str, ...]) -> dict:
    """What a summary says of the most confident half of a table of predictions: value (accuracy) and n."""
    return {HALF: asdict(accuracy_at(*truth_and_posteriors(predictions, labels), coverage=0.5))}


def truth_and_posteriors(predictions: pd.DataFrame, labels: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Classes `(n,)` and posteriors `(n, classes)` of a table of predictions, as in `probabilities.csv`."""
    truth = np.array([labels.index(emotion) for emotion in predictions["emotion"]])
    return truth, predictions[[f"p_{label}" for label in labels]].to_numpy()


def _fold_uar(outcome: Outcome, labels: tuple[str, ...]) -> float:
    return round(score_predictions(outcome.predictions, labels).uar.value, 4)


def _joined_history(outcomes: list[Outcome]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(o.history).assign(fold=o.fold) for o in outcomes], ignore_index=True)


def _file_name(name: str) -> str:
    """`name` as part of a file's name: a speaker of someone's table may be called anything, '../x' included.

    What had to be replaced is told apart by a digest of the whole.
    """
    plain = re.sub(r"[^\w.+-]", "_", name)
    return plain if plain == name and len(plain) < 80 else f"{plain[:60]}-{digest(name.encode())[:8]}"


def _fold_line(outcome: Outcome, labels: tuple[str, ...]) -> str:
    losses = [row["val_loss"] for row in outcome.history if "val_loss" in row]
    best = f"; best epoch {int(np.argmin(losses)) + 1} of {len(losses)}" if losses else ""
    return f"  {outcome.fold}: UAR {_fold_uar(outcome, labels):.3f} on {len(outcome.predictions)} recordings{best}"


def _line(summary: dict) -> str:
    accuracy, uar = summary["accuracy"], summary["uar"]
    return (
        f"{summary['protocol']} · {summary['member']}: accuracy {accuracy['value']:.3f} "
        f"[{accuracy['low']:.3f}, {accuracy['high']:.3f}], UAR {uar['value']:.3f}, {summary['train_seconds']:.0f} s"
    )
