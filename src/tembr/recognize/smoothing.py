"""The likeliest labels of windows that follow each other, told as the windows come."""

from __future__ import annotations

from collections import deque

import numpy as np

FLOOR = 1e-6  # of a probability, so that a logarithm never rules a label out


class Smoother:
    """The likeliest sequence of labels where every change has a price (Viterbi, 1967), told as soon as it is certain.

    A label is certain when all sequences that can still become the likeliest have it.

    Args:
        smoothing: price of a change, in nats of log posterior; 0 takes each window's likeliest label.
    """

    def __init__(self, smoothing: float):
        self._price = smoothing
        self._best: np.ndarray | None = None  # score of the likeliest sequence that ends in each label
        self._origins: deque[np.ndarray] = deque()  # of each window not told yet: the label before, by label

    def add(self, posteriors: np.ndarray) -> list[int]:
        """Labels of the oldest windows that are certain now that `posteriors` `(labels,)` of the next one are known."""
        best, every = self._best, np.arange(len(posteriors))
        if best is None:
            best = np.zeros(len(posteriors))
        stays = best >= best.max() - self._price
        self._origins.append(np.where(stays, every, best.argmax()))
        best = np.where(stays, best, best.max() - self._price) + np.log(np.maximum(posteriors, FLOOR))
        self._best = best - best.max()
        return self.tell(0)

    def tell(self, count: int) -> list[int]:
        """Labels of the oldest windows, of at least `count` not told yet, certain or not.

        Those that are not certain are of the sequence that is likeliest so far; sequences that say otherwise are given
        up, so that what was told holds.
        """
        if not self._origins:
            return []
        alive = np.flatnonzero(np.isfinite(self._best))
        paths = self._back(alive)
        told = paths[: max(count, _agreeing(paths)), self._best[alive].argmax()]
        self._best[alive[(paths[: len(told)] != told[:, None]).any(axis=0)]] = -np.inf
        for _ in told:
            self._origins.popleft()
        return told.tolist()

    def finish(self) -> list[int]:
        """Labels of all windows that were not told yet; then it begins anew."""
        told = self.tell(len(self._origins))
        self._best = None
        return told

    def _back(self, ends: np.ndarray) -> np.ndarray:
        """Sequences that end in the labels `ends`, `(windows not told, ends)`."""
        paths = [ends]
        for origins in reversed(self._origins):
            paths.append(origins[paths[-1]])
        return np.stack(paths[-2::-1])


def _agreeing(paths: np.ndarray) -> int:
    """In how many windows, from the first on, all `paths` `(windows, paths)` have one label."""
    agreed = np.flatnonzero((paths == paths[:, :1]).all(axis=1))
    return int(agreed[-1]) + 1 if len(agreed) else 0
