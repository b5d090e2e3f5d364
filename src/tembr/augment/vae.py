"""A convolutional variational autoencoder of one representation, conditional on emotion and speaker."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from tembr.augment.settings import VAESettings

UNKNOWN = 0  # number of a speaker of whom nothing is known
LEVELS = 3  # convolutions, each of which halves rows and frames


class ElboTerms(NamedTuple):
    """The two parts of the negative evidence lower bound, mean over a batch, in nats."""

    reconstruction: torch.Tensor
    divergence: torch.Tensor


class ConditionalVAE(nn.Module):
    """q(z | x, emotion, speaker) and p(x | z, emotion, speaker), both Gaussian, with a standard normal prior of z.

    Kingma & Welling (2014), "Auto-Encoding Variational Bayes", with conditions on both sides as in Sohn, Lee & Yan
    (2015), "Learning structured output representation using deep conditional generative models". Values are
    standardised row by row; p(x | z) has unit variance there. Rows and frames are padded to multiples of eight inside.

    Args:
        bins, frames: shape of a recording's values.
        classes: number of emotions.
        speakers: number of speakers, 1 to `speakers`; 0 is one who is unknown.
        settings: sizes.
    """

    def __init__(self, bins: int, frames: int, classes: int, speakers: int, settings: VAESettings):
        super().__init__()
        self.bins, self.frames = bins, frames
        self.grid = tuple(-(-size // 2**LEVELS) for size in (bins, frames))
        widths = [settings.channels * 2**level for level in range(LEVELS)]
        size, condition = widths[-1] * self.grid[0] * self.grid[1], 2 * settings.embedding
        self.emotion = nn.Embedding(classes, settings.embedding)
        self.speaker = nn.Embedding(1 + speakers, settings.embedding)
        self.encoder = nn.Sequential(*_halvings([1, *widths]), nn.Flatten())
        self.posterior = nn.Linear(size + condition, 2 * settings.latent)
        self.unfolding = nn.Linear(settings.latent + condition, size)
        self.decoder = nn.Sequential(*_doublings([*widths[::-1], 1]))
        for name, start in {"mean": 0.0, "deviation": 1.0, "lowest": -torch.inf, "highest": torch.inf}.items():
            self.register_buffer(name, torch.full((bins, 1), start))

    def encode(
        self, values: torch.Tensor, classes: torch.Tensor, speakers: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values `(batch, bins, frames)`, classes and speakers `(batch,)` → mean and log-variance `(batch, latent)`."""
        rows, frames = (2**LEVELS * size for size in self.grid)
        padding = (0, frames - self.frames, 0, rows - self.bins)
        padded = F.pad(self._standardised(values)[:, None], padding, mode="replicate")
        found = torch.cat([self.encoder(padded), self._condition(classes, speakers)], dim=1)
        return self.posterior(found).chunk(2, dim=1)

    def decode(self, latent: torch.Tensor, classes: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        """Latents `(batch, latent)` → values `(batch, bins, frames)`, each row in its range over the training data."""
        values = self._decoded(latent, classes, speakers) * self.deviation + self.mean
        return values.clamp(self.lowest, self.highest)

    def elbo(
        self, values: torch.Tensor, classes: torch.Tensor, speakers: torch.Tensor, noise: torch.Tensor
    ) -> ElboTerms:
        """The terms of equation 10 of Kingma & Welling (2014), constants left out.

        Args:
            values, classes, speakers: as for `encode`.
            noise: standard normal, `(batch, latent)`: the reparametrisation's.
        """
        mean, log_variance = self.encode(values, classes, speakers)
        latent = mean + noise * (0.5 * log_variance).exp()
        error = self._decoded(latent, classes, speakers) - self._standardised(values)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return ElboTerms(0.5 * error.square().sum((1, 2)).mean(), divergence.mean())

    def _decoded(self, latent: torch.Tensor, classes: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        unfolded = self.unfolding(torch.cat([latent, self._condition(classes, speakers)], dim=1))
        decoded = self.decoder(unfolded.unflatten(1, (-1, *self.grid)))
        return decoded[:, 0, : self.bins, : self.frames]

    def _condition(self, classes: torch.Tensor, speakers: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.emotion(classes), self.speaker(speakers)], dim=1)

    def _standardised(self, values: torch.Tensor) -> torch.Tensor:
        return (values - self.mean) / self.deviation


def _halvings(widths: list[int]) -> list[nn.Module]:
    layers = [(nn.Conv2d(wide, wider, 4, 2, 1), nn.SiLU()) for wide, wider in zip(widths, widths[1:])]
    return [layer for pair in layers for layer in pair]


def _doublings(widths: list[int]) -> list[nn.Module]:
    layers = [(nn.SiLU(), nn.ConvTranspose2d(wide, slim, 4, 2, 1)) for wide, slim in zip(widths, widths[1:])]
    return [layer for pair in layers for layer in pair]
