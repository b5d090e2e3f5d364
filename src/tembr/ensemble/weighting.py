"""Weights and a temperature, and what they are worth on predictions that no member was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from tembr.ensemble.part import Part
from tembr.ensemble.weighted import FLOOR, WeightedEnsemble
from tembr.evaluate.metrics import confusion_matrix, uar

SMALL = 0.05
"""Weights below this are tried without."""

LEAST_WORTH = 0.001
"""Nats that any further network has to be worth."""

OBJECTIVE = "negative log-likelihood, median over speakers"
"""What a search minimises, in the names of searches and results: those of another are not gone on with."""

FEWEST = 3
"""Speakers of whom a median says something."""

TEMPERATURES = (0.3, 5.0)
"""Least and greatest that are tried."""

COARSE_TEMPERATURES = (0.5, 1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Weighting:
    """A weighted ensemble without its networks.

    Attributes:
        weights: member → weight; they sum to one.
        temperature: the members' logits are divided by it.
        objective: what the search minimised: `nll` and the price of width, in nats.
        nll: negative log-likelihood of the fused posteriors, in nats, see `typical_loss`.
    """

    weights: dict[str, float]
    temperature: float
    objective: float
    nll: float

    def posteriors(self, logits: np.ndarray) -> np.ndarray:
        """`(members, n, classes)` → `(n, classes)`, rows sum to 1."""
        return _combined(WeightedEnsemble(self.weights, self.temperature), logits)


def weigh(weights: Mapping[str, float], temperature: float, part: Part, l1: float) -> Weighting:
    """What an ensemble of these weights, divided by their sum, is worth on `part`; equal weights where all are 0."""
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    ensemble = WeightedEnsemble(weights, temperature)
    fused = _combined(ensemble, part.logits)
    nll = typical_loss(fused, part.classes, part.speakers)
    width = float(ensemble.l1_regularization()) - 1
    total = sum(weights.values())
    shares = {name: weight / total for name, weight in weights.items()}
    return Weighting(shares, float(temperature), nll + l1 * width, nll)


def without_small(found: Weighting, part: Part, l1: float) -> Weighting:
    """`found` without members of weights below `SMALL` that are not worth a network, the smallest first.

    One is worth it if without it a recording's truth gets less likely by more than `l1`, the price of a further member,
    or `LEAST_WORTH`, on average over `part`.
    """
    price = max(l1, LEAST_WORTH)
    for name in sorted(found.weights, key=found.weights.get):
        if 0 < found.weights[name] < SMALL:
            tried = weigh(found.weights | {name: 0.0}, found.temperature, part, l1)
            found = tried if tried.nll <= found.nll + price else found
    return found


def negative_log_likelihood(posteriors: np.ndarray, classes: np.ndarray) -> float:
    """Mean over recordings, in nats: posteriors `(n, classes)`, spoken classes `(n,)`."""
    return float(-np.log(np.maximum(posteriors[np.arange(len(classes)), classes], FLOOR)).mean())


def typical_loss(posteriors: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> float:
    """Median over speakers of the mean negative log-likelihood, in nats: one odd voice does not decide for all others.

    Where fewer than three speakers are known, the mean over recordings.

    Args:
        posteriors: `(n, classes)`.
        classes, speakers: `(n,)`, spoken and by whom.
    """
    names, own = np.unique(speakers, return_inverse=True)
    losses = -np.log(np.maximum(posteriors[np.arange(len(classes)), classes], FLOOR))
    if len(names) < FEWEST or "" in names:
        return float(losses.mean())
    return float(np.median(np.bincount(own, losses) / np.bincount(own)))


def best_member(names: Sequence[str], part: Part) -> str:
    """The member with the highest UAR on `part`; of equals the one with the likelier posteriors."""

    def worth(position: int) -> tuple[float, float]:
        posteriors = weigh({names[position]: 1.0}, 1.0, part.of([position]), 0.0)
        predicted = part.logits[position].argmax(1)
        recall = uar(confusion_matrix(part.classes, predicted, part.logits.shape[2]))
        return float(recall), -posteriors.nll

    return names[max(range(len(names)), key=worth)]


def best_members(names: Sequence[str], part: Part, count: int) -> list[str]:
    """`count` members that are likeliest together on `part`, equally weighted, found one after the other.

    Greedy forward selection (Caruana et al. 2004, "Ensemble selection from libraries of models") without repeats, at
    the best of a few temperatures.
    """
    chosen: list[int] = []
    while len(chosen) < count:
        rest = [position for position in range(len(names)) if position not in chosen]
        chosen.append(min(rest, key=lambda position: _joint_loss([*chosen, position], part)))
    return [names[position] for position in sorted(chosen)]


def _joint_loss(positions: Sequence[int], part: Part) -> float:
    equal = {str(position): 1.0 for position in positions}
    return min(weigh(equal, t, part.of(positions), 0.0).nll for t in COARSE_TEMPERATURES)


def _combined(ensemble: WeightedEnsemble, logits: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return ensemble(list(torch.from_numpy(logits))).numpy()
