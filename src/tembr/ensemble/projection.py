"""A low-dimensional embedding in which recordings of one emotion vary by 1 on average, and how speakers differ there.

A two-covariance model (Brümmer & de Villiers, 2010, "The speaker partitioning problem"), estimated from moments: an
embedding of speaker s showing emotion k is centre + voice of s + effect of k + how s shows k + chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import nn

from tembr.adaptation.fitting import EnsembleOutputs
from tembr.models.discriminants import FURTHEST

FLOOR = 1e-3  # of a deviation, and of a variance where the deviation is 1
LEAST = 1e-4  # variance of speakers' own means along a direction

Array = TypeVar("Array", np.ndarray, torch.Tensor)


class Projection(nn.Module):
    """Joined embeddings of the members, standardised, along some directions: what adapting takes.

    Args:
        size: of the joined embeddings.
        dimensions: of the embedding.
    """

    def __init__(self, size: int, dimensions: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.register_buffer("directions", torch.zeros(size, dimensions))

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """`(batch, size)` → `(batch, dimensions)`."""
        return ((embeddings - self.mean) / self.deviation).clamp(-FURTHEST, FURTHEST) @ self.directions


class Embedded(NamedTuple):
    """Joined embeddings of the members for n recordings.

    Attributes:
        vectors: `(n, size)` each: the first of every member, then all others.
        members: how many there are.
    """

    vectors: tuple[np.ndarray, ...]
    members: int

    @property
    def first(self) -> np.ndarray:
        """First vectors in a row, `(n, size)`."""
        return np.concatenate(self.vectors[: self.members], axis=1)

    @property
    def joined(self) -> np.ndarray:
        """All vectors in a row."""
        return np.concatenate(self.vectors, axis=1)

    def at(self, places: np.ndarray) -> Embedded:
        """The same of some of the recordings only."""
        return Embedded(tuple(vector[places] for vector in self.vectors), self.members)

    @staticmethod
    def of(outputs: Sequence[Sequence[np.ndarray]]) -> Embedded:
        """Of the members' embeddings, see `tembr.models.base.Outputs`."""
        first, others = in_rows(outputs)
        return Embedded((*first, *others), len(first))


def in_rows(embeddings: Sequence[Sequence[Array]]) -> tuple[list[Array], list[Array]]:
    """The first vectors of members' embeddings, and all their other vectors, `(n, size)` each."""
    return [one[0] for one in embeddings], [vector for one in embeddings for vector in one[1:]]


@dataclass(frozen=True, eq=False)
class SpeakerSpace:
    """A projection and what is known of how speakers differ in it.

    Attributes:
        projection: of joined embeddings.
        means: `(labels, d)`, positions of the emotions about a speaker's centre.
        spread: `(d,)`, variance of speakers' own means about these.
        relative: all vectors of the joined embeddings → relative logits; None where it was not fitted.
    """

    projection: Projection
    means: np.ndarray
    spread: np.ndarray
    relative: Projection | None = None

    def said(self, logits: np.ndarray, embedded: Embedded) -> EnsembleOutputs:
        """What an ensemble of these logits, `(n, labels)`, says of recordings, as adapting takes it."""
        relative = None
        if self.relative is not None:
            with torch.inference_mode():
                relative = self.relative(torch.from_numpy(embedded.joined)).double().numpy()
        return EnsembleOutputs(logits, self.project(embedded.first), relative)

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        """`(n, size)` → `(n, d)` float64."""
        with torch.inference_mode():
            return self.projection(torch.from_numpy(embeddings)).double().numpy()


def fit_speaker_space(
    embeddings: np.ndarray,
    classes: np.ndarray,
    speakers: np.ndarray,
    labels: int,
    dimensions: int,
    shrinkage: float,
    shares: np.ndarray | None = None,
) -> SpeakerSpace:
    """Estimate a speaker space from the means of every speaker and emotion, speakers alike however much they said.

    Args:
        embeddings: joined ones of recordings to learn from, `(n, size)`.
        classes: `(n,)` int, 0 to labels - 1.
        speakers: `(n,)`, names or numbers; a speaker through a degradation is another one.
        dimensions: kept, those along which emotions and speakers' ways of showing them differ most.
        shrinkage: share of the diagonal that is added to the covariance of chance, so that it can be inverted.
        shares: `(n,)`, what each recording counts, the same for all of a speaker; all alike by default.
    """
    shares = np.ones(len(embeddings)) if shares is None else shares
    mean = np.average(embeddings, 0, shares).astype(np.float32)
    deviation = np.sqrt(np.average((embeddings - mean) ** 2, 0, shares)).astype(np.float32) + FLOOR
    values = np.clip((embeddings.astype(np.float64) - mean) / deviation, -FURTHEST, FURTHEST)
    within, counts, effects = _moments(values, classes, speakers, labels, shares)
    average, own = np.zeros((labels, values.shape[1])), []
    for label, (some, weights) in enumerate(effects):
        if len(some):
            average[label] = np.average(some, 0, weights)
            own.append((some - average[label], weights))
    own_covariance = np.cov(np.vstack([some for some, _ in own]).T, aweights=np.concatenate([w for _, w in own]))
    directions, spread = _directions(_shrunk(np.cov(within.T, aweights=counts), shrinkage), own_covariance)
    means = average @ directions
    kept = np.argsort(-(means.var(0) + spread))[:dimensions]
    projection = Projection(values.shape[1], len(kept))
    projection.mean.copy_(torch.from_numpy(mean))
    projection.deviation.copy_(torch.from_numpy(deviation))
    projection.directions.copy_(torch.from_numpy(directions[:, kept]))
    return SpeakerSpace(projection.eval(), means[:, kept], spread[kept])


def corpus_shares(speakers: np.ndarray, corpora: np.ndarray, others: float) -> np.ndarray:
    """What each recording counts, `(n,)`, so that each other corpus is `others` of the first, corpus 0, which counts 1.

    However many its speakers are, they count for as many together as `others` times those of the first.

    Args:
        speakers, corpora: `(n,)`; no speaker is in two corpora.
    """
    counts = {corpus: len(np.unique(speakers[corpora == corpus])) for corpus in np.unique(corpora).tolist()}
    shares = {corpus: others * counts[0] / count if corpus else 1.0 for corpus, count in counts.items()}
    return np.array([shares[corpus] for corpus in corpora.tolist()])


def _moments(values: np.ndarray, classes: np.ndarray, speakers: np.ndarray, labels: int, shares: np.ndarray):
    """What recordings are apart from their speaker's mean of the emotion, `(n, size)`, and what each counts, `(n,)`; of
    each emotion, of each speaker, how far that mean is from the speaker's centre, `(k, size)` and `(k,)` likewise.

    Speakers of one emotion alone tell nothing of either and are left out where there are others.
    """
    left, counts, effects, weights = [], [], [[] for _ in range(labels)], [[] for _ in range(labels)]
    places = [np.flatnonzero(speakers == speaker) for speaker in np.unique(speakers)]
    for own in [one for one in places if len(np.unique(classes[one])) > 1] or places:
        means = {k: values[own[classes[own] == k]].mean(0) for k in np.unique(classes[own])}
        centre = np.mean(list(means.values()), axis=0)
        for k, mean in means.items():
            left.append(values[own[classes[own] == k]] - mean)
            counts.append(shares[own[classes[own] == k]])
            effects[k].append(mean - centre)
            weights[k].append(shares[own][0])
    found = [(np.array(some), np.array(of)) for some, of in zip(effects, weights)]
    return np.vstack(left), np.concatenate(counts), found


def _shrunk(covariance: np.ndarray, share: float) -> np.ndarray:
    return covariance + share * np.diag(np.diag(covariance)) + FLOOR * np.eye(len(covariance))


def _directions(within: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes along which recordings vary by 1 and speakers' means independently: `(size, size)`, variances `(size,)`."""
    variances, axes = np.linalg.eigh(within)
    white = axes / np.sqrt(variances)
    spread, turned = np.linalg.eigh(white.T @ own @ white)
    return white @ turned, np.maximum(spread, LEAST)
