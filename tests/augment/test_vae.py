"""The VAE itself: shapes, the bound, and what depends on what."""

from __future__ import annotations

import pytest
import torch

from tembr.augment.vae import ConditionalVAE
from tests.augment.conftest import SMALL


def vae(bins: int = 13, frames: int = 31) -> ConditionalVAE:
    torch.manual_seed(0)
    return ConditionalVAE(bins, frames, 6, 3, SMALL)


def conditions(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.arange(count) % 6, torch.arange(count) % 4


@pytest.mark.parametrize(("bins", "frames"), [(80, 94), (1, 32), (12, 7), (1025, 3)])
def test_values_of_any_shape_are_encoded_and_decoded(bins, frames):
    model, values = vae(bins, frames), torch.randn(5, bins, frames)
    mean, log_variance = model.encode(values, *conditions(5))
    assert mean.shape == log_variance.shape == (5, SMALL.latent)
    assert model.decode(mean, *conditions(5)).shape == values.shape


def test_the_divergence_from_the_prior_by_hand():
    """Of a posterior of mean 3 and variance 4 in each of four dimensions: 4 · (9 + 4 − 1 − ln 4) / 2."""
    model = vae()
    torch.nn.init.zeros_(model.posterior.weight)
    with torch.no_grad():
        model.posterior.bias[:4], model.posterior.bias[4:] = 3.0, torch.tensor(4.0).log()
    terms = model.elbo(torch.randn(2, 13, 31), *conditions(2), torch.randn(2, 4))
    assert terms.divergence.item() == pytest.approx(2 * (9 + 4 - 1 - 1.386294), rel=1e-5)


def test_the_reconstruction_is_half_the_squared_error_of_standardised_values():
    model = vae()
    for parameter in model.decoder[-1].parameters():
        torch.nn.init.zeros_(parameter)
    model.mean.fill_(-40.0), model.deviation.fill_(10.0)
    terms = model.elbo(torch.full((2, 13, 31), -20.0), *conditions(2), torch.randn(2, 4))
    assert terms.reconstruction.item() == pytest.approx(0.5 * 2**2 * 13 * 31)


@pytest.mark.parametrize("changed", [0, 1])
def test_what_is_decoded_depends_on_emotion_and_speaker(changed):
    model, latent = vae(), torch.randn(1, 4)
    one, other = ([torch.tensor([1]), torch.tensor([1])] for _ in range(2))
    other[changed] = torch.tensor([2])
    assert not torch.equal(model.decode(latent, *one), model.decode(latent, *other))


def test_a_row_stays_in_its_range():
    model = vae()
    model.lowest.fill_(-0.1), model.highest.copy_(torch.linspace(0, 0.1, 13)[:, None])
    decoded = model.decode(100 * torch.randn(8, 4), *conditions(8))
    assert (decoded >= model.lowest).all() and (decoded <= model.highest).all()
    assert (decoded == model.lowest).any() and (decoded == model.highest).any()
