from __future__ import annotations

import pytest
import torch

from tembr.errors import ConfigError
from tembr.models.torchvision import build_network
from tembr.train.mixstyle import MixStyle, mix_styles


def statistics(maps: torch.Tensor) -> torch.Tensor:
    return maps.mean((1, 3))


def test_it_does_nothing_in_evaluation():
    maps = torch.randn(4, 3, 5, 7)
    assert torch.equal(MixStyle(1.0).eval()(maps), maps)


def test_it_changes_row_statistics_and_nothing_else():
    torch.manual_seed(0)
    maps = torch.randn(8, 3, 5, 200) + torch.arange(8.0)[:, None, None, None]
    mixed = MixStyle(1.0).train()(maps)
    assert not torch.allclose(statistics(mixed), statistics(maps), atol=0.1)
    standard = lambda m: (m - m.mean((1, 3), keepdim=True)) / m.std((1, 3), keepdim=True)  # noqa: E731
    torch.testing.assert_close(standard(mixed), standard(maps), atol=1e-3, rtol=0)


def test_mixed_statistics_lie_between_those_of_the_batch():
    torch.manual_seed(1)
    maps = torch.randn(16, 2, 4, 100)
    mixed = statistics(MixStyle(1.0).train()(maps))
    assert (mixed <= statistics(maps).amax(0) + 1e-4).all() and (mixed >= statistics(maps).amin(0) - 1e-4).all()


def test_a_network_keeps_its_weights_and_its_answers_in_evaluation():
    plain = build_network("resnet18_quarter", 6).eval()
    mixed = build_network("resnet18_quarter", 6).eval()
    mixed.load_state_dict(plain.state_dict())
    mix_styles(mixed, 1.0)
    pictures = torch.randn(4, 1, 40, 94)
    assert list(mixed.state_dict()) == list(plain.state_dict())
    assert torch.equal(mixed(pictures), plain(pictures))
    plain.train(), mixed.train()
    torch.manual_seed(0)
    one = plain(pictures)
    torch.manual_seed(0)
    assert not torch.allclose(mixed(pictures), one)


def test_a_network_without_its_stages_is_refused():
    with pytest.raises(ConfigError, match="works inside ResNets"):
        mix_styles(build_network("mobilenet_v3_small", 6), 0.5)
