"""Found weights shrunk towards equal ones, as far as held-out recordings say that they are to be believed.

Weights that fit the held-out recordings best fit their chance as well: of few recordings equal weights are often the
better ones (Genre et al. 2013, "Combining expert forecasts: can anything beat the simple average?").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import softmax

from tembr.ensemble.levelone import LevelOne
from tembr.ensemble.part import Part
from tembr.ensemble.weighted import FLOOR
from tembr.ensemble.weighting import TEMPERATURES, Weighting, weigh, without_small

SHARES = np.linspace(0, 1, 11)
"""Of equal weights, that are tried."""

GRID = np.geomspace(*TEMPERATURES, 12)
ROUNDS, SETTLED = 500, 1e-5


def choose_share(level_one: LevelOne) -> float:
    """How much of the weights should be equal weights: 0 for those found alone, 1 for equal ones alone.

    In each inner fold weights are found on the other folds, by expectation-maximisation (`mixture_weights`), and
    shrunk; the truth's likelihood in the fold judges. Of the shares that are worse than the best by no more than one
    standard error of the difference the largest is taken (Breiman et al. 1984), over speakers where these will be
    unseen. Where there are no inner folds, nothing is known of others: 1.
    """
    part, folds = level_one.part, level_one.folds
    units = part.speakers if level_one.by_speaker else part.indices
    if not folds or len(level_one.names) < 2:
        return 1.0
    truth = truth_posteriors(part)
    losses = np.concatenate([_fold_losses(truth, *fold) for fold in folds], axis=1)
    return float(SHARES[_largest_within_error(losses, units[np.concatenate([held for _, held in folds])])])


def shrink(found: Weighting, share: float, part: Part, l1: float) -> Weighting:
    """`found` moved to equal weights by `share`, with the temperature that suits them on `part`.

    Where width has a price, equal weights are those of the members that were worth it; where it has none, of all.

    Args:
        share: from 0 (as found) to 1 (equal weights, whatever was found).
    """
    if not share:
        return found
    kept = [name for name, weight in found.weights.items() if weight > 0 or not l1]
    weights = {
        name: (1 - share) * weight + share * (name in kept) / len(kept) for name, weight in found.weights.items()
    }
    shrunk = weigh(weights, _temperature(weights, part), part, l1)
    return shrunk if share == 1 else without_small(shrunk, part, l1)


def truth_posteriors(part: Part) -> np.ndarray:
    """What each member gives the truth at each temperature of `GRID`, `(temperatures, members, n)`."""
    here = np.arange(len(part.classes))
    logits = part.logits.astype(np.float64)
    return np.stack([np.maximum(softmax(logits / t, axis=2)[:, here, part.classes], FLOOR) for t in GRID])


def mixture_weights(truth: np.ndarray) -> np.ndarray:
    """Weights of a mixture that make the truth likeliest, `(members,)`, by expectation-maximisation from equal ones.

    The likelihood is concave in the weights, so that what is found is the best (Redner & Walker 1984).

    Args:
        truth: posterior of the truth, `(members, n)`.
    """
    weights = np.full(len(truth), 1 / len(truth))
    for _ in range(ROUNDS):
        before, weights = weights, weights * (truth / (weights @ truth)).mean(axis=1)
        if np.abs(weights - before).max() < SETTLED:
            break
    return weights / weights.sum()


def likeliest_mixture(names: Sequence[str], part: Part) -> tuple[dict[str, float], float]:
    """Weights in units of the largest, and a temperature of `GRID`, that make the truth of `part` likeliest."""
    truth = truth_posteriors(part)
    mixtures = [mixture_weights(one) for one in truth]
    likelihoods = [np.log(weights @ one).mean() for weights, one in zip(mixtures, truth)]
    best = int(np.argmax(likelihoods))
    weights = mixtures[best] / mixtures[best].max()
    return dict(zip(names, weights.tolist(), strict=True)), float(GRID[best])


def _fold_losses(truth: np.ndarray, learnt: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each recording of `held` at each share, `(shares, n)`."""
    equal = np.full(truth.shape[1], 1 / truth.shape[1])
    found = mixture_weights(truth[_best_temperature(truth[:, :, learnt], equal)][:, learnt])
    losses = []
    for share in SHARES:
        weights = (1 - share) * found + share * equal
        losses.append(-np.log(weights @ truth[_best_temperature(truth[:, :, learnt], weights)][:, held]))
    return np.stack(losses)


def _best_temperature(truth: np.ndarray, weights: np.ndarray) -> int:
    return int(np.log(np.einsum("m,tmn->tn", weights, truth)).mean(axis=1).argmax())


def _largest_within_error(losses: np.ndarray, units: np.ndarray) -> int:
    """The last row whose mean over units exceeds the least one's by one standard error of the difference or less."""
    names, own = np.unique(units, return_inverse=True)
    counts = np.bincount(own)
    means = np.stack([np.bincount(own, row) / counts for row in losses])
    more = means - means[means.mean(axis=1).argmin()]
    errors = more.std(axis=1, ddof=1) / np.sqrt(len(names))
    return int(np.flatnonzero(more.mean(axis=1) <= errors).max())


def _temperature(weights: Mapping[str, float], part: Part) -> float:
    def loss(log_temperature: float) -> float:
        return weigh(weights, float(np.exp(log_temperature)), part, 0.0).nll

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))
