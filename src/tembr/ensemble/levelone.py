"""What a combiner is fitted on: the members' answers on recordings that none of them was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from tembr.ensemble.part import Part
from tembr.ensemble.weighting import FEWEST

INNER_FOLDS = 5
LEAST_LOG = -12.0
"""Log-posteriors are cut here: a network that is certain says no more by being ten times as certain."""

Posteriors = Callable[[np.ndarray], np.ndarray]
"""Logits `(members, n, classes)` → posteriors `(n, classes)`."""

InnerFolds = tuple[tuple[np.ndarray, np.ndarray], ...]
"""Places in a part to learn from and places to judge by, of each fold."""


@dataclass(frozen=True, eq=False)
class LevelOne:
    """Level-one data (Wolpert 1992, "Stacked generalization"), and how it is divided to choose a combiner's settings.

    Attributes:
        names: of the members, in the order of `part.logits`.
        part: held-out recordings.
        folds: within it, see `inner_folds`.
        seed: of everything that is drawn.
        by_speaker: those who will be answered are unseen, as each fold's speakers are by the others.
    """

    names: tuple[str, ...]
    part: Part
    folds: InnerFolds
    seed: int
    by_speaker: bool

    @staticmethod
    def of(names: Sequence[str], part: Part, seed: int, by_speaker: bool) -> LevelOne:
        """Divide `part` into inner folds."""
        return LevelOne(tuple(names), part, inner_folds(part, seed, by_speaker), seed, by_speaker)


def inner_folds(part: Part, seed: int, by_speaker: bool) -> InnerFolds:
    """Up to five folds within `part`; none where they could not say how others would be answered.

    Those are where an emotion has a single recording, and where speakers will be unseen and fewer than three are known.

    Args:
        by_speaker: no speaker is on both sides of a fold. Otherwise folds are stratified, and a recording that several
            fittings of the members answer is on one side.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    if by_speaker:
        speakers = len(np.unique(part.speakers))
        if speakers < FEWEST:
            return ()
        splits = GroupKFold(min(INNER_FOLDS, speakers)).split(part.classes, groups=part.speakers)
    else:
        recordings = np.unique(part.indices, return_index=True)[1]
        scarcest = np.unique(part.classes[recordings], return_counts=True)[1].min()
        if scarcest < 2:
            return ()
        splitter = StratifiedGroupKFold(min(INNER_FOLDS, scarcest), shuffle=True, random_state=seed)
        splits = splitter.split(part.classes, part.classes, part.indices)
    return tuple((learnt, held) for learnt, held in splits if len(np.unique(part.classes[learnt])) > 1)


def log_posteriors(logits: np.ndarray) -> np.ndarray:
    """`(members, n, classes)` → what a learner reads of the members, `(n, members · classes)`."""
    scaled = np.maximum(log_softmax(logits, axis=-1), LEAST_LOG)
    return scaled.transpose(1, 0, 2).reshape(logits.shape[1], -1)
