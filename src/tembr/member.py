"""One member of a study under one protocol: trained on every fold, measured on all test parts together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tembr.config import StudySettings
from tembr.corpora.corpus import Corpus, Utterance
from tembr.corpora.splits import Fold
from tembr.errors import StoreError
from tembr.evaluate.coverage import HALF, accuracy_at, coverage_table
from tembr.evaluate.metrics import Scores, score
from tembr.evaluate.plots import confusion_png, history_png
from tembr.evaluate.reliability import coverage_png, reliability_png
from tembr.evaluate.report import read_probabilities, write_coverage, write_probabilities, write_report
from tembr.evaluate.results import MemberResult, read_member
from tembr.features.extract import find
from tembr.features.shard import digest
from tembr.features.store import FeatureTable
from tembr.files import atomic_write
from tembr.train.baselines import fit_baseline
from tembr.train.fit import Recipe, Trained, discard_checkpoints, fit
from tembr.train.history import write_history
from tembr.train.track import Tracker


@dataclass(frozen=True)
class Watch:
    """How a study is followed: where lines, counts and progress bars go.

    Attributes:
        say: told a line for every step.
        progress: told what is counted, how much is done and how much there is.
    """

    say: Callable[[str], None] = lambda line: None
    progress: Callable[[str, int, int], None] = lambda what, done, total: None


@dataclass(frozen=True)
class Member:
    """One line of a comparison to be: a 'network' on a representation, a 'baseline', or the 'ensemble'."""

    name: str
    kind: str

    @property
    def folder(self) -> str:
        """Name of its folder in a study."""
        return f"baseline_{self.name}" if self.kind == "baseline" else self.name


@dataclass(frozen=True)
class Run:
    """One protocol of a study over one corpus, in the folder of one member."""

    settings: StudySettings
    corpus: Corpus
    tables: dict[str, FeatureTable]
    protocol: str
    folds: list[Fold]
    folder: Path
    watch: Watch

    def member(self, member: Member, tracker: Tracker) -> MemberResult:
        """Train a member on every fold, then measure it on all test parts together."""
        done = self.folder / "summary.json"
        if done.exists():
            self.watch.say(f"{self.protocol} · {member.name}: done before")
            return read_member(done)
        tracker = tracker.child(f"{member.name} · {self.protocol}", self.folder / ".mlflow-run.json")
        tracker.params({"member": member.name, "protocol": self.protocol, **self.settings.model_dump(mode="json")})
        outcomes = [self._fold(member, number, tracker) for number in range(len(self.folds))]
        summary = self._report(member, outcomes)
        tracker.metrics({name: summary[name]["value"] for name in ("accuracy", "uar", "macro_f1", "ece")})
        tracker.artifacts(self.folder, skip=() if self.settings.track.weights else (".safetensors",))
        tracker.finish()
        self.watch.say(_line(summary))
        return MemberResult(member.name, self.protocol, member.kind, summary)

    def _fold(self, member: Member, number: int, tracker: Tracker) -> Outcome:
        fold = self.folds[number]
        place = fold_folder(self.folder, len(self.folds), fold.name)
        if (place / "fold.json").exists():
            discard_checkpoints(place)
            return Outcome.read(place)
        self.watch.say(f"{self.protocol} · {member.name} · fold {number + 1} of {len(self.folds)} ({fold.name})")
        if len(self.folds) > 1:
            tracker = tracker.child(f"{member.name} · {fold.name}", place / ".mlflow-run.json")
        trained = self._train(member, fold, place, tracker)
        outcome = Outcome(fold.name, self._predictions(fold, trained), trained.history, trained.parameters)
        outcome.write(place)
        discard_checkpoints(place)
        if len(self.folds) > 1:
            tracker.finish()
        outcome = Outcome.read(place)  # as a later run will see it, to the last digit
        self.watch.say(_fold_line(outcome, self.corpus.labels))
        return outcome

    def _train(self, member: Member, fold: Fold, place: Path, tracker: Tracker) -> Trained:
        classes = np.array([self.corpus.labels.index(u.emotion) for u in self.corpus.utterances])
        parts = fold.train, fold.validation, fold.test
        if member.kind == "baseline":
            return fit_baseline(member.name, self.tables["mfcc"], classes, parts)

        def on_epoch(row: dict) -> None:
            tracker.metrics(row, step=row["epoch"])

        def on_step(epoch: int, done: int, total: int) -> None:
            self.watch.progress(f"{member.name} · epoch {epoch}", done, total)

        recipe = make_recipe(self.settings, member.name, len(self.corpus.labels))
        return fit(recipe, self.tables[recipe.table_name], classes, parts, place, on_epoch, on_step)

    def _predictions(self, fold: Fold, trained: Trained) -> pd.DataFrame:
        utterances = [self.corpus.utterances[index] for index in fold.test]
        return prediction_table(utterances, self.corpus.labels, trained.posteriors, fold.name)

    def _report(self, member: Member, outcomes: list[Outcome]) -> dict:
        predictions = pd.concat([o.predictions for o in outcomes], ignore_index=True)
        scores = score_predictions(predictions, self.corpus.labels, self.settings.bootstrap_seed)
        title = f"{member.name}, {self.protocol} protocol, {self.corpus.name}"
        write_probabilities(predictions, self.folder)
        write_report(scores, self.folder)
        confusion_png(scores, self.folder / "confusion.png", title)
        truth, posteriors = truth_and_posteriors(predictions, self.corpus.labels)
        write_coverage(coverage_table(truth, posteriors), self.folder)
        coverage_png(truth, posteriors, self.folder / "coverage.png", title)
        reliability_png({member.name: posteriors}, truth, self.folder / "reliability.png", title)
        if member.kind == "network":
            history = _joined_history(outcomes)
            if len(outcomes) > 1:
                write_history(history.to_dict("records"), self.folder / "history.csv", ("fold",))
            history_png(history, self.folder / "history.png", title)
        summary = self._summary(member, scores, outcomes) | confident_half(predictions, self.corpus.labels)
        with atomic_write(self.folder / "summary.json") as temporary:
            temporary.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
        return summary

    def _summary(self, member: Member, scores: Scores, outcomes: list[Outcome]) -> dict:
        per_fold = {o.fold: _fold_uar(o, self.corpus.labels) for o in outcomes}
        return {
            "member": member.name,
            "kind": member.kind,
            "protocol": self.protocol,
            "corpus": self.corpus.name,
            "licence": self.corpus.licence,
            "seed": self.settings.split.seed,
            "folds": len(outcomes),
            "network": self.settings.train.network if member.kind == "network" else "",
            "parameters": outcomes[0].parameters,
            "train_seconds": round(sum(row["seconds"] for o in outcomes for row in o.history), 3),
            "epochs": sum("epoch" in row for o in outcomes for row in o.history),
            "uar_per_fold": per_fold,
            **scores.as_dict(),
        }


@dataclass(frozen=True)
class Outcome:
    """A finished fold: predictions of its test part, what happened in training, and the network's size."""

    fold: str
    predictions: pd.DataFrame
    history: list[dict]
    parameters: int

    def write(self, place: Path) -> None:
        """Leave the fold's files in `place`; `fold.json`, which says that it is finished, last."""
        write_probabilities(self.predictions, place)
        facts = {"fold": self.fold, "parameters": self.parameters, "history": self.history}
        with atomic_write(place / "fold.json") as temporary:
            temporary.write_text(json.dumps(facts) + "\n")

    @staticmethod
    def read(place: Path) -> Outcome:
        try:
            facts = json.loads((place / "fold.json").read_text())
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


def make_recipe(settings: StudySettings, representation: str, classes: int) -> Recipe:
    """The recipe of one member of a study."""
    entry = find(representation)
    return Recipe(entry, classes, settings.features, settings.pictures, settings.augment, settings.train)


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
