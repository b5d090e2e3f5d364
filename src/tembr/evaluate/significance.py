"""Whether two classifiers really differ on the recordings both were tested on, and by how much.

McNemar's test, Holm's correction, and the difference in UAR with its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest

from tembr.errors import TembrError
from tembr.evaluate.metrics import COVERAGE, RESAMPLES, uar


class SignificanceError(TembrError, ValueError):
    """Predictions and truth do not fit together, or p-values are none."""


@dataclass(frozen=True)
class McNemar:
    """Outcome of McNemar's exact test of a classifier A against a classifier B.

    Attributes:
        n: recordings both were tested on.
        n01: recordings only A got wrong.
        n10: recordings only B got wrong.
        p: two-sided exact binomial p-value; 1 where they never differ in being right.
        p_mid: mid-p value: `p` less the probability of exactly this outcome; less conservative.
    """

    n: int
    n01: int
    n10: int
    p: float
    p_mid: float


@dataclass(frozen=True)
class Difference:
    """A difference in [-1, 1] and the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def mcnemar(truth: np.ndarray, one: np.ndarray, other: np.ndarray) -> McNemar:
    """Test whether classifiers `one` (A) and `other` (B) are wrong equally often on the same recordings.

    Of the recordings that exactly one of them gets wrong, half are expected to be A's (Dietterich 1998, "Approximate
    statistical tests for comparing supervised classification learning algorithms"); the binomial distribution is
    taken as it is instead of its χ² approximation, mid-p after Fagerland, Lydersen & Laake (2013). The test takes
    recordings for independent; those of one speaker are not.

    Args:
        truth, one, other: `(n,)` class indices: spoken, and as each recognised it.

    Raises:
        SignificanceError: the three do not have the same length, or there is nothing to test.
    """
    truth, one, other = _paired(truth, one, other)
    n01 = int(((one != truth) & (other == truth)).sum())
    n10 = int(((one == truth) & (other != truth)).sum())
    discordant = n01 + n10
    if not discordant:
        return McNemar(len(truth), 0, 0, 1.0, 1.0)
    p = binomtest(n01, discordant, 0.5).pvalue
    p_mid = 2 * binom.cdf(min(n01, n10), discordant, 0.5) - binom.pmf(n01, discordant, 0.5)
    return McNemar(len(truth), n01, n10, float(p), float(min(p_mid, 1.0)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values corrected for their number, in the order given (Holm 1979, step-down Bonferroni; statsmodels).

    Raises:
        SignificanceError: one is not in [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise SignificanceError(f"p-values {values.tolist()} must lie in 0 to 1; correct the tests' own p-values")
    if not len(values):
        return values
    from statsmodels.stats.multitest import multipletests  # a second to import, for one table

    return multipletests(values, method="holm")[1]


def uar_difference(
    truth: np.ndarray, one: np.ndarray, other: np.ndarray, classes: int, seed: int = 0, resamples: int = RESAMPLES
) -> Difference:
    """UAR of `one` less that of `other`, by a paired bootstrap: a recording is drawn with both its answers.

    What makes a recording hard for both cancels out, so the interval is narrower than two separate ones suggest (Bisani
    & Ney 2004, "Bootstrap estimates for confidence intervals in ASR performance evaluation"). It takes recordings for
    independent; those of one speaker are not.

    Args:
        truth, one, other: `(n,)` class indices from 0 to `classes` - 1: spoken, and as each recognised it.
        seed: of the bootstrap; the same seed gives the same interval.

    Raises:
        SignificanceError: the three do not have the same length, or there is nothing to compare.
    """
    truth, one, other = _paired(truth, one, other)
    cells = np.bincount((truth * classes + one) * classes + other, minlength=classes**3)
    drawn = np.random.default_rng(seed).multinomial(len(truth), cells / len(truth), size=resamples)
    drops = _uar_less(drawn.reshape(-1, classes, classes, classes))
    tail = 100 * (1 - COVERAGE) / 2
    low, high = np.percentile(drops, [tail, 100 - tail])
    return Difference(float(_uar_less(cells.reshape(classes, classes, classes))), float(low), float(high))


def _uar_less(cells: np.ndarray) -> np.ndarray:
    """Counts `(..., truth, one, other)` → UAR of one less UAR of other, `(...)`."""
    return uar(cells.sum(axis=-1)) - uar(cells.sum(axis=-2))


def _paired(truth: np.ndarray, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth, one, other = (np.asarray(values) for values in (truth, one, other))
    if truth.ndim != 1 or not truth.shape == one.shape == other.shape or not len(truth):
        raise SignificanceError(
            f"truth {truth.shape} and predictions {one.shape}, {other.shape} must be one class a recording each; "
            "test two classifiers on the same recordings"
        )
    return truth, one, other
