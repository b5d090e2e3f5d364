"""A low-dimensional embedding in which recordings of one emotion vary by 1, and how speakers differ there.

A two-covariance model (Brümmer & de Villiers, 2010, "The speaker partitioning problem"), estimated from moments: an
embedding of speaker s showing emotion k is centre + voice of s + effect of k + how s shows k + chance. Emotions are
learnt from the target corpus alone: corpora act and record them differently.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from tembr.adaptation.two_covariance import TwoCovariance

FURTHEST = 6.0  # deviations; an embedding beyond counts as that
FLOOR = 1e-3  # of a deviation, and of a variance where the deviation is 1
LEAST = 1e-4  # variance of speakers' own means along a direction
CENTRE_FLOOR = 0.05  # variance of speakers' centres along a direction


class Projection(nn.Module):
    """Joined embeddings of the members → the embedding that adapting takes.

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


@dataclass(frozen=True, eq=False)
class SpeakerSpace:
    """A projection and what is known of how speakers differ in it.

    Attributes:
        projection: of joined embeddings.
        means: `(labels, d)`, positions of the emotions about a speaker's centre.
        spread: `(d,)`, variance of speakers' own means about these.
        centres: `(corpora, d)`, mean of speakers' centres in each corpus, and in copies through each degradation.
        centre_spread: `(d,)`, variance of speakers' centres about these.
    """

    projection: Projection
    means: np.ndarray
    spread: np.ndarray
    centres: np.ndarray
    centre_spread: np.ndarray

    def project(self, embeddings: np.ndarray) -> np.ndarray:
        """`(n, size)` → `(n, d)` float64."""
        with torch.inference_mode():
            return self.projection(torch.from_numpy(embeddings)).double().numpy()

    def with_centres(
        self, embeddings: np.ndarray, classes: np.ndarray, speakers: np.ndarray, groups: np.ndarray
    ) -> SpeakerSpace:
        """The same with a further centre for each of `groups`, `(n,)` names; other arguments as `fit_speaker_space`."""
        more, _ = _centres(self.project(embeddings), classes, speakers, groups)
        return replace(self, centres=np.vstack([self.centres, more]))

    def known(self, share: float, prior: float) -> TwoCovariance:
        """As adapting takes it; see `TwoCovariance`."""
        return TwoCovariance(self.means, self.spread, self.centres, self.centre_spread, share, prior)


def fit_speaker_space(
    embeddings: np.ndarray,
    classes: np.ndarray,
    speakers: np.ndarray,
    corpora: np.ndarray,
    labels: int,
    dimensions: int,
    shrinkage: float,
) -> SpeakerSpace:
    """Estimate a speaker space from the means of every speaker and emotion, speakers alike however much they said.

    Args:
        embeddings: joined ones of recordings to learn from, `(n, size)`.
        classes: `(n,)` int, 0 to labels - 1.
        speakers, corpora: `(n,)`, names and numbers; no speaker is in two corpora.
        dimensions: kept, those along which emotions and speakers' ways of showing them differ most.
        shrinkage: share of each covariance's diagonal that is added to it, so that it can be inverted.
    """
    mean, deviation = embeddings.mean(0), embeddings.std(0) + FLOOR
    values = np.clip((embeddings.astype(np.float64) - mean) / deviation, -FURTHEST, FURTHEST)
    within, effects = _moments(values, classes, speakers, labels)
    average = np.array([np.mean(some, axis=0) if some else np.zeros(values.shape[1]) for some in effects])
    own = np.vstack([np.array(some) - np.mean(some, axis=0) for some in effects if some])
    directions, spread = _directions(_shrunk(np.cov(within.T), shrinkage), _shrunk(np.cov(own.T), shrinkage))
    means = average @ directions
    kept = np.argsort(-(means.var(0) + spread))[:dimensions]
    projection = Projection(values.shape[1], len(kept))
    projection.mean.copy_(torch.from_numpy(mean))
    projection.deviation.copy_(torch.from_numpy(deviation))
    projection.directions.copy_(torch.from_numpy(directions[:, kept]))
    centres = _centres(values @ directions[:, kept], classes, speakers, corpora)
    return SpeakerSpace(projection.eval(), means[:, kept], spread[kept], *centres)


def _centres(values: np.ndarray, classes: np.ndarray, speakers: np.ndarray, corpora: np.ndarray):
    """Mean of speakers' centres in each corpus, `(corpora, d)`; their variance about these, `(d,)`.

    A speaker's centre is the mean of the means of their emotions.
    """
    centres, apart = [], []
    for corpus in np.unique(corpora):
        names = np.unique(speakers[corpora == corpus])
        found = np.array([_centre(values[speakers == s], classes[speakers == s]) for s in names])
        centres.append(found.mean(0))
        apart.append(found - found.mean(0))
    return np.array(centres), np.maximum(np.vstack(apart).var(0), CENTRE_FLOOR)


def _centre(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return np.mean([values[classes == k].mean(0) for k in np.unique(classes)], axis=0)


def _moments(values: np.ndarray, classes: np.ndarray, speakers: np.ndarray, labels: int):
    """What recordings are apart from their speaker's mean of the emotion, `(n, size)`; of each emotion, of each
    speaker, how far that mean is from the speaker's centre."""
    left, effects = [], [[] for _ in range(labels)]
    for speaker in np.unique(speakers):
        own = speakers == speaker
        means = {k: values[own & (classes == k)].mean(0) for k in np.unique(classes[own])}
        centre = np.mean(list(means.values()), axis=0)
        for k, mean in means.items():
            left.append(values[own & (classes == k)] - mean)
            effects[k].append(mean - centre)
    return np.vstack(left), effects


def _shrunk(covariance: np.ndarray, share: float) -> np.ndarray:
    return covariance + share * np.diag(np.diag(covariance)) + FLOOR * np.eye(len(covariance))


def _directions(within: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes along which recordings vary by 1 and speakers' means independently: `(size, size)`, variances `(size,)`."""
    variances, axes = np.linalg.eigh(within)
    white = axes / np.sqrt(variances)
    spread, turned = np.linalg.eigh(white.T @ own @ white)
    return white @ turned, np.maximum(spread, LEAST)
