"""Every way of joining the members, found on held-out logits and applied once to test logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tembr.ensemble.heldout import HeldOut, Part
from tembr.ensemble.search import Found
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.stacking import fit_stacking
from tembr.ensemble.weighting import best_member, best_members, weigh

WEIGHTED, STACKING, UNIFORM, BEST = "weighted", "stacking", "uniform weights", "best member"

Posteriors = Callable[[np.ndarray], np.ndarray]
"""Logits `(members, n, classes)` → posteriors `(n, classes)`."""

Searcher = Callable[[str, Sequence[str], Part], Found]
"""Name of a fold, members and the held-out part to search on → what was found."""

ALL_FOLDS = "all folds"


@dataclass(frozen=True, eq=False)
class Way:
    """One way of joining the members, over all folds.

    Attributes:
        posteriors: of the test part of each fold, `(n, classes)`.
        uses: the members that each fold's posteriors depend on.
    """

    posteriors: tuple[np.ndarray, ...]
    uses: tuple[frozenset[str], ...]

    @property
    def members(self) -> frozenset[str]:
        """All that any fold uses."""
        return frozenset().union(*self.uses)


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out under one protocol.

    Attributes:
        ways: name → way: `WEIGHTED`, `STACKING`, `UNIFORM`, `BEST` and each member.
        found: fold → its search, in order of the folds.
        shipped: the search whose weights the ensemble gets: the only fold's, or one over held-out logits of
            all folds.
    """

    ways: dict[str, Way]
    found: dict[str, Found]
    shipped: Found

    @property
    def searches(self) -> dict[str, Found]:
        """All of them: those of the folds, and of several folds also the one whose weights are to ship."""
        return self.found | ({ALL_FOLDS: self.shipped} if len(self.found) > 1 else {})


def measure(heldout: HeldOut, settings: EnsembleSettings, search: Searcher, by_speaker: bool) -> Measured:
    """Find each way of joining on the held-out part of every fold by itself; apply it to that fold's test part.

    Nothing found in one fold is used in another, and no test part is seen before all is found for its fold.

    Args:
        by_speaker: inner folds of stacking keep speakers apart.
    """
    found, ways = {}, []
    for fold in heldout.folds:
        names, part = _chosen(heldout.members, fold.heldout, settings.best)
        found[fold.name] = search(fold.name, names, part)
        fitted = _fitted(names, part, found[fold.name], settings.seed, by_speaker)
        test = fold.test.of([heldout.members.index(name) for name in names])
        alone = {name: _alone(name, fold.test, heldout.members) for name in heldout.members}
        ways.append({way: (use(test.logits), uses) for way, (use, uses) in fitted.items()} | alone)
    shipped = next(iter(found.values()))
    if len(heldout.folds) > 1:
        shipped = search(ALL_FOLDS, *_chosen(heldout.members, heldout.pooled, settings.best))
    return Measured({way: Way(*zip(*[fold[way] for fold in ways])) for way in ways[0]}, found, shipped)


def _chosen(members: Sequence[str], part: Part, best: int) -> tuple[list[str], Part]:
    names = best_members(members, part, best) if best else list(members)
    return names, part.of([members.index(name) for name in names])


def _fitted(
    names: list[str], part: Part, found: Found, seed: int, by_speaker: bool
) -> dict[str, tuple[Posteriors, frozenset[str]]]:
    equal, best = dict.fromkeys(names, 1.0), best_member(names, part)
    single = {name: float(name == best) for name in names}
    used = frozenset(name for name, weight in found.weighting.weights.items() if weight > 0)
    return {
        WEIGHTED: (found.weighting.posteriors, used),
        STACKING: (fit_stacking(part, seed, by_speaker), frozenset(names)),
        UNIFORM: (weigh(equal, 1.0, part, 0.0).posteriors, frozenset(names)),
        BEST: (weigh(single, 1.0, part, 0.0).posteriors, frozenset([best])),
    }


def _alone(name: str, test: Part, members: Sequence[str]) -> tuple[np.ndarray, frozenset[str]]:
    part = test.of([members.index(name)])
    return weigh({name: 1.0}, 1.0, part, 0.0).posteriors(part.logits), frozenset([name])
