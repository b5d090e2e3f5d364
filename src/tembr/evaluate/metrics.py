"""How well posteriors match the truth, with the uncertainty of a finite test set.

Only numpy is needed here, because the recognizer evaluates bundles where no laboratory is installed.
scikit-learn is the reference: the tests hold accuracy, UAR and macro-F1 to its numbers.

Averages over classes are over those that occur in the truth; predictions of other classes count as errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tembr.errors import TembrError

RESAMPLES = 1_000
COVERAGE = 0.95
INDICES_AT_ONCE = 1_000_000
"""Recordings drawn in one go when ECE is resampled, so that memory does not grow with the test set."""


class ScoreError(TembrError, ValueError):
    """Truth and posteriors do not fit together, or hold nothing that can be scored."""


@dataclass(frozen=True)
class Interval:
    """An estimate in [0, 1] and the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scores:
    """What a classifier is worth on one test set.

    Attributes:
        n: recordings scored.
        accuracy, uar, macro_f1, ece: in [0, 1], each with its 95 % interval over recordings.
        averaged_over: labels that occur in the truth: what `uar` and `macro_f1` are averaged over.
        per_class: label → precision, recall, f1 (in [0, 1]) and support (recordings).
        per_speaker, per_gender: name → n, accuracy and uar; empty where not given.
        confusion: int (classes, classes), rows truth, columns prediction.
        labels: names of the classes in the order of `confusion`.
    """

    n: int
    accuracy: Interval
    uar: Interval
    macro_f1: Interval
    ece: Interval
    per_class: dict[str, dict[str, float]]
    per_speaker: dict[str, dict[str, float]]
    per_gender: dict[str, dict[str, float]]
    confusion: np.ndarray
    labels: tuple[str, ...]

    @property
    def averaged_over(self) -> tuple[str, ...]:
        return tuple(label for label, support in zip(self.labels, self.confusion.sum(axis=1)) if support)

    def as_dict(self) -> dict:
        """The same as plain dicts, lists and numbers, ready for `json.dumps`."""
        intervals = {name: asdict(getattr(self, name)) for name in ("accuracy", "uar", "macro_f1", "ece")}
        groups = {name: getattr(self, name) for name in ("per_class", "per_speaker", "per_gender")}
        return {
            "n": self.n,
            **intervals,
            "averaged_over": list(self.averaged_over),
            **groups,
            "confusion": self.confusion.tolist(),
            "labels": list(self.labels),
        }


def score(
    truth: np.ndarray,
    probabilities: np.ndarray,
    labels: Sequence[str],
    speakers: Sequence[str] | None = None,
    genders: Sequence[str] | None = None,
    seed: int = 0,
) -> Scores:
    """Score posteriors against the truth.

    Args:
        truth: (n,) index of the true class, 0 to classes - 1.
        probabilities: (n, classes) posteriors in [0, 1].
        labels: names of the classes, in the order of the columns.
        speakers, genders: (n,) names to break results down by; empty names are left out.
        seed: of the bootstrap; the same seed gives the same intervals.

    Raises:
        ScoreError: nothing to score, shapes that do not match, indices or posteriors out of range, NaN.
    """
    truth, probabilities = checked(truth, probabilities, labels)
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(truth, predicted, len(labels))
    rng = np.random.default_rng(seed)
    resamples = resample_confusion(confusion, rng)
    return Scores(
        n=len(truth),
        accuracy=_interval(accuracy, confusion, resamples),
        uar=_interval(uar, confusion, resamples),
        macro_f1=_interval(macro_f1, confusion, resamples),
        ece=_calibration_interval(probabilities, truth, rng),
        per_class=_per_class(confusion, labels),
        per_speaker=_per_group(truth, predicted, speakers, "speakers", len(labels)),
        per_gender=_per_group(truth, predicted, genders, "genders", len(labels)),
        confusion=confusion,
        labels=tuple(labels),
    )


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count recordings by true class (rows) and predicted class (columns): int (classes, classes)."""
    cells = np.asarray(truth, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of recordings recognised, (..., classes, classes) → (...); 0 where there are none."""
    hits = np.trace(confusion, axis1=-2, axis2=-1)
    return _ratio(hits, confusion.sum(axis=(-2, -1)))


def uar(confusion: np.ndarray) -> np.ndarray:
    """Unweighted average recall, (..., classes, classes) → (...): mean over the classes present in truth.

    The same as `sklearn.metrics.balanced_accuracy_score`.
    """
    return _mean_over_truth(recalls(confusion), confusion)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 of the classes present in truth, (..., classes, classes) → (...).

    The same as `sklearn.metrics.f1_score(average="macro", labels=np.unique(truth))`.
    """
    return _mean_over_truth(f1s(confusion), confusion)


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Recall of each class, (..., classes, classes) → (..., classes); 0 for a class absent from truth."""
    return _ratio(_hits(confusion), confusion.sum(axis=-1))


def precisions(confusion: np.ndarray) -> np.ndarray:
    """Precision of each class, (..., classes, classes) → (..., classes); 0 for a class never predicted."""
    return _ratio(_hits(confusion), confusion.sum(axis=-2))


def f1s(confusion: np.ndarray) -> np.ndarray:
    """F1 of each class, 2·hits / (support + predictions): (..., classes, classes) → (..., classes)."""
    return _ratio(2 * _hits(confusion), confusion.sum(axis=-1) + confusion.sum(axis=-2))


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """How far confidence is from accuracy, on average over recordings: 0 is perfectly calibrated.

    Top-label ECE with bins of equal width, each open below and closed above (Guo et al. 2017, "On calibration
    of modern neural networks", eq. 3).

    Args:
        probabilities: (n, classes) posteriors in [0, 1].
        truth: (n,) index of the true class.
        bins: number of bins on [0, 1].
    """
    bin_of, excess = _calibration_residuals(probabilities, truth, bins)
    return float(np.abs(np.bincount(bin_of, weights=excess, minlength=bins)).sum() / len(excess))


def resample_confusion(confusion: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """Confusion matrices of bootstrap resamples of the recordings: int (resamples, classes, classes).

    Drawing n recordings with replacement (Efron 1979, "Bootstrap methods: another look at the jackknife")
    fills the cells of the matrix multinomially, with the cells' shares as probabilities; drawing the cells
    themselves gives the same distribution without touching the recordings.
    """
    n = int(confusion.sum())
    drawn = rng.multinomial(n, confusion.ravel() / n, size=resamples)
    return drawn.reshape(resamples, *confusion.shape)


def checked(truth: np.ndarray, probabilities: np.ndarray, labels: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Truth (n,) as it is and posteriors (n, classes) as float64, once they are seen to fit together.

    Raises:
        ScoreError: as `score`.
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, dtype=np.float64)
    if truth.size == 0:
        raise ScoreError("there is nothing to score: no recordings; check that the test part is not empty.")
    if probabilities.shape != (len(truth), len(labels)) or truth.ndim != 1:
        raise ScoreError(
            f"truth {truth.shape}, probabilities {probabilities.shape} and {len(labels)} labels do not "
            "match; give (n,), (n, classes) and one name a class."
        )
    if not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= len(labels):
        raise ScoreError(f"truth must be class indices from 0 to {len(labels) - 1}; map labels to indices.")
    if not np.isfinite(probabilities).all():
        rows = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
        raise ScoreError(
            f"probabilities of {len(rows)} recordings are NaN or infinite, first row {rows[0]}; check the model."
        )
    if probabilities.min() < -1e-3 or probabilities.max() > 1 + 1e-3:
        raise ScoreError("probabilities lie outside 0 to 1; apply softmax to logits before scoring.")
    return truth, probabilities


def _interval(measure: Callable, confusion: np.ndarray, resamples: np.ndarray) -> Interval:
    low, high = _percentiles(measure(resamples))
    return Interval(float(measure(confusion)), low, high)


def _calibration_interval(probabilities: np.ndarray, truth: np.ndarray, rng: np.random.Generator) -> Interval:
    """Resampling adds noise to every bin, and ECE sums its absolute value, so resamples lie above the
    estimate; they are moved down by that bias, without which the interval need not hold its own value."""
    value = expected_calibration_error(probabilities, truth)
    resamples = _resample_calibration(probabilities, truth, rng)
    low, high = _percentiles(resamples - (resamples.mean() - value))
    return Interval(value, max(0.0, min(low, value)), min(1.0, max(high, value)))


def _resample_calibration(
    probabilities: np.ndarray,
    truth: np.ndarray,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    bins: int = 15,
) -> np.ndarray:
    bin_of, excess = _calibration_residuals(probabilities, truth, bins)
    n = len(excess)
    at_once = max(1, INDICES_AT_ONCE // n)
    parts = []
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = rng.integers(0, n, size=(rows, n))
        cells = bin_of[drawn] + bins * np.arange(rows)[:, None]
        sums = np.bincount(cells.ravel(), weights=excess[drawn].ravel(), minlength=rows * bins)
        parts.append(np.abs(sums.reshape(rows, bins)).sum(axis=1) / n)
    return np.concatenate(parts)


def _calibration_residuals(probabilities: np.ndarray, truth: np.ndarray, bins: int):
    """Of each recording: the bin its confidence falls into, and confidence minus correctness."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    confidence = probabilities.max(axis=1)
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return bin_of, confidence - (probabilities.argmax(axis=1) == np.asarray(truth))


def _percentiles(resampled: np.ndarray) -> tuple[float, float]:
    tail = 100 * (1 - COVERAGE) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return float(low), float(high)


def _mean_over_truth(values: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Mean of one value a class, (..., classes) → (...), over the classes present in truth."""
    present = confusion.sum(axis=-1) > 0
    return _ratio((values * present).sum(axis=-1), present.sum(axis=-1))


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _per_class(confusion: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, float]]:
    columns = zip(
        labels,
        precisions(confusion).tolist(),
        recalls(confusion).tolist(),
        f1s(confusion).tolist(),
        confusion.sum(axis=1).tolist(),
        strict=True,
    )
    return {
        label: {"precision": precision, "recall": recall, "f1": f1, "support": support}
        for label, precision, recall, f1, support in columns
    }


def _per_group(
    truth: np.ndarray, predicted: np.ndarray, names: Sequence[str] | None, what: str, classes: int
) -> dict[str, dict[str, float]]:
    if names is None:
        return {}
    if len(names) != len(truth):
        raise ScoreError(f"{len(names)} {what} for {len(truth)} recordings; give one name a recording.")
    known = np.array([name if isinstance(name, str) else "" for name in names], dtype=object)
    groups = {}
    for name in sorted(set(known) - {""}):
        mine = known == name
        confusion = confusion_matrix(truth[mine], predicted[mine], classes)
        groups[name] = {
            "n": int(mine.sum()),
            "accuracy": float(accuracy(confusion)),
            "uar": float(uar(confusion)),
        }
    return groups
