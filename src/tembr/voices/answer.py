"""What trained voice networks answer: for a speaker of whom nothing is known, and for one adapted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import nn

from tembr.recognize.adaptation import offset_of, weight_of
from tembr.recognize.manner import Manner, learn_manner
from tembr.voices.kinds import MANNERS
from tembr.voices.network import VoiceEnsemble
from tembr.voices.pool import Pool
from tembr.voices.recipe import MemberSettings, Recipe

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


def ensemble_of(
    groups: Sequence[tuple[float, Sequence[nn.Module]]], pool: Pool, manner: nn.Module | None = None
) -> VoiceEnsemble:
    """The networks as one, over the emotions of the corpus that is asked."""
    return VoiceEnsemble(groups, pool.columns, manner).eval()


def ensemble_for(members: Sequence[tuple[MemberSettings, Sequence[nn.Module]]], mode: str, pool: Pool) -> VoiceEnsemble:
    """The members that hear 'unknown' or 'known' speakers, with their networks, as one.

    The first that knows where emotions lie is a linear member for the unknown, and what the known adapt by.
    """
    groups, manner = [], None
    for member, networks in members:
        if member.hears not in (mode, "both"):
            continue
        if member.kind in MANNERS and mode == "known" and manner is None:
            manner = networks[0]
        else:
            groups.append((member.weight, networks))
    return ensemble_of(groups, pool, manner)


def manner_of(ensemble: VoiceEnsemble, share: float, prior: float) -> Manner:
    """What an ensemble knows of how speakers show emotions, as a recognizer takes it."""
    model = ensemble.manner
    means, spread = model.means[ensemble.columns].double().numpy(), model.spread.double().numpy()
    return Manner(means, spread, share, prior)


def unknown(ensemble: VoiceEnsemble, pool: Pool, indices: np.ndarray) -> Answers:
    """Each recording by itself."""
    return Answers(indices, _logits(ensemble, pool, indices, None, 0.0))


def known(
    ensemble: VoiceEnsemble,
    pool: Pool,
    indices: np.ndarray,
    count: int,
    rng: np.random.Generator,
    recipe: Recipe,
) -> Answers:
    """`count` recordings of each speaker, drawn, unlabelled, are adapted to; the others are answered.

    As `tembr.recognize.adaptation` does it with a bundle.

    Args:
        recipe: how much of everything is believed.
    """
    manner = manner_of(ensemble, recipe.manner_share, recipe.manner_prior) if ensemble.manner else None
    parts = []
    speakers = pool.speakers[indices]
    for speaker in np.unique(speakers):
        own = indices[speakers == speaker]
        heard = rng.choice(own, min(count, len(own) - 1), replace=False)
        asked = np.setdiff1d(own, heard)
        level, weight = pool.levels[heard].mean(0), weight_of(len(heard), recipe.level_prior)
        said = _logits(ensemble, pool, heard, level, weight)
        offset = offset_of(said, recipe.offset_prior)
        logits = _logits(ensemble, pool, asked, level, weight) + offset
        if manner:
            learnt = learn_manner(manner, _positions(ensemble, pool, heard), said + offset)
            logits = logits + learnt.logits(_positions(ensemble, pool, asked))
        parts.append(Answers(asked, logits))
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
    parts = [
        ensemble(pool.contours[part], level, weight, _embeddings(pool, part))[0]
        for part in torch.as_tensor(indices).split(AT_ONCE)
    ]
    return torch.cat(parts).double().numpy()


@torch.inference_mode()
def _positions(ensemble: VoiceEnsemble, pool: Pool, indices: np.ndarray) -> np.ndarray:
    parts = [
        ensemble.position(pool.contours[part], _embeddings(pool, part))
        for part in torch.as_tensor(indices).split(AT_ONCE)
    ]
    return torch.cat(parts).double().numpy()


def _embeddings(pool: Pool, part: torch.Tensor) -> torch.Tensor | None:
    return None if pool.embeddings is None else pool.embeddings[part]
