"""Layers of pretrained encoders as modules that can be exported: waveforms in, states of some layers out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

N_FFT, HOP_LENGTH = 400, 160  # samples of Whisper's analysis, at 16 kHz

LOUDEST = 1.2
"""What every log-mel spectrogram has for its maximum, about what recordings of speech have as they are."""


Part = Literal["states", "units", "values"]
"""What is taken of a layer: its states, the units of its feed-forward network, or the values that the next layer's
attention takes from its states.

Units and values are rectified (GELU), so that their mean over time says what the mean of the states does not: how often
and how far each went beyond its threshold.
"""

Taken = tuple[int, Part]
"""A layer, counted from 1, and what of it."""


def states_of(layers: Iterable[int]) -> tuple[Taken, ...]:
    """The states of each layer."""
    return tuple((layer, "states") for layer in layers)


class EncoderStates(nn.Module):
    """Waveforms → mean over time of what some layers have, or all frames of it.

    Args:
        layers: `(batch, samples)` → `(batch, frames, size)` of each of these layers.
        longest: samples that are taken of a waveform.
        pooled: whether their mean is taken.
    """

    def __init__(self, layers: nn.Module, longest: int, pooled: bool = True):
        super().__init__()
        self.layers, self.longest, self.pooled = layers, longest, pooled

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, size, 1)` of each layer, or `(batch, size, frames)`."""
        states = self.layers(waveform[:, : self.longest])
        return [(self._mean(one) if self.pooled else one).transpose(1, 2) for one in states]

    @staticmethod
    def _mean(states: torch.Tensor) -> torch.Tensor:
        """`(batch, frames, size)` → `(batch, 1, size)`, a product: ONNX Runtime's mean over an inner axis is slow."""
        batch, frames, _ = states.shape
        return (states.new_ones(batch, 1, frames) / frames) @ states


class LogMel(nn.Module):
    """Whisper's log-mel spectrogram of a waveform at its own length (Radford et al., 2022; `whisper/audio.py`).

    But for its level: Whisper's own moves with a recording's by 1 each 40 dB, and what a model has learnt from speech
    of one level does not hold for another's. Here the maximum is always `LOUDEST`.

    Args:
        filters: `(bands, 1 + n_fft // 2)`.

    Attributes:
        power: padded waveform `(batch, samples)` → power `(batch, 1 + n_fft // 2, frames)`: PyTorch's Fourier
            transform, until an export puts its own there.
    """

    def __init__(self, filters: torch.Tensor):
        super().__init__()
        self.register_buffer("filters", filters)
        self.power: Callable[[torch.Tensor], torch.Tensor] = stft_power

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, samples)` → `(batch, bands, samples // 160)`, each within 80 dB below its maximum."""
        padded = F.pad(waveform[:, None], (N_FFT // 2, N_FFT // 2), mode="reflect")[:, 0]
        decades = (self.filters @ self.power(padded)[..., :-1]).clamp(min=1e-10).log10()
        return LOUDEST + (decades - decades.amax((1, 2), keepdim=True)).clamp(min=-8) / 4


def stft_power(padded: torch.Tensor) -> torch.Tensor:
    """Power of Whisper's frames: `(batch, samples)` → `(batch, 1 + n_fft // 2, frames)`."""
    window = torch.hann_window(N_FFT, device=padded.device)
    return torch.stft(padded, N_FFT, HOP_LENGTH, window=window, center=False, return_complex=True).abs().square()


class WhisperLayers(nn.Module):
    """Log-mel, convolutions and the first layers of a Whisper encoder; its products are linear layers, all of them.

    The convolutions too are linear layers on neighbouring frames, so that one quantiser serves all.

    Args:
        given: `transformers`' encoder.
        extractor: its feature extractor.
        wanted: what is given; nothing above is computed.
        longest: samples that are taken of a waveform.

    Attributes:
        hop: samples for each column of the values it takes.
        masks: whether states of a recording are the same in a batch with longer ones.
    """

    hop, masks = HOP_LENGTH, True

    def __init__(self, given: nn.Module, extractor: Any, wanted: Sequence[Taken], longest: int):
        super().__init__()
        self.wanted, self.depth = tuple(wanted), max(layer for layer, _ in wanted)
        self.log_mel = LogMel(torch.from_numpy(extractor.mel_filters.T.astype(np.float32)).contiguous())
        self.convolutions = nn.ModuleList([FrameConvolution(given.conv1), FrameConvolution(given.conv2)])
        kept = math.ceil(longest / (2 * HOP_LENGTH))
        self.register_buffer("positions", given.embed_positions.weight.detach()[:kept].clone())
        self.blocks = nn.ModuleList(AttentionBlock(layer) for layer in given.layers[: self.depth])
        above = given.layers[self.depth] if (self.depth, "values") in self.wanted else None
        self.attending = None if above is None else AttentionBlock(above)

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, frames, size)` of each wanted, 50 frames a second."""
        return self.from_values(self.log_mel(waveform))

    def from_values(self, log_mel: torch.Tensor, frames: torch.Tensor | None = None) -> list[torch.Tensor]:
        """`(batch, bands, frames)` → `(batch, ceil(frames / 2), size)` of each wanted.

        Args:
            frames: `(batch,)` int, how many belong to each recording, whose states are then as if it were alone; what
                is given beyond means nothing. All by default.
        """
        states = convolved(self.convolutions, log_mel, frames)
        states = states + self.positions[: states.shape[1]]
        return self.above(0, states, None if frames is None else halved(frames))

    def frames_of(self, frames: torch.Tensor) -> torch.Tensor:
        """How many frames its states have of values of so many, `(batch,)` int each."""
        return halved(frames)

    def above(self, layer: int, states: torch.Tensor, frames: torch.Tensor | None = None) -> list[torch.Tensor]:
        """What is wanted from the states of a lower layer, or of the lowest wanted: `(batch, frames, size)` each.

        Args:
            layer: whose states are given; 0: what the first layer takes.
            frames: `(batch,)` int, how many belong to each recording; all by default.
        """
        mask = None if frames is None else frame_mask(frames, states.shape[1])
        found = {(layer, "states"): states}
        for number, block in enumerate(self.blocks[layer:], layer + 1):
            states, units, values = block(states, mask)
            found |= {(number, "states"): states, (number, "units"): units, (number - 1, "values"): values}
        if self.attending is not None:
            found[self.depth, "values"] = F.gelu(self.attending.value(self.attending.attention_norm(states)))
        return [found[taken] for taken in self.wanted]


def convolved(convolutions: nn.ModuleList, log_mel: torch.Tensor, frames: torch.Tensor | None = None) -> torch.Tensor:
    """Whisper's two convolutions: `(batch, bands, frames)` → `(batch, ceil(frames / 2), hidden)`; `frames` as above."""
    states = log_mel.transpose(1, 2)
    mask = None if frames is None else frame_mask(frames, states.shape[1])[..., None]
    for convolution in convolutions:
        states = F.gelu(convolution(states if mask is None else states * mask))
    return states


def frame_mask(frames: torch.Tensor, longest: int) -> torch.Tensor:
    """Which of `longest` frames belong to a recording: `(batch,)` int → `(batch, longest)` bool."""
    return torch.arange(longest, device=frames.device) < frames[:, None]


def halved(frames: torch.Tensor) -> torch.Tensor:
    """Frames that are left by the second convolution, which takes every other."""
    return (frames + 1) // 2


class FrameConvolution(nn.Module):
    """A convolution over three frames as a linear layer: `(batch, frames, channels)` → `(batch, frames', outputs)`."""

    def __init__(self, convolution: nn.Conv1d):
        super().__init__()
        self.stride = convolution.stride[0]
        outputs, channels, width = convolution.weight.shape
        self.linear = nn.Linear(width * channels, outputs)
        self.linear.weight.data = convolution.weight.detach().permute(0, 2, 1).reshape(outputs, -1).contiguous()
        self.linear.bias.data = convolution.bias.detach().clone()

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.linear(self.neighbours(frames))

    def neighbours(self, frames: torch.Tensor) -> torch.Tensor:
        """Every frame taken with the ones before and after: `(batch, frames', 3 · channels)`."""
        padded = F.pad(frames, (0, 0, 1, 1))
        count = padded.shape[1]
        return torch.cat([padded[:, first : count - 2 + first : self.stride] for first in range(3)], dim=-1)


class AttentionBlock(nn.Module):
    """One layer of a Whisper encoder, with the weights of `transformers`' one (pre-norm; Vaswani et al., 2017)."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        attention = layer.self_attn
        self.heads = attention.num_heads
        self.query, self.key, self.value = attention.q_proj, attention.k_proj, attention.v_proj
        self.output = attention.out_proj
        self.attention_norm, self.feedforward_norm = layer.self_attn_layer_norm, layer.final_layer_norm
        self.expand, self.contract = layer.fc1, layer.fc2

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        """States after the layer, and the units and values on the way, rectified: see `Part`.

        Args:
            states: `(batch, frames, hidden)`.
            mask: `(batch, frames)` bool; frames outside are not heeded. All are by default.

        Returns:
            `(batch, frames, size)` each.
        """
        normed = self.attention_norm(states)
        value = self.value(normed)
        states = states + self.output(self.mixed(normed, value, mask))
        units = F.gelu(self.expand(self.feedforward_norm(states)))
        return states + self.contract(units), units, F.gelu(value)

    def mixed(self, normed: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """What each frame gathers from all, every head's in a row: `(batch, frames, hidden)`, the same shape."""
        batch, frames, hidden = normed.shape
        split = (batch, frames, self.heads, hidden // self.heads)
        query, key, value = (one.view(split).transpose(1, 2) for one in (self.query(normed), self.key(normed), value))
        heeded = None if mask is None else mask[:, None, None]
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=heeded)
        return mixed.transpose(1, 2).reshape(batch, frames, hidden)


class WaveformLayers(nn.Module):
    """The first layers of an encoder that takes samples: WavLM, HuBERT, wav2vec 2.0 and their kin.

    Where such an encoder ends in a normalisation, the states of every layer are taken after it.

    Args:
        given, extractor, longest: as for `WhisperLayers`.
        wanted: likewise, states alone.

    Attributes:
        hop, masks: as for `WhisperLayers`; some encoders normalise or convolve over what lies beyond a recording.
    """

    hop = 1

    def __init__(self, given: nn.Module, extractor: Any, wanted: Sequence[Taken], longest: int):
        super().__init__()
        self.wanted = tuple(layer for layer, _ in wanted)
        self.model = copy.deepcopy(given)
        self.model.encoder.layers = self.model.encoder.layers[: max(self.wanted)]
        self.normalize = bool(getattr(extractor, "do_normalize", False))
        convolved = given.config.model_type in ("wav2vec2-conformer", "data2vec-audio")  # over what lies beyond, too
        self.masks = getattr(given.config, "feat_extract_norm", "") == "layer" and not convolved
        stable = bool(getattr(given.config, "do_stable_layer_norm", False))
        self.ends_normalized = stable or given.config.model_type == "wav2vec2-conformer"
        self.model.adapter = None  # of encoders made for translation: it would halve the frames of the last layer
        self.model.config.add_adapter = False

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """`(batch, samples)` → `(batch, frames, hidden)` of each layer wanted."""
        return self._states(self._normalized(waveform), None)

    def from_values(self, values: torch.Tensor, samples: torch.Tensor | None = None) -> list[torch.Tensor]:
        """The same of `(batch, 1, samples)`.

        Args:
            samples: `(batch,)` int, how many belong to each recording; all by default.
        """
        if samples is None:
            return self(values[:, 0])
        mask = frame_mask(samples, values.shape[-1])
        parts = [self._normalized(one[:, :count]) for one, count in zip(values, samples.tolist())]
        padded = torch.cat([F.pad(one, (0, values.shape[-1] - one.shape[1])) for one in parts])
        return self._states(padded, mask.long())

    def frames_of(self, samples: torch.Tensor) -> torch.Tensor:
        """How many frames its states have of so many samples, `(batch,)` int each."""
        return self.model._get_feat_extract_output_lengths(samples)

    @property
    def blocks(self) -> nn.ModuleList:
        """Its layers, the lowest first."""
        return self.model.encoder.layers

    @property
    def convolutions(self) -> nn.ModuleList:
        """What is below them."""
        model = self.model
        return nn.ModuleList([model.feature_extractor, model.feature_projection, model.encoder.pos_conv_embed])

    def train(self, mode: bool = True) -> Self:
        """Nothing of it is dropped or hidden at random when it is trained: that is the trainer's business."""
        return super().train(False)

    def _states(self, waveform: torch.Tensor, mask: torch.Tensor | None) -> list[torch.Tensor]:
        given = self.model(waveform, attention_mask=mask, output_hidden_states=True)
        return [self._ended(given, number) for number in self.wanted]

    def _normalized(self, waveform: torch.Tensor) -> torch.Tensor:
        if not self.normalize:
            return waveform
        variance, mean = torch.var_mean(waveform, dim=-1, keepdim=True, correction=0)
        return (waveform - mean) / (variance + 1e-7).sqrt()

    def _ended(self, given: Any, number: int) -> torch.Tensor:
        if number == len(self.model.encoder.layers):
            return given.last_hidden_state
        states = given.hidden_states[number]
        return self.model.encoder.layer_norm(states) if self.ends_normalized else states
