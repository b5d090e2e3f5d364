"""The experiment, from corpus to report: read `run_study` from top to bottom."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tembr.config import StudySettings, differences, load_settings, write_settings
from tembr.corpora import load_corpus, write_table
from tembr.corpora.corpus import Corpus
from tembr.corpora.describe import describe, usable
from tembr.corpora.splits import Fold, make_folds
from tembr.errors import ConfigError, CorpusError, StoreError
from tembr.evaluate.comparison import write_comparison
from tembr.evaluate.metrics import Scores, score
from tembr.evaluate.plots import confusion_png, history_png
from tembr.evaluate.report import read_probabilities, write_probabilities, write_report
from tembr.evaluate.results import MemberResult, read_study
from tembr.features.extract import find
from tembr.features.store import FeatureStore, FeatureTable
from tembr.files import atomic_write
from tembr.train.baselines import BASELINES, fit_baseline
from tembr.train.fit import Recipe, Trained, fit
from tembr.train.history import write_history
from tembr.train.track import Silent, Tracker, open_tracker

log = logging.getLogger("tembr")


@dataclass(frozen=True)
class Watch:
    """How a study is followed: where lines, counts and progress bars go.

    Attributes:
        say: told a line for every step.
        progress: told what is counted, how much is done and how much there is.
        bars: show training's own progress bars on stderr.
    """

    say: Callable[[str], None] = log.info
    progress: Callable[[str, int, int], None] = lambda what, done, total: None
    bars: bool = False


@dataclass(frozen=True)
class Member:
    """One line of a comparison to be: a network on a representation, or a baseline."""

    name: str
    kind: str


def run_study(settings: StudySettings, folder: Path, watch: Watch = Watch()) -> list[MemberResult]:
    """Train and measure every member under every protocol; finished members and folds are not done again.

    Args:
        settings: everything the result depends on; written to `folder/config.toml`.
        folder: of the study. One that holds a study with other settings is refused.

    Returns:
        Results of all members under all protocols, as `read_study` finds them.

    Raises:
        TembrError: the corpus, the settings or the disk do not allow it; what was finished stays.
    """
    _claim(settings, folder)
    corpus = _usable_corpus(settings, watch)
    write_table(corpus, folder / "dataset_info.csv")
    members = [Member(name, "baseline") for name in BASELINES if settings.baselines]
    members += [Member(name, "network") for name in settings.representations]
    folds = {protocol: make_folds(corpus, protocol, settings.split) for protocol in settings.protocols}
    tables = _prepare(settings, corpus, members, watch)
    tracker = _tracker(settings, folder)
    results: list[MemberResult] = []
    for protocol in settings.protocols:
        place = folder if protocol == settings.protocols[0] else folder / protocol
        _write_splits(corpus, folds[protocol], place)
        for member in members:
            run = Run(settings, corpus, tables, protocol, folds[protocol], place / _folder(member), watch)
            results.append(run.member(member, tracker))
            write_comparison(results, folder, f"{corpus.name}: {len(corpus)} recordings")
    tracker.artifacts(folder, skip=(".db", ".db-shm", ".db-wal"))
    tracker.finish()
    return results


def read_results(folder: Path) -> list[MemberResult]:
    """Read a finished study back, all its protocols; `evaluate.results.comparison_table` makes it a table."""
    results = read_study(folder)
    return results + [r for path in sorted(folder.glob("*/*/summary.json")) for r in _below(path, results)]


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
            return MemberResult(member.name, self.protocol, member.kind, json.loads(done.read_text()))
        tracker = tracker.child(f"{member.name} · {self.protocol}", self.folder / ".mlflow-run.json")
        tracker.params(
            {"member": member.name, "protocol": self.protocol, **self.settings.model_dump(mode="json")}
        )
        outcomes = [self._fold(member, number, tracker) for number in range(len(self.folds))]
        summary = self._report(member, outcomes)
        tracker.metrics({name: summary[name]["value"] for name in ("accuracy", "uar", "macro_f1", "ece")})
        tracker.artifacts(self.folder, skip=() if self.settings.track.weights else (".safetensors",))
        tracker.finish()
        self.watch.say(_line(summary))
        return MemberResult(member.name, self.protocol, member.kind, summary)

    def _fold(self, member: Member, number: int, tracker: Tracker) -> Outcome:
        fold = self.folds[number]
        place = self.folder if len(self.folds) == 1 else self.folder / f"fold-{fold.name}"
        finished = place / "fold.json"
        if finished.exists():
            return Outcome.read(place)
        self.watch.say(
            f"{self.protocol} · {member.name} · fold {number + 1} of {len(self.folds)} ({fold.name})"
        )
        if len(self.folds) > 1:
            tracker = tracker.child(f"{member.name} · {fold.name}", place / ".mlflow-run.json")
        trained = self._train(member, fold, place, tracker)
        outcome = Outcome(fold.name, self._predictions(fold, trained), trained.history, trained.parameters)
        outcome.write(place)
        if len(self.folds) > 1:
            tracker.finish()
        return outcome

    def _train(self, member: Member, fold: Fold, place: Path, tracker: Tracker) -> Trained:
        classes = np.array([self.corpus.labels.index(u.emotion) for u in self.corpus.utterances])
        parts = fold.train, fold.validation, fold.test
        if member.kind == "baseline":
            return fit_baseline(member.name, self.tables["mfcc"], classes, parts)

        def on_epoch(row: dict) -> None:
            tracker.metrics(row, step=row["epoch"])
            self.watch.progress(f"{member.name} epochs", row["epoch"], self.settings.train.epochs)

        recipe = make_recipe(self.settings, member.name, len(self.corpus.labels))
        return fit(recipe, self.tables[recipe.table_name], classes, parts, place, on_epoch, self.watch.bars)

    def _predictions(self, fold: Fold, trained: Trained) -> pd.DataFrame:
        utterances = [self.corpus.utterances[index] for index in fold.test]
        labels = self.corpus.labels
        frame = pd.DataFrame(
            {
                "file": [u.key for u in utterances],
                "speaker": [u.speaker for u in utterances],
                "gender": [u.gender for u in utterances],
                "emotion": [u.emotion for u in utterances],
                "predicted": [labels[k] for k in trained.posteriors.argmax(1)],
                "fold": fold.name,
            }
        )
        return frame.join(pd.DataFrame(trained.posteriors, columns=[f"p_{label}" for label in labels]))

    def _report(self, member: Member, outcomes: list[Outcome]) -> dict:
        predictions = pd.concat([o.predictions for o in outcomes], ignore_index=True)
        scores = score_predictions(predictions, self.corpus.labels, self.settings.bootstrap_seed)
        title = f"{member.name}, {self.protocol} protocol, {self.corpus.name}"
        write_probabilities(predictions, self.folder)
        write_report(scores, self.folder)
        confusion_png(scores, self.folder / "confusion.png", title)
        if member.kind == "network":
            history = _joined_history(outcomes)
            if len(outcomes) > 1:
                write_history(history.to_dict("records"), self.folder / "history.csv", ("fold",))
            history_png(history, self.folder / "history.png", title)
        summary = self._summary(member, scores, outcomes)
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
        except (ValueError, KeyError) as error:
            raise StoreError(
                f"{place / 'fold.json'}: damaged; remove it and the fold is trained again"
            ) from error
        predictions = read_probabilities(place).astype({"fold": str})
        return Outcome(facts["fold"], predictions, history, parameters)


def make_recipe(settings: StudySettings, representation: str, classes: int) -> Recipe:
    """The recipe of one member of a study."""
    entry = find(representation)
    return Recipe(entry, classes, settings.features, settings.pictures, settings.augment, settings.train)


def score_predictions(predictions: pd.DataFrame, labels: tuple[str, ...], seed: int = 0) -> Scores:
    """Scores of a table of predictions, as in `probabilities.csv`."""
    truth = np.array([labels.index(emotion) for emotion in predictions["emotion"]])
    posteriors = predictions[[f"p_{label}" for label in labels]].to_numpy()
    return score(truth, posteriors, labels, list(predictions["speaker"]), list(predictions["gender"]), seed)


def _claim(settings: StudySettings, folder: Path) -> None:
    path = folder / "config.toml"
    if path.exists():
        changed = differences(load_settings(path), settings)
        if changed:
            raise ConfigError(
                f"{folder} holds a study with other settings: {'; '.join(changed)}; choose another --out"
            )
        return
    write_settings(settings, path)


def _usable_corpus(settings: StudySettings, watch: Watch) -> Corpus:
    chosen = settings.corpus
    corpus = load_corpus(
        chosen.name,
        chosen.folder or None,
        unmapped=chosen.unmapped,
        columns=chosen.columns or None,
        allow_outside=chosen.allow_outside,
    )
    description = describe(
        corpus, settings.features.window, lambda done, total: watch.progress("recordings read", done, total)
    )
    left_out = len(description.missing) + len(description.unreadable)
    for key in description.missing:
        log.warning("%s: missing; left out", key)
    for key, reason in description.unreadable.items():
        log.warning("%s: %s; left out", key, reason)
    if left_out == len(corpus):
        raise CorpusError(
            f"{corpus.name}: none of its {len(corpus)} recordings can be read; check --corpus-dir"
        )
    if left_out:
        watch.say(f"{left_out} of {len(corpus)} recordings left out: missing or unreadable")
    return usable(corpus, description)


def _prepare(settings, corpus: Corpus, members: list[Member], watch: Watch) -> dict[str, FeatureTable]:
    needed = {make_recipe(settings, m.name, 2).table_name for m in members if m.kind == "network"}
    needed |= {"mfcc"} if settings.baselines else set()
    return FeatureStore().prepare(
        corpus.utterances,
        sorted(needed),
        settings.features,
        lambda done, total: watch.progress("recordings analysed", done, total),
    )


def _tracker(settings: StudySettings, folder: Path) -> Tracker:
    if not settings.track.enabled:
        return Silent()
    track = settings.track
    tracker = open_tracker(
        track.uri, track.experiment or folder.resolve().name, f"study {folder.name}", folder
    )
    tracker.params(settings.model_dump(mode="json"))
    return tracker


def _write_splits(corpus: Corpus, folds: list[Fold], place: Path) -> None:
    rows = [
        (u.key, part, fold.name)
        for fold in folds
        for u, part in zip(corpus.utterances, fold.part_of(len(corpus)), strict=True)
    ]
    with atomic_write(place / "splits.csv") as temporary:
        pd.DataFrame(rows, columns=["file", "part", "fold"]).to_csv(temporary, index=False)


def _folder(member: Member) -> str:
    return member.name if member.kind == "network" else f"baseline_{member.name}"


def _fold_uar(outcome: Outcome, labels: tuple[str, ...]) -> float:
    return round(score_predictions(outcome.predictions, labels).uar.value, 4)


def _joined_history(outcomes: list[Outcome]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(o.history).assign(fold=o.fold) for o in outcomes], ignore_index=True)


def _below(path: Path, known: list[MemberResult]) -> list[MemberResult]:
    summary = json.loads(path.read_text())
    return [MemberResult(summary["member"], summary["protocol"], summary["kind"], summary)]


def _line(summary: dict) -> str:
    accuracy, uar = summary["accuracy"], summary["uar"]
    return (
        f"{summary['protocol']} · {summary['member']}: accuracy {accuracy['value']:.3f} "
        f"[{accuracy['low']:.3f}, {accuracy['high']:.3f}], UAR {uar['value']:.3f}, {summary['train_seconds']:.0f} s"
    )
