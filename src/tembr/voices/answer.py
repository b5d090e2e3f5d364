"""What trained voice networks answer: for a speaker of whom nothing is known, and for one adapted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from tembr.voices.network import VoiceEnsemble
from tembr.voices.pool import Pool

AT_ONCE = 128  # recordings


@dataclass(frozen=True, eq=False)
class Answers:
    """Logits of some recordings.

    Attributes:
        indices: of the recordings, `(n,)`.
        logits: `(n, classes)`.
    """

    indices: np.ndarray
    logits: np.ndarray

    @staticmethod
    def joined(parts: Sequence[Answers]) -> Answers:
        return Answers(np.concatenate([p.indices for p in parts]), np.concatenate([p.logits for p in parts]))


def ensemble_of(groups: Sequence[tuple[float, Sequence[nn.Module]]], pool: Pool) -> VoiceEnsemble:
    """The networks as one, over the emotions of the corpus that is asked."""
    return VoiceEnsemble(groups, pool.columns).eval()


def unknown(ensemble: VoiceEnsemble, pool: Pool, indices: np.ndarray) -> Answers:
    """Each recording by itself."""
    return Answers(indices, _logits(ensemble, pool, indices, None, 0.0))


def known(
    ensemble: VoiceEnsemble,
    pool: Pool,
    indices: np.ndarray,
    count: int,
    rng: np.random.Generator,
    level_prior: float,
    offset_prior: float,
) -> Answers:
    """`count` recordings of each speaker, drawn, unlabelled, are adapted to; the others are answered.

    The speaker's level is the mean of their levels, weighed k / (k + `level_prior`) against each recording's own;
    then the mean of their logits, each less its mean over the emotions, is taken away, times k / (k + `offset_prior`):
    what the network says of this voice whatever it says. That takes the k recordings to hold emotions about as often
    as the recordings learnt from.
    """
    parts = []
    speakers = pool.speakers[indices]
    for speaker in np.unique(speakers):
        own = indices[speakers == speaker]
        heard = rng.choice(own, min(count, len(own) - 1), replace=False)
        asked = np.setdiff1d(own, heard)
        k = len(heard)
        level, weight = pool.levels[heard].mean(0), k / (k + level_prior)
        mean = _logits(ensemble, pool, heard, level, weight).mean(0)
        offset = -(mean - mean.mean()) * k / (k + offset_prior)
        parts.append(Answers(asked, _logits(ensemble, pool, asked, level, weight) + offset))
    return Answers.joined(parts)


def fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The divisor of logits with the highest likelihood of the truth (Guo et al., 2017), between 0.05 and 20."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled = scaled - scaled.max(1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(1)) - scaled[np.arange(len(truth)), truth]))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def softmax(logits: np.ndarray) -> np.ndarray:
    """`(n, classes)` → rows that sum to 1."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@torch.inference_mode()
def _logits(ensemble: VoiceEnsemble, pool: Pool, indices: np.ndarray, level, weight: float) -> np.ndarray:
    parts = [ensemble(pool.contours[part], level, weight)[0] for part in torch.as_tensor(indices).split(AT_ONCE)]
    return torch.cat(parts).double().numpy()
