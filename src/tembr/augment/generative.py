"""Further training examples from a conditional VAE that is fitted on the training part of a fold alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from tembr.augment.settings import VAESettings
from tembr.augment.vae import UNKNOWN, ConditionalVAE
from tembr.errors import ConfigError
from tembr.features.store import FeatureTable

BATCH = 128  # recordings, where nothing is learnt
UNNAMED = 0.1  # share of recordings whose speaker is kept from the VAE, so that it learns one who is unknown

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Values `(batch, bins, frames)`, classes and speakers `(batch,)`."""


@dataclass(frozen=True, eq=False)
class TrainingPart:
    """The k recordings of a fold that may be learnt from.

    Attributes:
        table: values of all recordings of the study; those of the k alone are read.
        indices: `(k,)` their places in `table`.
        classes: `(k,)` int.
        speakers: `(k,)` int, 1 to the number of speakers; 0 where a speaker is heard once only.
    """

    table: FeatureTable
    indices: np.ndarray
    classes: np.ndarray
    speakers: np.ndarray

    @staticmethod
    def of(table: FeatureTable, classes: np.ndarray, speakers: np.ndarray, indices: np.ndarray) -> TrainingPart:
        """The recordings at `indices` of n, `classes` and `speakers` (text) being `(n,)`."""
        heard = Counter(speakers[indices].tolist())
        known = sorted(name for name, count in heard.items() if count > 1)
        numbers = {name: number for number, name in enumerate(known, start=1)}
        return TrainingPart(
            table, indices, classes[indices], np.array([numbers.get(name, UNKNOWN) for name in speakers[indices]])
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Bins, and frames of the longest recording."""
        shapes = [self.table[int(index)].shape for index in self.indices]
        return shapes[0][0], max(frames for _, frames in shapes)

    def batches(self, places: np.ndarray, size: int, device: torch.device) -> Iterator[Batch]:
        """The recordings at `places` of the k; shorter ones begin anew until they are as long as the longest."""
        frames = self.shape[1]
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            values = [self.table[int(index)] for index in self.indices[chosen]]
            values = np.stack([np.pad(v, ((0, 0), (0, frames - v.shape[1])), mode="wrap") for v in values])
            arrays = (values, self.classes[chosen], self.speakers[chosen])
            yield tuple(torch.from_numpy(array).to(device) for array in arrays)


def build_vae(part: TrainingPart, classes: int, settings: VAESettings) -> ConditionalVAE:
    """A VAE of the sizes that a training part asks for, not fitted; `classes` is the number of emotions."""
    return ConditionalVAE(*part.shape, classes, int(part.speakers.max()), settings)


def fit_vae(
    part: TrainingPart,
    classes: int,
    settings: VAESettings,
    seed: int,
    device: torch.device,
    count: Callable[[int, int], None] = lambda done, total: None,
) -> ConditionalVAE:
    """Fit by Adam on the negative evidence lower bound; the same seed gives the same state.

    Args:
        classes: number of emotions.
        count: called with epochs done and in all.

    Raises:
        ConfigError: the loss is no longer finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae = build_vae(part, classes, settings)
    _set_statistics(vae, part)
    vae.to(device)
    optimizer = torch.optim.Adam(vae.parameters(), settings.learning_rate)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        for epoch in range(settings.epochs):
            order = rng.permutation(len(part.indices))
            for values, emotions, speakers in part.batches(order, settings.batch_size, device):
                noise = torch.randn(len(values), settings.latent, generator=generator).to(device)
                named = (torch.rand(len(values), generator=generator) >= UNNAMED).to(device)
                terms = vae.elbo(values, emotions, torch.where(named, speakers, UNKNOWN), noise)
                loss = terms.reconstruction + settings.beta * terms.divergence
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if not torch.isfinite(loss):
                raise ConfigError("the VAE's loss is not finite; choose a lower train.vae.learning_rate")
            count(epoch + 1, settings.epochs)
    return vae.eval()


@torch.no_grad()
def generate(vae: ConditionalVAE, part: TrainingPart, size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Make examples, each decoded from between two recordings of one emotion and speaker.

    Latents are drawn from the posteriors of both and averaged with a weight uniform in [0, 1]. Recordings are taken in
    turn, so that emotions and speakers come as often as in the training part.

    Args:
        vae: fitted on `part`.
        size: number of examples.

    Returns:
        Values `(size, bins, frames)` and classes `(size,)`, on the processor.
    """
    device = vae.mean.device
    rng, generator = np.random.default_rng([seed, 1]), torch.Generator().manual_seed(seed + 1)
    means, log_variances = _posteriors(vae, part, device)
    turns = -(-size // len(part.indices))
    first = np.concatenate([rng.permutation(len(part.indices)) for _ in range(turns)])[:size]
    second, weight = _alike(part, first, rng), torch.rand(size, 1, generator=generator)

    def drawn(places: np.ndarray) -> torch.Tensor:
        noise = torch.randn(size, means.shape[1], generator=generator)
        return means[places] + noise * (0.5 * log_variances[places]).exp()

    latents = weight * drawn(first) + (1 - weight) * drawn(second)
    classes, speakers = torch.from_numpy(part.classes[first]), torch.from_numpy(part.speakers[first])
    batches = zip(*(one.to(device).split(BATCH) for one in (latents, classes, speakers)))
    return torch.cat([vae.decode(*batch).cpu() for batch in batches]), classes


def _posteriors(vae: ConditionalVAE, part: TrainingPart, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    everything = np.arange(len(part.indices))
    found = [torch.stack(vae.encode(*batch)).cpu() for batch in part.batches(everything, BATCH, device)]
    means, log_variances = torch.cat(found, dim=1)
    return means, log_variances


def _alike(part: TrainingPart, first: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each place another, drawn from the recordings of its emotion and speaker; itself where there is no other."""
    pairs = list(zip(part.classes.tolist(), part.speakers.tolist()))
    groups: dict[tuple[int, int], list[int]] = {}
    for place, pair in enumerate(pairs):
        groups.setdefault(pair, []).append(place)
    others = [[other for other in groups[pairs[place]] if other != place] or [place] for place in first]
    return np.array([rng.choice(some) for some in others])


def _set_statistics(vae: ConditionalVAE, part: TrainingPart) -> None:
    """Mean, deviation and range of every row over the training part."""
    (total, squares), count = torch.zeros(2, vae.bins).double(), 0
    lowest, highest = torch.full((vae.bins,), torch.inf), torch.full((vae.bins,), -torch.inf)
    for values, _, _ in part.batches(np.arange(len(part.indices)), BATCH, torch.device("cpu")):
        total += values.double().sum((0, 2))
        squares += values.double().square().sum((0, 2))
        count += len(values) * vae.frames
        lowest, highest = lowest.minimum(values.amin((0, 2))), highest.maximum(values.amax((0, 2)))
    mean = total / count
    deviation = (squares / count - mean.square()).clamp(min=0).sqrt()
    statistics = {"mean": mean, "deviation": torch.where(deviation < 1e-4, 1.0, deviation)}
    for name, value in (statistics | {"lowest": lowest, "highest": highest}).items():
        getattr(vae, name).copy_(value[:, None])
