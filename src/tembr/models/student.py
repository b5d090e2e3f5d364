"""A small encoder that imitates a Whisper encoder's middle layers: fewer blocks, half the frames."""

from __future__ import annotations

import math

import torch
from torch import nn

from tembr.features.layers import AttentionBlock, FrameConvolution, convolved, frame_mask, halved, mean_of_pairs


class StudentEncoder(nn.Module):
    """Whisper's convolutions, transformer blocks over pairs of frames, and a layer of low rank to what is imitated.

    Args:
        encoder: `transformers`' Whisper encoder, whose first layers it begins as; its widest feed-forward units stay.
        blocks: transformer blocks.
        feedforward: units of a block's feed-forward layer.
        rank: of the layer to the imitated states.
        size: of an imitated state: all layers' in a row.
    """

    def __init__(self, encoder: nn.Module, blocks: int, feedforward: int, rank: int, size: int):
        super().__init__()
        self.convolutions = nn.ModuleList([FrameConvolution(encoder.conv1), FrameConvolution(encoder.conv2)])
        self.blocks = nn.ModuleList(_narrowed(layer, feedforward) for layer in encoder.layers[:blocks])
        hidden = encoder.config.d_model
        self.norm = nn.LayerNorm(hidden)
        self.narrow, self.widen = nn.Linear(hidden, rank, bias=False), nn.Linear(rank, size)
        self.hidden = hidden

    def forward(self, log_mel: torch.Tensor, frames: torch.Tensor | None = None) -> torch.Tensor:
        """`(batch, bands, frames)` → `(batch, frames // 4, rank)`; linear from here to the imitated states.

        Args:
            frames: `(batch,)` int, how many belong to each recording; all by default.
        """
        states = convolved(self.convolutions, log_mel, frames)
        states = mean_of_pairs(states + sinusoids(states.shape[1], self.hidden, states.device))
        mask = None if frames is None else frame_mask(halved(frames) // 2, states.shape[1])
        for block in self.blocks:
            states = block(states, mask)
        return self.narrow(self.norm(states))


def sinusoids(frames: int, hidden: int, device: torch.device) -> torch.Tensor:
    """Whisper's positions, `(frames, hidden)`: sines, then cosines, of geometrically falling frequencies."""
    falls = torch.arange(hidden // 2, device=device) * (-math.log(10_000) / (hidden // 2 - 1))
    turns = torch.arange(frames, device=device)[:, None] * falls.exp()
    return torch.cat([turns.sin(), turns.cos()], dim=1)


def _narrowed(layer: nn.Module, feedforward: int) -> AttentionBlock:
    """A copy of a layer with the feed-forward units of the largest weights."""
    block = AttentionBlock(layer)
    size = block.expand.out_features
    if feedforward < size:
        strength = block.expand.weight.norm(dim=1) * block.contract.weight.norm(dim=0)
        kept = strength.topk(feedforward).indices.sort().values
        expand = nn.Linear(block.expand.in_features, feedforward)
        contract = nn.Linear(feedforward, block.contract.out_features)
        with torch.no_grad():
            expand.weight.copy_(block.expand.weight[kept])
            expand.bias.copy_(block.expand.bias[kept])
            contract.weight.copy_(block.contract.weight[:, kept])
            contract.bias.copy_(block.contract.bias)
        block.expand, block.contract = expand, contract
    return block
