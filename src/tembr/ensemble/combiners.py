"""Every way of joining members beside the searched weights: one table, from which all else knows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from tembr.ensemble.boosting import fit_boosting
from tembr.ensemble.knora import fit_knora
from tembr.ensemble.levelone import LevelOne, Posteriors
from tembr.ensemble.stacking import fit_stacking
from tembr.ensemble.weighting import best_member, weigh


@dataclass(frozen=True)
class Combiner:
    """A way of joining members.

    Attributes:
        fit: level-one data, of which alone anything is learnt → logits of the members to posteriors.
        uses: the members that the posteriors depend on.
        package: that it needs beside the laboratory's others, and is left out without; '' for none.
    """

    fit: Callable[[LevelOne], Posteriors]
    uses: Callable[[LevelOne], frozenset[str]] = lambda level_one: frozenset(level_one.names)
    package: str = ""

    @property
    def missing(self) -> bool:
        return bool(self.package) and not find_spec(self.package)


def fit_uniform(level_one: LevelOne) -> Posteriors:
    """Equal weights."""
    return weigh(dict.fromkeys(level_one.names, 1.0), 1.0, level_one.part, 0.0).posteriors


def fit_best(level_one: LevelOne) -> Posteriors:
    """The best member alone, see `best_member`."""
    weights = dict.fromkeys(level_one.names, 0.0) | dict.fromkeys(_best(level_one), 1.0)
    return weigh(weights, 1.0, level_one.part, 0.0).posteriors


def _best(level_one: LevelOne) -> frozenset[str]:
    return frozenset([best_member(level_one.names, level_one.part)])


WEIGHTED, STACKING, BOOSTING, KNORA = "weighted", "stacking", "boosting", "knora"
UNIFORM, BEST = "uniform weights", "best member"

COMBINERS: dict[str, Combiner] = {
    STACKING: Combiner(fit_stacking),
    BOOSTING: Combiner(fit_boosting, package="lightgbm"),
    KNORA: Combiner(fit_knora),
    UNIFORM: Combiner(fit_uniform),
    BEST: Combiner(fit_best, _best),
}
"""Name in tables and options → combiner, in the order of tables."""

CHOICES = (WEIGHTED, *COMBINERS)
"""What may be called the ensemble. The searched weights come first, and ship whatever is chosen."""
