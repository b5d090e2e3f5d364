"""What an ensemble leaves behind under one protocol: tables, pictures, and the figures they are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tembr.config import StudySettings
from tembr.ensemble.evidence import Evidence
from tembr.ensemble.measure import WEIGHTED, Measured, Way
from tembr.ensemble.pictures import write_search_pictures
from tembr.ensemble.search import weighting_of
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.sources import Division, Source
from tembr.ensemble.weighting import weigh
from tembr.errors import StoreError
from tembr.evaluate.comparison import comparison_markdown
from tembr.evaluate.coverage import coverage_table
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import Scores, confusion_matrix, uar
from tembr.evaluate.panels import comparison_png
from tembr.evaluate.plots import confusion_png
from tembr.evaluate.reliability import coverage_png, reliability_png
from tembr.evaluate.report import write_coverage, write_probabilities, write_report
from tembr.evaluate.results import MemberResult, comparison_table
from tembr.evaluate.significance import holm, mcnemar
from tembr.files import atomic_write, write_bytes
from tembr.member import confident_half, prediction_table, score_predictions, truth_and_posteriors

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class ProtocolResult:
    """What is known of an ensemble under one protocol, read back from `results.json`.

    Attributes:
        identity: digest of all it depends on.
        results: of the ensemble, the other ways of joining, and each member.
        weighted: name among the results of the weighted one, the only one that is exported.
        weights, temperature: found to ship.
        search: how they were found.
    """

    identity: str
    results: tuple[MemberResult, ...]
    weighted: str
    weights: dict[str, float]
    temperature: float
    search: dict

    def of(self, name: str) -> MemberResult:
        """The result called `name`."""
        return next(result for result in self.results if result.member == name)

    def write(self, folder: Path) -> None:
        """Write `results.json`, the last file of a protocol: it vouches for the others."""
        facts = {name: getattr(self, name) for name in ("identity", "weighted", "weights", "temperature", "search")}
        content = facts | {"results": [result.summary for result in self.results]}
        write_bytes(folder / "results.json", (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())

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
    division: Division
    sources: Sequence[Source]
    evidence: Evidence
    folder: Path

    def write(self, measured: Measured, identity: str) -> ProtocolResult:
        """Write everything, `results.json` last."""
        names = self._names(measured)
        tables = {name: self._predictions(measured.ways[way]) for name, way in names.items()}
        scores = {name: self._scores(table) for name, table in tables.items()}
        results = [self._result(name, measured.ways[way], scores[name], tables[name]) for name, way in names.items()]
        self._tables(measured, tables, scores[ENSEMBLE])
        self._pictures(measured, tables[ENSEMBLE], scores[ENSEMBLE])
        write_comparison(results, self.folder, self._title("ways of joining"))
        found = measured.shipped.weighting
        weighted = next(name for name, way in names.items() if way == WEIGHTED)
        done = ProtocolResult(
            identity, tuple(results), weighted, found.weights, found.temperature, self._search(measured)
        )
        summary = done.of(ENSEMBLE).summary | {"weights": found.weights, "temperature": found.temperature}
        write_bytes(self.folder / "summary.json", (json.dumps(summary, indent=1, ensure_ascii=False) + "\n").encode())
        done.write(self.folder)
        return done

    def _names(self, measured: Measured) -> dict[str, str]:
        """Name in tables → way; the combiner asked for is called the ensemble."""
        first = {ENSEMBLE: self.settings.combiner}
        return first | {way: way for way in measured.ways if way != self.settings.combiner}

    def _predictions(self, way: Way) -> pd.DataFrame:
        parts = [
            prediction_table(
                [self.division.utterances[i] for i in fold.test.indices], self.division.labels, posteriors, fold.name
            )
            for fold, posteriors in zip(self.evidence.folds, way.posteriors)
        ]
        return pd.concat(parts, ignore_index=True)

    def _scores(self, predictions: pd.DataFrame) -> Scores:
        return score_predictions(predictions, self.division.labels, self.study.bootstrap_seed)

    def _result(self, name: str, way: Way, scores: Scores, predictions: pd.DataFrame) -> MemberResult:
        kind = "network" if name in self.evidence.members else "ensemble"
        of = {source.name: source.result.summary for source in self.sources}
        facts = {name: self.sources[0].result.summary.get(name, "") for name in ("corpus", "licence", "seed")}
        return MemberResult(
            name,
            self.division.protocol,
            kind,
            {
                "member": name,
                "kind": kind,
                "protocol": self.division.protocol,
                **facts,
                "folds": len(self.division.folds),
                "network": self.study.train.network,
                "parameters": max(sum(of[member]["parameters"] for member in used) for used in way.uses),
                "train_seconds": round(sum(of[member]["train_seconds"] for member in way.members), 3),
                "epochs": sum(of[member].get("epochs", 0) for member in way.members),
                "uar_per_fold": self._uar_per_fold(way),
                **scores.as_dict(),
                **confident_half(predictions, self.division.labels),
            },
        )

    def _uar_per_fold(self, way: Way) -> dict[str, float]:
        size = len(self.division.labels)
        return {
            fold.name: round(float(uar(confusion_matrix(fold.test.classes, posteriors.argmax(1), size))), 4)
            for fold, posteriors in zip(self.evidence.folds, way.posteriors)
        }

    def _tables(self, measured: Measured, tables: Mapping[str, pd.DataFrame], scores: Scores) -> None:
        write_probabilities(tables[ENSEMBLE], self.folder)
        write_report(scores, self.folder)
        write_coverage(coverage_table(*truth_and_posteriors(tables[ENSEMBLE], self.division.labels)), self.folder)
        _csv(weights_table(measured), self.folder / "weights.csv")
        _csv(_trials_table(measured), self.folder / "trials.csv")
        _csv(significance_table(tables), self.folder / "mcnemar.csv")

    def _pictures(self, measured: Measured, predictions: pd.DataFrame, scores: Scores) -> None:
        confusion_png(scores, self.folder / "confusion.png", self._title(ENSEMBLE))
        answered = truth_and_posteriors(predictions, self.division.labels)
        coverage_png(*answered, self.folder / "coverage.png", self._title(ENSEMBLE))
        truth = np.concatenate([fold.test.classes for fold in self.evidence.folds])
        reliability_png(
            self._calibration(measured), truth, self.folder / "reliability.png", self._title("weighted ensemble")
        )
        write_search_pictures(measured.shipped.study, self.folder, f"{self.division.protocol} protocol")

    def _calibration(self, measured: Measured) -> dict[str, np.ndarray]:
        """Posteriors of the weighted ensemble at temperature 1, and at the one found."""
        plain = []
        for fold in self.evidence.folds:
            weights = measured.found[fold.name].weighting.weights
            part = fold.test.of([self.evidence.members.index(name) for name in weights])
            plain.append(weigh(weights, 1.0, part, 0.0).posteriors(part.logits))
        found = np.concatenate(measured.ways[WEIGHTED].posteriors)
        return {"temperature 1": np.concatenate(plain), "temperature found": found}

    def _search(self, measured: Measured) -> dict:
        several = len(self.evidence.folds) > 1
        part = f"validation predictions of all {len(self.evidence.folds)} folds, pooled" if several else "validation"
        return {
            "protocol": self.division.protocol,
            "part": part,
            "recordings": len(self.evidence.pooled.classes),
            "trials": len(measured.shipped.trials),
            "seed": self.settings.seed,
            "l1": self.settings.l1,
            "best": self.settings.best,
            "objective": measured.shipped.weighting.objective,
            "nll": measured.shipped.weighting.nll,
            "metrics": "of weights found on each fold's own validation part, applied to its test part",
        }

    def _title(self, what: str) -> str:
        return f"{what}, {self.division.protocol} protocol, {self.sources[0].result.summary.get('corpus', '')}"


def write_comparison(results: Sequence[MemberResult], folder: Path, title: str) -> None:
    """Write comparison.csv, comparison.md and comparison.png."""
    _csv(comparison_table(results), folder / "comparison.csv")
    comparison_png(results, folder / "comparison.png", title)
    with atomic_write(folder / "comparison.md", flush=False) as temporary:
        temporary.write_text(comparison_markdown(results), encoding="utf-8")


def weights_table(measured: Measured) -> pd.DataFrame:
    """Columns fold, member, weight, temperature; of several folds also those found over all, which are to ship."""
    rows = [
        (fold, member, weight, one.weighting.temperature)
        for fold, one in measured.searches.items()
        for member, weight in one.weighting.weights.items()
    ]
    return pd.DataFrame(rows, columns=["fold", "member", "weight", "temperature"])


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
