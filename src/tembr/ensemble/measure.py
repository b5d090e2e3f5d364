"""Every way of joining the members, found on held-out logits and applied once to test logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tembr.ensemble.combiners import COMBINERS, WEIGHTED
from tembr.ensemble.heldout import HeldOut
from tembr.ensemble.levelone import LevelOne, Posteriors
from tembr.ensemble.part import Part
from tembr.ensemble.search import Found
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.shrinkage import choose_share, shrink
from tembr.ensemble.weighting import best_members, weigh

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
        ways: name → way: the searched weights, those of `COMBINERS`, and each member.
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

    Nothing found in one fold is used in another, and no test part is seen before all is found for its fold. Combiners
    whose package is missing are left out.

    Args:
        by_speaker: scored speakers are unseen, and inner folds keep speakers apart.
    """
    found, ways = {}, []
    for fold in heldout.folds:
        level_one = _level_one(heldout.members, fold.heldout, settings, by_speaker)
        found[fold.name] = _searched(fold.name, level_one, settings, search)
        test = fold.test.of([heldout.members.index(name) for name in level_one.names])
        fitted = _fitted(level_one, found[fold.name])
        alone = {name: _alone(name, fold.test, heldout.members) for name in heldout.members}
        ways.append({way: (use(test.logits), uses) for way, (use, uses) in fitted.items()} | alone)
    shipped = next(iter(found.values()))
    if len(heldout.folds) > 1:
        level_one = _level_one(heldout.members, heldout.pooled, settings, by_speaker)
        least = min(one.share for one in found.values())  # what ships is no bolder than what is measured
        shipped = _searched(ALL_FOLDS, level_one, settings, search, least)
    return Measured({way: Way(*zip(*[fold[way] for fold in ways])) for way in ways[0]}, found, shipped)


def _level_one(members: Sequence[str], part: Part, settings: EnsembleSettings, by_speaker: bool) -> LevelOne:
    names = best_members(members, part, settings.best) if settings.best else members
    return LevelOne.of(names, part.of([members.index(name) for name in names]), settings.seed, by_speaker)


def _searched(
    fold: str, level_one: LevelOne, settings: EnsembleSettings, search: Searcher, least: float = 0.0
) -> Found:
    """What a search finds, shrunk towards equal weights by what is known of its worth, and by `least` at least."""
    found = search(fold, level_one.names, level_one.part)
    share = max(least, choose_share(level_one))
    shrunk = shrink(found.weighting, share, level_one.part, settings.l1)
    return replace(found, weighting=shrunk, searched=found.weighting, share=share)


def _fitted(level_one: LevelOne, found: Found) -> dict[str, tuple[Posteriors, frozenset[str]]]:
    used = frozenset(name for name, weight in found.weighting.weights.items() if weight > 0)
    others = {
        name: (combiner.fit(level_one), combiner.uses(level_one))
        for name, combiner in COMBINERS.items()
        if not combiner.missing
    }
    return {WEIGHTED: (found.weighting.posteriors, used)} | others


def _alone(name: str, test: Part, members: Sequence[str]) -> tuple[np.ndarray, frozenset[str]]:
    part = test.of([members.index(name)])
    return weigh({name: 1.0}, 1.0, part, 0.0).posteriors(part.logits), frozenset([name])
