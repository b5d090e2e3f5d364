"""MixUp and CutMix: in training, recordings of a batch are mixed in pairs, and so are their emotions."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torchvision.transforms import v2

from tembr.train.settings import TrainSettings

Mixing = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Values `(batch, bins, frames)` and classes `(batch,)` → values, and classes or probabilities `(batch, classes)`."""


def make_mixing(settings: TrainSettings, classes: int) -> Mixing:
    """What `settings.mixup` and `settings.cutmix` ask for; of both, one is drawn for each batch.

    MixUp is a weighted mean of two recordings (Zhang et al., 2018), CutMix one with a rectangle of another (Yun et al.,
    2019); torchvision's, on values as they come from the cache. Both draw from PyTorch's own generator.
    """
    chosen = []
    if settings.mixup:
        chosen.append(v2.MixUp(alpha=settings.mixup, num_classes=classes))
    if settings.cutmix:
        chosen.append(v2.CutMix(alpha=settings.cutmix, num_classes=classes))
    if not chosen:
        return lambda values, target: (values, target)
    mixed = v2.RandomChoice(chosen) if len(chosen) > 1 else chosen[0]

    def mixing(values: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pictures, probabilities = mixed(values[:, None], target)
        return pictures[:, 0], probabilities

    return mixing
