"""Networks by name: torchvision's, seeing one-channel pictures of sound."""

from __future__ import annotations

import difflib
from functools import cache

import torch
from torch import nn

from tembr.errors import ConfigError, first_line

DEPTHS = (18, 34, 50)
WIDTHS = {"": 1.0, "_half": 0.5, "_quarter": 0.25}
"""Ending of a ResNet's name → share of its channels in every layer: a quarter and a sixteenth of its numbers."""
RESNETS = {f"resnet{depth}{ending}": (depth, width) for depth in DEPTHS for ending, width in WIDTHS.items()}
"""Name → depth and width."""


class AudioResNet(nn.Module):
    """torchvision's ResNet with a one-channel first convolution and dropout before the last layer (He et al., 2016).

    Args:
        classes: outputs.
        dropout: share of the 512 (2,048) features dropped before the linear layer.
        depth: 18, 34 or 50.
        width: share of the channels kept in every layer.
    """

    def __init__(self, classes: int, dropout: float = 0.5, depth: int = 18, width: float = 1.0):
        super().__init__()
        whole = _torchvision(f"resnet{depth}", classes)
        self.network = adapt(whole if width == 1 else _narrowed(whole, width), dropout)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """`(batch, 1, rows, frames)` → logits `(batch, classes)`."""
        return self.network(pictures)


def build_network(name: str, classes: int, dropout: float = 0.5) -> nn.Module:
    """A network for one-channel pictures, `(batch, 1, rows, frames)` → logits `(batch, classes)`.

    Args:
        name: one of `RESNETS`, 'resnet18', 'resnet18_quarter', ..., or any classifier of torchvision by its name
            there: 'mobilenet_v3_small', 'efficientnet_b0', ...

    Raises:
        ConfigError: torchvision has no such classifier.
    """
    if name in RESNETS:
        return AudioResNet(classes, dropout, *RESNETS[name])
    return adapt(_torchvision(name, classes), dropout)


def adapt(network: nn.Module, dropout: float) -> nn.Module:
    """Make a torchvision classifier take one channel, put dropout before its last layer, and initialise it.

    Convolutions are initialised after Kaiming He (fan out), linear layers after Xavier Glorot.
    """
    first_name, first = next((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d))
    _replace(network, first_name, _one_channel(first))
    leaves = [(name, module) for name, module in network.named_modules() if not list(module.children())]
    last_name, last = [(n, m) for n, m in leaves if isinstance(m, nn.Linear)][-1]
    before = leaves[[n for n, _ in leaves].index(last_name) - 1][1]
    if isinstance(before, nn.Dropout):
        before.p = dropout
    else:
        _replace(network, last_name, nn.Sequential(nn.Dropout(dropout), last))
    network.apply(_initialise)
    return network


@cache
def check_network(name: str, rows: int, frames: int) -> None:
    """Try a network on one picture, of sizes alone: nothing is computed.

    Raises:
        ConfigError: there is no such network, or it cannot take pictures of this size.
    """
    try:
        with torch.device("meta"), torch.inference_mode():
            build_network(name, 2).eval()(torch.zeros(1, 1, rows, frames))
    except ConfigError:
        raise
    except Exception as error:
        reason = first_line(error)
        raise ConfigError(
            f"train.network={name} cannot be used on pictures of {rows} × {frames} ({reason}); try resnet18"
        ) from error


def _narrowed(network: nn.Module, width: float) -> nn.Module:
    """Every layer of a torchvision ResNet made anew with `width` of its channels; three input channels stay."""
    scaled = lambda channels: channels if channels == 3 else round(channels * width)  # noqa: E731
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d):
            places = module.kernel_size, module.stride, module.padding
            channels = scaled(module.in_channels), scaled(module.out_channels)
            _replace(network, name, nn.Conv2d(*channels, *places, bias=module.bias is not None))
        elif isinstance(module, nn.BatchNorm2d):
            _replace(network, name, nn.BatchNorm2d(scaled(module.num_features)))
        elif isinstance(module, nn.Linear):
            _replace(network, name, nn.Linear(scaled(module.in_features), module.out_features))
    return network


def _one_channel(conv: nn.Conv2d) -> nn.Conv2d:
    return nn.Conv2d(
        1,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.padding,
        bias=conv.bias is not None,
    )


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(network.get_submodule(parent), child, module)


def _torchvision(name: str, classes: int) -> nn.Module:
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1) or ["resnet18"]
        raise ConfigError(f"torchvision has no classifier called {name!r}; did you mean {near[0]}?")
    return models.get_model(name, weights=None, num_classes=classes)
