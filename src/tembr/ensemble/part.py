"""Recordings as several members see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Part:
    """Some recordings as the members see them.

    Attributes:
        logits: `(members, n, classes)` float32.
        classes: `(n,)` spoken, as index.
        speakers: `(n,)` names, '' where unknown.
        indices: `(n,)` into the study's utterances.
    """

    logits: np.ndarray
    classes: np.ndarray
    speakers: np.ndarray
    indices: np.ndarray

    def of(self, members: Sequence[int]) -> Part:
        """The same for some of the members only."""
        return Part(self.logits[list(members)], self.classes, self.speakers, self.indices)

    def at(self, places: np.ndarray) -> Part:
        """The same for some of the recordings only."""
        return Part(self.logits[:, places], self.classes[places], self.speakers[places], self.indices[places])
