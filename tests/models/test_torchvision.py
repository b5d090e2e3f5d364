from __future__ import annotations

import pytest
import torch
from torch import nn

from tembr.errors import ConfigError
from tembr.models.torchvision import AudioResNet, build_network, check_network

NAMES = ["resnet18", "resnet34", "resnet50", "mobilenet_v3_small", "efficientnet_b0"]


@pytest.mark.parametrize("name", NAMES)
def test_one_channel_in_six_logits_out(name):
    network = build_network(name, 6).eval()
    assert network(torch.randn(2, 1, 40, 64)).shape == (2, 6)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_stands_before_the_last_layer(name):
    modules = [m for m in build_network(name, 6, dropout=0.3).modules() if not list(m.children())]
    assert isinstance(modules[-1], nn.Linear)
    assert isinstance(modules[-2], nn.Dropout) and modules[-2].p == 0.3


@pytest.mark.parametrize("name", NAMES)
def test_there_is_no_other_dropout_before_it(name):
    rates = [m.p for m in build_network(name, 6, dropout=0.3).modules() if isinstance(m, nn.Dropout)]
    assert rates == [0.3]


def test_a_network_that_cannot_take_the_pictures_is_said():
    with pytest.raises(ConfigError, match=r"inception_v3 cannot be used on pictures of 12 × 94"):
        check_network("inception_v3", 12, 94)


def test_audio_resnet_has_the_size_of_resnet18_with_one_channel():
    from torchvision.models import resnet18

    expected = sum(p.numel() for p in resnet18(num_classes=6).parameters()) - 2 * 64 * 7 * 7
    assert sum(p.numel() for p in AudioResNet(6).parameters()) == expected


def test_convolutions_are_kaiming_initialised():
    torch.manual_seed(0)
    weight = AudioResNet(6).network.layer4[0].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


def test_pictures_of_six_rows_are_tall_enough():
    assert build_network("resnet18", 6)(torch.randn(2, 1, 6, 94)).shape == (2, 6)


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean resnet18"):
        build_network("resnet81", 6)


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize(("ending", "width"), [("_half", 0.5), ("_quarter", 0.25)])
def test_a_narrow_network_has_the_square_of_the_share_of_the_numbers(depth, ending, width):
    name, whole = f"resnet{depth}{ending}", f"resnet{depth}"
    size = lambda name: sum(p.numel() for p in build_network(name, 6).parameters())  # noqa: E731
    assert size(name) / size(whole) == pytest.approx(width**2, rel=0.02)
    assert build_network(name, 6).eval()(torch.randn(2, 1, 12, 94)).shape == (2, 6)
