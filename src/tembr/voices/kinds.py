"""The kinds of members a recipe may have: what makes one untrained, and what trains it."""

from __future__ import annotations

import numpy as np
from torch import nn

from tembr.voices.manner import fit_manner, new_manner
from tembr.voices.pool import Pool
from tembr.voices.settings import VoiceSettings
from tembr.voices.spectra import fit_spectra, new_spectra
from tembr.voices.train import new_network, train

FORMATS = {"network": 1, "pictures": 1, "functionals": 6, "encoder": 1, "spectra": 1, "mean spectrum": 1}
"""Of each kind, raised when training would make other weights of the same settings."""

MANNERS = ("functionals", "encoder")
"""Kinds that know where emotions lie about a speaker: for the unknown a linear member, and what the known adapt by."""

SPECTRA = ("spectra", "mean spectrum")
"""Kinds for voices that are learnt from and asked alike: they cannot be adapted."""


def new_member(settings: VoiceSettings, pool: Pool) -> nn.Module:
    """Untrained, for the contours, labels and speakers of a pool."""
    if settings.kind in MANNERS:
        return new_manner(pool, settings)
    if settings.kind in SPECTRA:
        return new_spectra(pool, settings)
    return new_network(settings, pool.contours.shape[1], len(pool.labels))


def learn(pool: Pool, indices: np.ndarray, settings: VoiceSettings, seed: int) -> nn.Module:
    """Learn from the recordings at `indices` of a pool; raises as the kind's own function does.

    Args:
        seed: of what is drawn; only networks draw anything.

    Returns:
        the member in evaluation mode.
    """
    if settings.kind in MANNERS:
        return fit_manner(pool, indices, settings)
    if settings.kind in SPECTRA:
        return fit_spectra(pool, indices, settings)
    return train(pool, indices, settings, seed)
