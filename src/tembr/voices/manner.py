"""How voices show emotions, over functionals: what emotions have in common, and how speakers differ.

A recording of speaker s with emotion k has functionals x = m_s + d_k + e_sk + e. The speaker's voice m_s is drawn from
a normal distribution whose covariance all corpora together tell, what the emotion does d_k and the speaker's own
manner e_sk of showing it come from the corpus that is asked, and so does what is left, e. That is the two-covariance
model of speaker recognition (Brümmer & de Villiers, 2010) with a speaker's manner added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from tembr.errors import ConfigError
from tembr.features.voice import PITCH
from tembr.voices.functionals import count, functionals
from tembr.voices.pool import Pool
from tembr.voices.settings import VoiceSettings

FURTHEST = 6.0  # deviations; functionals beyond count as that
FLOOR = 1e-3  # of a deviation, and of a variance where the deviation is 1: a functional may be constant
LEAST = 1e-4  # variance of the manner along a direction, where speech itself varies by 1


class MannerModel(nn.Module):
    """Functionals → logits of a recording by itself, linear; and the position among emotions that adapting takes.

    Args:
        classes: outputs.
        numbers: functionals of a recording, see `count`; contours are heard as they are, not relative to a level.

    Attributes:
        means: `(classes, d)`, position of each emotion about a speaker's centre.
        spread: `(d,)`, variance of a speaker's own manner about `means`, where that of speech is 1.
    """

    hears = "contours"

    def __init__(self, classes: int, numbers: int):
        super().__init__()
        self.output = nn.Linear(numbers, classes)
        self.register_buffer("middle", torch.zeros(numbers))
        self.register_buffer("deviation", torch.ones(numbers))
        self.register_buffer("directions", torch.eye(numbers))
        self.register_buffer("means", torch.zeros(classes, numbers))
        self.register_buffer("spread", torch.ones(numbers))

    def forward(self, contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """`(batch, rows, frames)` twice → `(batch, classes)`."""
        return self.output(self._standard(functionals(contours, counts)))

    def position(self, contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """`(batch, rows, frames)` twice → `(batch, d)`, along directions in which speech varies by 1."""
        return self._standard(functionals(contours, counts)) @ self.directions

    def _standard(self, numbers: torch.Tensor) -> torch.Tensor:
        return ((numbers - self.middle) / self.deviation).clamp(-FURTHEST, FURTHEST)


class EmbeddingModel(MannerModel):
    """The same of what a pretrained encoder hears, see `tembr.voices.encoder`."""

    hears = "embeddings"

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """`(batch, numbers)` → `(batch, classes)`."""
        return self.output(self._standard(embeddings))

    def position(self, embeddings: torch.Tensor) -> torch.Tensor:
        """`(batch, numbers)` → `(batch, d)`."""
        return self._standard(embeddings) @ self.directions


def new_manner(pool: Pool, settings: VoiceSettings) -> MannerModel:
    """Not fitted yet: of functionals, or of the pool's embeddings."""
    if settings.kind == "encoder":
        return EmbeddingModel(len(pool.labels), pool.embeddings.shape[1])
    return MannerModel(len(pool.labels), count(pool.contours.shape[1] + PITCH))


def fit_manner(pool: Pool, indices: np.ndarray, settings: VoiceSettings) -> MannerModel:
    """The model of the recordings at `indices`: emotions from the corpus asked, voices from every corpus.

    Raises:
        ConfigError: fewer than two emotions of the corpus asked, or fewer than two speakers.
    """
    original = pool.originals[indices] == indices
    asked = indices[original & (pool.corpus[indices] == 0) & np.isin(pool.classes[indices], pool.columns)]
    if len(np.unique(pool.classes[asked])) < 2 or len(np.unique(pool.speakers[asked])) < 2:
        raise ConfigError(f"{settings.kind}: fewer than two emotions or speakers to learn from")
    embedded = settings.kind == "encoder"
    values = pool.embeddings[indices].double().numpy() if embedded else _functionals(pool, indices)
    own = values[np.isin(indices, asked)]
    middle, deviation = own.mean(0), own.std(0) + FLOOR
    values = np.clip((values - middle) / deviation, -FURTHEST, FURTHEST)
    found = estimate(pool, indices, values)
    model = new_manner(pool, settings).eval()
    _set(model, found, settings)
    with torch.no_grad():
        model.middle.copy_(torch.from_numpy(middle))
        model.deviation.copy_(torch.from_numpy(deviation))
    return model


@dataclass(frozen=True, eq=False)
class Estimate:
    """Moments of the model; numbers stand for functionals.

    Attributes:
        classes: which there are, `(k,)`.
        centre: mean voice of the corpus asked, `(numbers,)`.
        effects: `d_k`, `(k, numbers)`.
        speech, manner, voices: covariances of e, e_sk and m_s, `(numbers, numbers)`.
        channels: the same of what copies of recordings are apart from these.
    """

    classes: np.ndarray
    centre: np.ndarray
    effects: np.ndarray
    speech: np.ndarray
    manner: np.ndarray
    voices: np.ndarray
    channels: np.ndarray


def estimate(pool: Pool, indices: np.ndarray, values: np.ndarray) -> Estimate:
    """Moments from the means of every speaker and emotion, speakers alike however much they said.

    Args:
        values: of the recordings at `indices`, `(n, numbers)`.
    """
    speakers, classes, corpus = pool.speakers[indices], pool.classes[indices], pool.corpus[indices]
    original = pool.originals[indices] == indices
    left, voices, effects = [], {}, {k: [] for k in np.unique(classes[corpus == 0])}
    for speaker in np.unique(speakers[original]):
        own = speakers == speaker
        number = int(corpus[own][0])
        means = {k: values[own & (classes == k)].mean(0) for k in np.unique(classes[own])}
        shared = [mean for k, mean in means.items() if k in effects] or list(means.values())
        voice = np.mean(shared, axis=0)
        voices.setdefault(number, []).append(voice)
        if number == 0:
            left += [values[own & (classes == k)] - mean for k, mean in means.items()]
            for k, mean in means.items():
                effects[k].append(mean - voice)
    for speaker in np.unique(speakers[~original & (corpus == 0)]):
        own = speakers == speaker
        left += [values[own & (classes == k)] - values[own & (classes == k)].mean(0) for k in np.unique(classes[own])]
    about = [np.array(some) - np.mean(some, axis=0) for some in voices.values() if len(some) > 1]
    return Estimate(
        np.array(list(effects)),
        np.mean(voices[0], axis=0),
        np.array([np.mean(some, axis=0) for some in effects.values()]),
        np.cov(np.vstack(left).T),
        np.cov(np.vstack([np.array(some) - np.mean(some, axis=0) for some in effects.values()]).T),
        np.cov(np.vstack(about).T),
        _channels(pool, indices, values),
    )


def _channels(pool: Pool, indices: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What copies of a speaker are apart from their originals on average, squared: `(numbers, numbers)`."""
    place = np.full(len(pool.originals), -1)
    place[indices] = np.arange(len(indices))
    copies = indices[pool.originals[indices] != indices]
    apart = values[place[copies]] - values[place[pool.originals[copies]]]
    shifts = [apart[pool.speakers[copies] == speaker].mean(0) for speaker in np.unique(pool.speakers[copies])]
    return np.array(shifts).T @ np.array(shifts) / len(shifts) if shifts else np.zeros((values.shape[1],) * 2)


def _set(model: MannerModel, found: Estimate, settings: VoiceSettings) -> None:
    own = settings.manner * found.manner
    alone = _shrunk(found.speech + own + settings.voices * (found.voices + found.channels), settings.shrinkage)
    means = found.effects + found.centre
    slopes = np.linalg.solve(alone, means.T).T
    directions, spread = _directions(_shrunk(found.speech, settings.shrinkage), _shrunk(own, settings.shrinkage))
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.zero_()
        model.output.weight[found.classes] = torch.from_numpy(slopes).float()
        model.output.bias[found.classes] = torch.from_numpy(-0.5 * (means * slopes).sum(1)).float()
        model.directions.copy_(torch.from_numpy(directions))
        model.means[found.classes] = torch.from_numpy(found.effects @ directions).float()
        model.spread.copy_(torch.from_numpy(spread))


def _shrunk(covariance: np.ndarray, share: float) -> np.ndarray:
    """With `share` of its diagonal added, so that it can be inverted."""
    return covariance + share * np.diag(np.diag(covariance)) + FLOOR * np.eye(len(covariance))


def _directions(speech: np.ndarray, manner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes along which speech varies by 1 and manners independently: `(numbers, numbers)`, variances `(numbers,)`."""
    variances, axes = np.linalg.eigh(speech)
    white = axes / np.sqrt(variances)
    spread, turned = np.linalg.eigh(white.T @ manner @ white)
    return white @ turned, np.maximum(spread, LEAST)


def _functionals(pool: Pool, indices: np.ndarray) -> np.ndarray:
    parts = torch.as_tensor(indices).split(256)
    return torch.cat([functionals(pool.contours[p], pool.weights[p].float()) for p in parts]).double().numpy()
