"""MixStyle along frequency: in training, recordings of a batch exchange part of their per-row statistics."""

from __future__ import annotations

import torch
from torch import nn

from tembr.errors import ConfigError

STRENGTH = 0.3  # both parameters of the Beta distribution the mixture is drawn from


class MixStyle(nn.Module):
    """Give each recording statistics between its own and another's; nothing in evaluation.

    Mean and deviation of every row, over channels and time, carry voice, room and microphone more than what is
    said (Zhou et al., "Domain generalization with MixStyle", 2021, along frequency as Kim et al., 2022).

    Args:
        probability: that a batch is mixed at all.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, rows, frames)`, the same shape."""
        if not self.training or torch.rand(()) > self.probability:
            return maps
        variance, mean = torch.var_mean(maps.detach().float(), (1, 3), keepdim=True)
        deviation = variance.add(1e-6).sqrt()
        strength = torch.full((len(maps), 1, 1, 1), STRENGTH, device=maps.device)
        share = torch.distributions.Beta(strength, strength).sample()
        other = torch.randperm(len(maps), device=maps.device)
        mixed_mean = share * mean + (1 - share) * mean[other]
        mixed_deviation = share * deviation + (1 - share) * deviation[other]
        scale = mixed_deviation / deviation
        return maps * scale.to(maps.dtype) + (mixed_mean - mean * scale).to(maps.dtype)


def mix_styles(network: nn.Module, probability: float, stages: tuple[str, ...] = ("maxpool", "layer1")) -> None:
    """Put MixStyle after the first stages of a torchvision ResNet, in place; its weights keep their names.

    Raises:
        ConfigError: the network has no such stages.
    """
    style = MixStyle(probability)
    found = [module for name, module in network.named_modules() if name.rpartition(".")[2] in stages]
    if len(found) != len(stages):
        raise ConfigError("train.mixstyle works inside ResNets; choose train.network=resnet18, or train.mixstyle=0")
    for module in found:
        module.register_forward_hook(lambda module, inputs, output: style(output) if module.training else output)
