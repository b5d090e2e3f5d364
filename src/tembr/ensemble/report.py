"""What an ensemble leaves behind under one protocol: tables, pictures, and the figures they are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tembr.ensemble.adapted import AdaptedAnswers, AdaptedFold, fit_strength
from tembr.ensemble.combiners import WEIGHTED
from tembr.ensemble.heldout import HeldOut
from tembr.ensemble.measure import Measured, Way
from tembr.ensemble.members import StudyMember, StudyProtocol
from tembr.ensemble.pictures import write_search_pictures
from tembr.ensemble.search import weighting_of
from tembr.ensemble.sets import ADAPTED, SPEAKER_INDEPENDENT, Sets, adapted_sets, speaker_independent_sets
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.weighting import weigh
from tembr.errors import StoreError
from tembr.evaluate.comparison import comparison_markdown
from tembr.evaluate.coverage import coverage_table
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import Scores, confusion_matrix, uar
from tembr.evaluate.page import write_page
from tembr.evaluate.panels import comparison_png
from tembr.evaluate.plots import confusion_png
from tembr.evaluate.reliability import coverage_png, reliability_png
from tembr.evaluate.report import write_coverage, write_probabilities, write_report
from tembr.evaluate.results import MemberResult, comparison_table
from tembr.evaluate.significance import holm, mcnemar
from tembr.experiment.member import confident_half, prediction_table, score_predictions, truth_and_posteriors
from tembr.experiment.settings import StudySettings
from tembr.files import atomic_write, json_bytes, write_bytes
from tembr.splits import UNSEEN

ENSEMBLE, ANSWERS = "ensemble", "answers.csv"


@dataclass(frozen=True)
class ProtocolResult:
    """What is known of an ensemble under one protocol, read back from `results.json`.

    Attributes:
        identity: digest of all it depends on.
        results: of the ensemble, the other ways of joining, and each member.
        weighted: name among the results of the weighted one, the only one that is exported.
        weights, temperature: found to ship.
        search: how they were found.
        adapted: scores of answers adapted to each scored speaker, with `recordings`, `strengths` and `temperatures` of
            the folds, `shipped_strength`, `shipped_temperature` and `typical` logits; empty where not measured.
        set_thresholds: of prediction sets, speaker-independent and adapted, see `tembr.ensemble.sets`; empty where
            speakers are not unseen.
    """

    identity: str
    results: tuple[MemberResult, ...]
    weighted: str
    weights: dict[str, float]
    temperature: float
    search: dict
    adapted: dict
    set_thresholds: dict[str, list[float]]

    def of(self, name: str) -> MemberResult:
        """The result called `name`."""
        return next(result for result in self.results if result.member == name)

    def write(self, folder: Path) -> None:
        """Write `results.json`, the last file of a protocol: it vouches for the others."""
        content = vars(self) | {"results": [result.summary for result in self.results]}
        write_bytes(folder / "results.json", json_bytes(content))

    @staticmethod
    def read(folder: Path) -> ProtocolResult:
        """Read what `write` left.

        Raises:
            StoreError: it is missing or damaged.
        """
        path = folder / "results.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            results = [MemberResult(s["member"], s["protocol"], s["kind"], s) for s in content.pop("results")]
            return ProtocolResult(results=tuple(results), **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{path}: missing or damaged ({error}); run `tembr ensemble` again") from error


@dataclass(frozen=True, eq=False)
class Reporter:
    """Writes the folder of one protocol."""

    study: StudySettings
    settings: EnsembleSettings
    protocol: StudyProtocol
    members: Sequence[StudyMember]
    heldout: HeldOut
    folder: Path

    def write(self, measured: Measured, adapted: Sequence[AdaptedFold], identity: str) -> ProtocolResult:
        """Write everything, `results.json` last."""
        names = self._names(measured)
        tables = {name: self._predictions(measured.ways[way]) for name, way in names.items()}
        scores = {name: self._scores(table) for name, table in tables.items()}
        sets: dict[str, Sets] = {}
        if self.protocol.name in UNSEEN:
            sets[SPEAKER_INDEPENDENT] = speaker_independent_sets(self.heldout, measured)
        results = [
            self._result(
                name,
                measured.ways[way],
                scores[name],
                tables[name],
                sets.get(SPEAKER_INDEPENDENT) if way == WEIGHTED else None,
            )
            for name, way in names.items()
        ]
        self._tables(measured, tables, scores[ENSEMBLE])
        self._pictures(measured, tables[ENSEMBLE], scores[ENSEMBLE])
        write_comparison(results, self.folder, self._title("ways of joining"))
        found = measured.shipped.weighting
        weighted = next(name for name, way in names.items() if way == WEIGHTED)
        scored = self._adapted(adapted, sets) if adapted else {}
        search, thresholds = self._search(measured), {way: list(one.thresholds) for way, one in sets.items()}
        done = ProtocolResult(
            identity, tuple(results), weighted, found.weights, found.temperature, search, scored, thresholds
        )
        summary = done.of(ENSEMBLE).summary | {"weights": found.weights, "temperature": found.temperature}
        summary |= {"adapted": scored} if scored else {}
        write_bytes(self.folder / "summary.json", json_bytes(summary))
        done.write(self.folder)
        return done

    def _names(self, measured: Measured) -> dict[str, str]:
        """Name in tables → way; the combiner asked for is called the ensemble."""
        first = {ENSEMBLE: self.settings.combiner}
        return first | {way: way for way in measured.ways if way != self.settings.combiner}

    def _predictions(self, way: Way) -> pd.DataFrame:
        parts = [
            prediction_table(
                [self.protocol.utterances[i] for i in fold.test.indices], self.protocol.labels, posteriors, fold.name
            )
            for fold, posteriors in zip(self.heldout.folds, way.posteriors)
        ]
        return pd.concat(parts, ignore_index=True)

    def _scores(self, predictions: pd.DataFrame) -> Scores:
        return score_predictions(predictions, self.protocol.labels, self.study.bootstrap_seed)

    def _result(
        self, name: str, way: Way, scores: Scores, predictions: pd.DataFrame, sets: Sets | None
    ) -> MemberResult:
        of = {member.name: member.result.summary for member in self.members}
        kind = of[name]["kind"] if name in self.heldout.members else "ensemble"
        facts = {name: self.members[0].result.summary.get(name, "") for name in ("corpus", "licence", "seed")}
        return MemberResult(
            name,
            self.protocol.name,
            kind,
            {
                "member": name,
                "kind": kind,
                "protocol": self.protocol.name,
                **facts,
                "folds": len(self.protocol.folds),
                "network": " + ".join(dict.fromkeys(of[member]["network"] for member in sorted(way.members))),
                "parameters": max(sum(of[member]["parameters"] for member in used) for used in way.uses),
                "train_seconds": round(sum(of[member]["train_seconds"] for member in way.members), 3),
                "epochs": sum(of[member].get("epochs", 0) for member in way.members),
                "uar_per_fold": self._uar_per_fold(way),
                **scores.as_dict(),
                **confident_half(predictions, self.protocol.labels),
                **({"prediction_sets": sets.scores} if sets else {}),
            },
        )

    def _adapted(self, folds: Sequence[AdaptedFold], sets: dict[str, Sets]) -> dict:
        """Scores of the adapted answers, whose table and picture are written; their prediction sets join the others."""
        utterances = self.protocol.utterances
        parts = [
            prediction_table(
                [utterances[i] for i in one.scored.indices], self.protocol.labels, one.posteriors, fold.name
            )
            for one, fold in zip(folds, self.heldout.folds)
        ]
        table = pd.concat(parts, ignore_index=True)
        _csv(table, self.folder / "adapted.csv")
        scores = self._scores(table)
        title = self._title(f"adapted to {self.settings.adapt} recordings")
        confusion_png(scores, self.folder / "confusion_adapted.png", title)
        strength, temperature = fit_strength(AdaptedAnswers.joined(one.heldout for one in folds))
        sets[ADAPTED] = adapted_sets(folds, strength, temperature)
        return {
            "recordings": self.settings.adapt,
            "strengths": [one.strength for one in folds],
            "temperatures": [round(one.temperature, 4) for one in folds],
            "shipped_strength": strength,
            "shipped_temperature": temperature,
            "typical": np.mean([one.typical for one in folds], axis=0).round(6).tolist(),
            "relative_typical": _mean_relative(folds),
            **scores.as_dict(),
            **confident_half(table, self.protocol.labels),
            "prediction_sets": sets[ADAPTED].scores,
        }

    def _uar_per_fold(self, way: Way) -> dict[str, float]:
        size = len(self.protocol.labels)
        return {
            fold.name: round(float(uar(confusion_matrix(fold.test.classes, posteriors.argmax(1), size))), 4)
            for fold, posteriors in zip(self.heldout.folds, way.posteriors)
        }

    def _tables(self, measured: Measured, tables: Mapping[str, pd.DataFrame], scores: Scores) -> None:
        write_probabilities(tables[ENSEMBLE], self.folder)
        write_report(scores, self.folder)
        write_coverage(coverage_table(*truth_and_posteriors(tables[ENSEMBLE], self.protocol.labels)), self.folder)
        _csv(weights_table(measured), self.folder / "weights.csv")
        _csv(_trials_table(measured), self.folder / "trials.csv")
        _csv(significance_table(tables), self.folder / "mcnemar.csv")
        _csv(answers_table({way: tables[name] for name, way in self._names(measured).items()}), self.folder / ANSWERS)

    def _pictures(self, measured: Measured, predictions: pd.DataFrame, scores: Scores) -> None:
        confusion_png(scores, self.folder / "confusion.png", self._title(ENSEMBLE))
        answered = truth_and_posteriors(predictions, self.protocol.labels)
        coverage_png(*answered, self.folder / "coverage.png", self._title(ENSEMBLE))
        truth = np.concatenate([fold.test.classes for fold in self.heldout.folds])
        reliability_png(
            self._calibration(measured), truth, self.folder / "reliability.png", self._title("weighted ensemble")
        )
        write_search_pictures(measured.shipped.study, self.folder, f"{self.protocol.name} protocol")

    def _calibration(self, measured: Measured) -> dict[str, np.ndarray]:
        """Posteriors of the weighted ensemble at temperature 1, and at the one found."""
        plain = []
        for fold in self.heldout.folds:
            weights = measured.found[fold.name].weighting.weights
            part = fold.test.of([self.heldout.members.index(name) for name in weights])
            plain.append(weigh(weights, 1.0, part, 0.0).posteriors(part.logits))
        found = np.concatenate(measured.ways[WEIGHTED].posteriors)
        return {"temperature 1": np.concatenate(plain), "temperature found": found}

    def _search(self, measured: Measured) -> dict:
        several = len(self.heldout.folds) > 1
        part = f"held-out logits of all {len(self.heldout.folds)} folds, pooled" if several else "held-out logits"
        return {
            "protocol": self.protocol.name,
            "part": part,
            "recordings": len(self.heldout.pooled.classes),
            "trials": len(measured.shipped.trials),
            "seed": self.settings.seed,
            "l1": self.settings.l1,
            "share_of_equal_weights": measured.shipped.share,
            "best": self.settings.best,
            "objective": measured.shipped.weighting.objective,
            "nll": measured.shipped.weighting.nll,
            "metrics": "of weights found on each fold's own held-out part, applied to its test part",
        }

    def _title(self, what: str) -> str:
        return f"{what}, {self.protocol.name} protocol, {self.members[0].result.summary.get('corpus', '')}"


def write_comparison(results: Sequence[MemberResult], folder: Path, title: str) -> None:
    """Write comparison.csv, comparison.md, comparison.png and comparison.html."""
    _csv(comparison_table(results), folder / "comparison.csv")
    comparison_png(results, folder / "comparison.png", title)
    write_page(results, folder / "comparison.html", title)
    with atomic_write(folder / "comparison.md", flush=False) as temporary:
        temporary.write_text(comparison_markdown(results), encoding="utf-8")


def weights_table(measured: Measured) -> pd.DataFrame:
    """Columns fold, member, weight, temperature, searched, share; of several folds also those over all, which ship.

    'searched' is the weight before it was shrunk towards equal weights, which have this share of the outcome.
    """
    rows = [
        (fold, member, weight, one.weighting.temperature, one.searched.weights[member], one.share)
        for fold, one in measured.searches.items()
        for member, weight in one.weighting.weights.items()
    ]
    return pd.DataFrame(rows, columns=["fold", "member", "weight", "temperature", "searched", "share"])


def significance_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """McNemar's exact test of the ensemble against every other table of predictions of the same recordings.

    Columns: against, n (recordings), n01 (only the ensemble wrong), n10 (only the other wrong), p, p_mid, and p_holm:
    p corrected for the number of tests.
    """
    ours, rows = tables[ENSEMBLE], []
    for name, theirs in tables.items():
        if name != ENSEMBLE:
            test = mcnemar(*(frame.to_numpy() for frame in (ours["emotion"], ours["predicted"], theirs["predicted"])))
            rows.append({"against": name, **vars(test)})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p"]))


def answers_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What each way of joining recognised: columns file, fold, emotion, and one a way.

    Args:
        tables: way → predictions of the same recordings in the same order.
    """
    answers = {way: table["predicted"] for way, table in tables.items()}
    return next(iter(tables.values()))[["file", "fold", "emotion"]].assign(**answers)


def _trials_table(measured: Measured) -> pd.DataFrame:
    rows = [
        {
            "fold": fold,
            "trial": trial.number,
            "value": trial.value,
            "nll": trial.user_attrs["nll"],
            "temperature": trial.params["temperature"],
            **{f"weight {name}": w for name, w in weighting_of(trial, list(one.weighting.weights)).items()},
        }
        for fold, one in measured.searches.items()
        for trial in one.trials
    ]
    return pd.DataFrame(rows)


def _csv(table: pd.DataFrame, path: Path) -> None:
    write_frame(table, path, "%.6g", flush=False)


def _mean_relative(folds: Sequence[AdaptedFold]) -> list[list[float]]:
    """Mean of the folds' typical relative logits; empty where there are none."""
    if any(one.relative is None for one in folds):
        return []
    return np.mean([one.relative for one in folds], axis=0).round(6).tolist()
