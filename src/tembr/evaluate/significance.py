"""Whether two classifiers really differ on the recordings both were tested on: McNemar's test, Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest

from tembr.errors import TembrError


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
    truth, one, other = (np.asarray(values) for values in (truth, one, other))
    if truth.ndim != 1 or not truth.shape == one.shape == other.shape or not len(truth):
        raise SignificanceError(
            f"truth {truth.shape} and predictions {one.shape}, {other.shape} must be one class a recording each; "
            "test two classifiers on the same recordings"
        )
    n01 = int(((one != truth) & (other == truth)).sum())
    n10 = int(((one == truth) & (other != truth)).sum())
    discordant = n01 + n10
    if not discordant:
        return McNemar(len(truth), 0, 0, 1.0, 1.0)
    p = binomtest(n01, discordant, 0.5).pvalue
    p_mid = 2 * binom.cdf(min(n01, n10), discordant, 0.5) - binom.pmf(n01, discordant, 0.5)
    return McNemar(len(truth), n01, n10, float(p), float(min(p_mid, 1.0)))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values corrected for their number, in the order given (Holm 1979, step-down Bonferroni).

    Raises:
        SignificanceError: one is not in [0, 1].
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise SignificanceError(f"p-values {values.tolist()} must lie in 0 to 1; correct the tests' own p-values")
    order = values.argsort(kind="stable")
    factors = np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return corrected
