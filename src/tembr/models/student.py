"""A narrow Whisper encoder that begins as what comes nearest to the first layers of a wide one.

Fewer channels, attention heads and feed-forward units are kept: those that say most. From the spectrogram upwards every
linear layer is then the least-squares solution: from what the narrow encoder makes of some recordings to what the wide
one has there. So a few passes over a few hours of speech are enough to imitate it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tembr.features.layers import AttentionBlock, WhisperLayers

HEAD = 64
"""Channels of an attention head, in every Whisper."""

RIDGE = 1e-3
"""Of the least squares, as a share of the mean variance."""

ROWS = 8_192
"""Frames that channels are chosen by, at most."""


def narrow_whisper(wide: nn.Module, layers: int, hidden: int, feedforward: int) -> nn.Module:
    """`transformers`' Whisper encoder with fewer layers, channels and feed-forward units than `wide`; untrained.

    Args:
        hidden: a multiple of `HEAD`.
    """
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    given = wide.config
    config = WhisperConfig(
        d_model=hidden,
        encoder_layers=layers,
        encoder_attention_heads=hidden * given.encoder_attention_heads // given.d_model,
        encoder_ffn_dim=feedforward,
        num_mel_bins=given.num_mel_bins,
        max_source_positions=given.max_source_positions,
        decoder_layers=1,
        decoder_attention_heads=1,
        decoder_ffn_dim=1,
        vocab_size=8,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        dropout=0.0,
    )
    return WhisperEncoder(config).eval()


@torch.no_grad()
def begin(student: WhisperLayers, teacher: WhisperLayers, log_mel: torch.Tensor) -> None:
    """Set a student's weights to what comes nearest to the teacher's first layers on some spectrograms.

    Args:
        student: of fewer channels and units than the teacher, and at most as many layers.
        log_mel: `(n, bands, frames)`, recordings of one length.
    """
    spectra = log_mel.transpose(1, 2)
    low, high = teacher.convolutions
    inner = F.gelu(low(spectra))
    convolved = high(inner)
    streams = [F.gelu(convolved) + teacher.positions[: convolved.shape[1]]]
    for block in teacher.blocks[: len(student.blocks)]:
        streams.append(block(streams[-1]))
    width = student.positions.shape[1]
    kept, below = most_telling(torch.cat(streams), width), most_telling(inner, width)
    student.positions.copy_(teacher.positions[: len(student.positions), kept])
    narrow_low, narrow_high = student.convolutions
    narrow_low.linear.weight.copy_(low.linear.weight[below])
    narrow_low.linear.bias.copy_(low.linear.bias[below])
    own = F.gelu(narrow_low(spectra))
    solve(narrow_high.linear, narrow_high.neighbours(own), convolved[..., kept])
    states = F.gelu(narrow_high(own)) + student.positions[: convolved.shape[1]]
    for block, wide, given, wanted in zip(student.blocks, teacher.blocks, streams, streams[1:]):
        states = _begin_block(block, wide, states, given, wanted[..., kept], kept)


def _begin_block(
    block: AttentionBlock,
    wide: AttentionBlock,
    states: torch.Tensor,
    given: torch.Tensor,
    wanted: torch.Tensor,
    kept: torch.Tensor,
) -> torch.Tensor:
    """Begin one layer; gives its states.

    Args:
        states, given: what the narrow and the wide layer take, `(n, frames, channels)` each.
        wanted: what the wide layer makes of it, in the channels that are kept.
    """
    normed = wide.attention_norm(given)
    mixed = wide.mixed(normed, wide.value(normed))
    between = given + wide.output(mixed)
    units = wide.expand(wide.feedforward_norm(between))
    gathered = _of_heads(wide, mixed, block.heads)
    own = block.attention_norm(states)
    for narrow, full in ((block.query, wide.query), (block.key, wide.key), (block.value, wide.value)):
        solve(narrow, own, full(normed)[..., gathered])
    own = block.mixed(own, block.value(own))
    solve(block.output, own, between[..., kept] - states)
    states = states + block.output(own)
    strength = F.gelu(units).flatten(0, 1).var(0) * wide.contract.weight.square().sum(0)
    strongest = strength.topk(block.expand.out_features).indices.sort().values
    own = block.feedforward_norm(states)
    solve(block.expand, own, units[..., strongest])
    own = F.gelu(block.expand(own))
    solve(block.contract, own, wanted - states)
    return states + block.contract(own)


def _of_heads(wide: AttentionBlock, mixed: torch.Tensor, count: int) -> torch.Tensor:
    """Channels of the `count` attention heads that move the states most, in order."""
    size = mixed.shape[-1] // wide.heads
    flat = mixed.flatten(0, 1)
    heads = [torch.arange(first, first + size) for first in range(0, size * wide.heads, size)]
    moved = torch.stack([(flat[:, own] @ wide.output.weight[:, own].T).var(0).sum() for own in heads])
    return torch.cat([heads[head] for head in moved.topk(count).indices.sort().values])


def most_telling(values: torch.Tensor, count: int) -> torch.Tensor:
    """Channels of `(n, frames, channels)` that the others are told from best, in order, `(count,)` int.

    Each is the one that those before it tell least of, by its correlation (QR with column pivoting).
    """
    from scipy.linalg import qr

    flat = values.flatten(0, 1)[:: max(1, values[..., 0].numel() // ROWS)].double().numpy()
    standard = (flat - flat.mean(0)) / (flat.std(0) + 1e-6)
    _, pivots = qr(standard, mode="r", pivoting=True)
    return torch.from_numpy(np.sort(pivots[:count]).copy())


def solve(layer: nn.Linear, given: torch.Tensor, wanted: torch.Tensor) -> None:
    """Set a linear layer to the least-squares solution from `(…, inputs)` to `(…, outputs)`.

    Without a bias it is that of what is centred: a constant of all keys changes no attention.
    """
    given, wanted = (values.flatten(0, -2).double() for values in (given, wanted))
    middle, aim = given.mean(0), wanted.mean(0)
    centred = given - middle
    products = centred.T @ centred
    products += RIDGE * products.diagonal().mean() * torch.eye(len(products), dtype=products.dtype)
    weight = torch.linalg.solve(products, centred.T @ (wanted - aim)).T
    layer.weight.copy_(weight)
    if layer.bias is not None:
        layer.bias.copy_(aim - weight @ middle)


def whisper_state(encoder: nn.Module, layers: WhisperLayers) -> dict[str, torch.Tensor]:
    """Weights of `transformers`' encoder of which `layers` were trained, as its files name them."""
    state = {name: values.detach() for name, values in encoder.state_dict().items()}
    for name, convolution in zip(("conv1", "conv2"), layers.convolutions, strict=True):
        state |= {f"{name}.weight": convolution.weights(), f"{name}.bias": convolution.linear.bias.detach()}
    state["embed_positions.weight"][: len(layers.positions)] = layers.positions
    return {f"encoder.{name}": values.contiguous() for name, values in state.items()}
