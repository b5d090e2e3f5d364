"""Linear discriminants over who speaks and how: for voices that have been heard, in the room they were heard in.

What a random split asks for. A recording's mean spectrum says which voice, which microphone and which day it is; where
a corpus was recorded emotion by emotion that says the emotion too. Of a voice never heard this knows nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import nn

from tembr.errors import ConfigError
from tembr.features.voice import ENERGY, PITCH
from tembr.voices.functionals import functionals
from tembr.voices.pool import Pool
from tembr.voices.settings import VoiceSettings

FLOOR = 1e-3  # of a deviation: a band may be constant
NEVER = -1e4  # logit of an emotion that a speaker has no recording of
AT_ONCE = 128  # recordings


class SpectraModel(nn.Module):
    """Numbers of a recording → logits: of every speaker's every emotion one, linear; of an emotion the logarithm of
    the sum over speakers.

    Args:
        speakers, classes: how many there are.
        rows: of the contours, which it hears as they are, not relative to a level.
        whole: functionals and the bands' deviations too, not their means alone.
    """

    hears = "contours"

    def __init__(self, speakers: int, classes: int, rows: int, whole: bool):
        super().__init__()
        self.classes, self.whole = classes, whole
        numbers = spectra(torch.zeros(1, rows, 4), torch.zeros(1, rows, 4), whole).shape[1]
        self.output = nn.Linear(numbers, speakers * classes)
        self.register_buffer("middle", torch.zeros(numbers))
        self.register_buffer("deviation", torch.ones(numbers))

    def forward(self, contours: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """`(batch, rows, frames)` twice → `(batch, classes)`."""
        logits = self.output((spectra(contours, counts, self.whole) - self.middle) / self.deviation)
        return logits.unflatten(1, (-1, self.classes)).logsumexp(1)


def spectra(contours: torch.Tensor, counts: torch.Tensor, whole: bool) -> torch.Tensor:
    """Mean of every band over what is heard, in dB; where `whole` its deviation and the functionals besides.

    Args:
        contours, counts: as `extract` and `heard` give them, `(batch, rows, frames)`.

    Returns:
        `(batch, numbers)`.
    """
    bands, weight = contours[:, :PITCH], counts[:, ENERGY:]
    total = weight.sum(-1).clamp(min=1)
    mean = (bands * weight).sum(-1) / total
    if not whole:
        return mean
    variance = ((bands - mean[..., None]).square() * weight).sum(-1) / total
    return torch.cat([functionals(contours, counts), mean, variance.sqrt()], dim=1)


def fit_spectra(pool: Pool, indices: np.ndarray, settings: VoiceSettings) -> SpectraModel:
    """The discriminants of the recordings at `indices` that are of the corpus asked.

    Raises:
        ConfigError: fewer than two emotions to learn from.
    """
    asked = indices[(pool.corpus[indices] == 0) & (pool.originals[indices] == indices)]
    if len(np.unique(pool.classes[asked])) < 2:
        raise ConfigError(f"{settings.kind}: fewer than two emotions to learn from")
    if len(np.unique(pool.speakers[asked] * len(pool.labels) + pool.classes[asked])) == len(asked):
        raise ConfigError(f"{settings.kind}: no speaker has two recordings of an emotion; nothing varies to learn from")
    model = new_spectra(pool, settings)
    with torch.no_grad():
        parts = [
            spectra(pool.contours[part], pool.weights[part].float(), model.whole)
            for part in torch.as_tensor(asked).split(AT_ONCE)
        ]
        values = torch.cat(parts).double().numpy()
        middle, deviation = values.mean(0), values.std(0) + FLOOR
        which = pool.speakers[asked] * len(pool.labels) + pool.classes[asked]
        found = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=settings.shrinkage)
        found.fit((values - middle) / deviation, which)
        weights, biases = found.coef_, found.intercept_
        if len(found.classes_) == 2:  # scikit-learn gives one row, of the second class against the first
            weights, biases = np.vstack([0 * weights, weights]), np.append(0 * biases, biases)
        model.middle.copy_(torch.from_numpy(middle))
        model.deviation.copy_(torch.from_numpy(deviation))
        model.output.weight.zero_()
        model.output.bias.fill_(NEVER)
        model.output.weight[found.classes_] = torch.from_numpy(weights).float()
        model.output.bias[found.classes_] = torch.from_numpy(biases).float()
    return model.eval()


def new_spectra(pool: Pool, settings: VoiceSettings) -> SpectraModel:
    """Not fitted yet."""
    whole = settings.kind == "spectra"
    return SpectraModel(int(pool.speakers.max()) + 1, len(pool.labels), pool.contours.shape[1], whole)
