"""Hidden states of pretrained speech encoders: Whisper, WavLM, HuBERT, wav2vec 2.0 by hub name or folder.

Only the first layers are computed, and a recording is taken at its own length: Whisper's positions are cut off where
the recording ends, instead of padding it to 30 s, a tenth of the work. Weights are read from safetensors alone and no
code of a model's repository is run.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tembr.errors import ConfigError
from tembr.extras import needed
from tembr.features.inputs import Input

KINDS = ("wavlm", "hubert", "wav2vec2", "wav2vec2-conformer", "data2vec-audio", "unispeech", "unispeech-sat", "whisper")
"""Types of models that are encoders of speech here."""

SHORTEST = 0.1
"""Seconds below which a recording is filled up with silence."""

LONGEST = 30.0
"""Seconds that are taken of a recording at most: Whisper has no positions beyond."""

N_FFT, HOP_LENGTH = 400, 160  # samples of Whisper's analysis, at 16 kHz


@dataclass(frozen=True)
class EncoderInput(Input):
    """States of one layer of an encoder, their mean over time.

    Their deviation over time adds nothing on voices that were never heard, so a linear model on this input is a mean of
    what it says to each frame.

    Attributes:
        encoder: name on the Hugging Face hub, such as 'openai/whisper-base', or a folder.
        layer: whose states, counted from 1; no later one is computed.
        window: seconds that are taken of a recording; 0 is all of it, 30 s at most.
        revision: digest of the encoder's weights.
        hidden: dimensions of a state.
        rate: Hz the encoder takes.
        kind: type of the model: 'whisper', 'wavlm', …
    """

    encoder: str
    layer: int
    window: float
    revision: str
    hidden: int
    rate: int
    kind: str

    @property
    def source(self) -> str:
        """Name of the encoder without the folder it lies in."""
        local = Path(self.encoder).is_dir()
        return f"{Path(self.encoder).resolve().name} (encoder)" if local else f"{self.encoder} (encoder)"

    @property
    def name(self) -> str:
        return f"{Path(self.encoder).name}.{self.layer}"

    @property
    def sample_rate(self) -> int:
        return self.rate

    @property
    def bins(self) -> int:
        return self.hidden

    @property
    def frames(self) -> int:
        return 1

    @property
    def window_seconds(self) -> float:
        return min(self.window or LONGEST, LONGEST)

    def facts(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "pooling": "mean",
            "window": self.window,
            "revision": self.revision,
            "sample_rate": self.rate,
        }

    def module(self) -> EncoderStates:
        """The layers up to this one, ready for `(batch, samples)`."""
        return load_encoder(self.encoder).states(self.layer, self.window)

    @classmethod
    @torch.inference_mode()
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        found = []
        for one in inputs:
            module = one.module().eval().to(device)
            shortest = round(SHORTEST * one.rate)
            padded = (np.pad(waveform, (0, max(0, shortest - len(waveform)))) for waveform in waveforms)
            found.append([module(torch.from_numpy(w)[None].to(device))[0].cpu().numpy() for w in padded])
        return found


def encoder_input(encoder: str, layer: int, window: float) -> EncoderInput:
    """The input of a layer of `encoder`.

    Raises:
        ConfigError: it cannot be loaded, or has fewer layers.
    """
    loaded = load_encoder(encoder)
    if layer > loaded.layers:
        raise ConfigError(f"encoder {encoder}: it has {loaded.layers} layers, not {layer}; choose layer below that")
    return EncoderInput(encoder, layer, window, loaded.revision, loaded.hidden, loaded.sample_rate, loaded.kind)


@dataclass(frozen=True, eq=False)
class Encoder:
    """A pretrained encoder in memory.

    Attributes:
        model: `transformers`' module.
        extractor: its feature extractor.
        revision: digest of the weights.
    """

    model: nn.Module
    extractor: Any
    revision: str

    @property
    def kind(self) -> str:
        return self.model.config.model_type

    @property
    def layers(self) -> int:
        return self.model.config.num_hidden_layers

    @property
    def hidden(self) -> int:
        return self.model.config.hidden_size

    @property
    def sample_rate(self) -> int:
        return int(self.extractor.sampling_rate)

    def states(self, layer: int, window: float) -> EncoderStates:
        """`(batch, samples)` → pooled states of a layer, see `EncoderStates`."""
        make = WhisperLayers if self.kind == "whisper" else WaveformLayers
        longest = round(min(window or LONGEST, LONGEST) * self.sample_rate)
        return EncoderStates(make(self, layer, longest), longest)


@lru_cache(maxsize=2)
def load_encoder(name: str) -> Encoder:
    """A pretrained encoder by hub name or folder; what looks like a path is never asked of the hub.

    Raises:
        MissingExtraError: `transformers` is not installed.
        ConfigError: there is no such model, it has no safetensors, or it is no encoder of speech.
    """
    with needed("a pretrained encoder", "encoders"):
        from transformers import AutoFeatureExtractor, AutoModel
        from transformers.utils import logging
    local = Path(name).is_dir()
    if not local and (name.count("/") != 1 or name.startswith((".", "~"))):
        raise ConfigError(f"encoder {name}: no such folder, and no name of the hub (owner/name); check the path")
    options = {"trust_remote_code": False, "local_files_only": local}
    level = logging.get_verbosity()
    try:
        logging.set_verbosity_error()  # a decoder's weights may be missing; nothing of it is used
        extractor = AutoFeatureExtractor.from_pretrained(name, **options)
        model = AutoModel.from_pretrained(name, use_safetensors=True, **options).float().eval()
    except Exception as error:  # whatever a damaged folder or the hub's client comes up with
        why = (str(error).strip() or repr(error)).splitlines()[0]
        raise ConfigError(f"encoder {name}: cannot be loaded from the hub or a folder: {why}") from error
    finally:
        logging.set_verbosity(level)
    kind = model.config.model_type
    if kind not in KINDS:
        raise ConfigError(f"encoder {name}: {kind} is none of {', '.join(KINDS)}")
    encoder = model.get_encoder() if kind == "whisper" else model
    return Encoder(encoder, extractor, _fingerprint(encoder))


class EncoderStates(nn.Module):
    """Waveforms → mean over time of one layer's states.

    Args:
        layers: `(batch, samples)` → states `(batch, frames, hidden)`.
        longest: samples that are taken of a waveform.
    """

    def __init__(self, layers: nn.Module, longest: int):
        super().__init__()
        self.layers, self.longest = layers, longest

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, samples)` → `(batch, hidden, 1)`."""
        return self.layers(waveform[:, : self.longest]).mean(1)[..., None]


class LogMel(nn.Module):
    """Whisper's log-mel spectrogram of a waveform at its own length (Radford et al., 2022; `whisper/audio.py`).

    Args:
        filters: `(bands, 1 + n_fft // 2)`.
        power: padded waveform `(batch, samples)` → power `(batch, 1 + n_fft // 2, frames)`; by default PyTorch's
            Fourier transform.
    """

    def __init__(self, filters: torch.Tensor, power: Callable | None = None):
        super().__init__()
        self.register_buffer("filters", filters)
        self.power = power or stft_power

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, samples)` → `(batch, bands, samples // 160)`, each within 80 dB of its own maximum."""
        padded = F.pad(waveform[:, None], (N_FFT // 2, N_FFT // 2), mode="reflect")[:, 0]
        decades = (self.filters @ self.power(padded)[..., :-1]).clamp(min=1e-10).log10()
        return (torch.maximum(decades, decades.amax((1, 2), keepdim=True) - 8) + 4) / 4


def stft_power(padded: torch.Tensor) -> torch.Tensor:
    """Power of Whisper's frames: `(batch, samples)` → `(batch, 1 + n_fft // 2, frames)`."""
    window = torch.hann_window(N_FFT, device=padded.device)
    return torch.stft(padded, N_FFT, HOP_LENGTH, window=window, center=False, return_complex=True).abs().square()


class WhisperLayers(nn.Module):
    """Log-mel, convolutions and the first layers of a Whisper encoder; its products are linear layers, all of them.

    The convolutions too are linear layers on neighbouring frames, so that one quantiser serves all.
    """

    def __init__(self, encoder: Encoder, count: int, longest: int):
        super().__init__()
        given = encoder.model
        self.log_mel = LogMel(torch.from_numpy(encoder.extractor.mel_filters.T.astype(np.float32)).contiguous())
        self.convolutions = nn.ModuleList([FrameConvolution(given.conv1), FrameConvolution(given.conv2)])
        kept = math.ceil(longest / (2 * HOP_LENGTH))
        self.register_buffer("positions", given.embed_positions.weight.detach()[:kept].clone())
        self.blocks = nn.ModuleList(AttentionBlock(layer) for layer in given.layers[:count])

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, samples)` → `(batch, frames, hidden)`, 50 frames a second."""
        states = self.log_mel(waveform).transpose(1, 2)
        for convolution in self.convolutions:
            states = F.gelu(convolution(states))
        states = states + self.positions[: states.shape[1]]
        for block in self.blocks:
            states = block(states)
        return states


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
        padded = F.pad(frames, (0, 0, 1, 1))
        count = padded.shape[1]
        neighbours = [padded[:, first : count - 2 + first : self.stride] for first in range(3)]
        return self.linear(torch.cat(neighbours, dim=-1))


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

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """`(batch, frames, hidden)`, the same shape."""
        batch, frames, hidden = states.shape
        normed = self.attention_norm(states)
        split = (batch, frames, self.heads, hidden // self.heads)
        query, key, value = (f(normed).view(split).transpose(1, 2) for f in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, frames, hidden)
        states = states + self.output(mixed)
        return states + self.contract(F.gelu(self.expand(self.feedforward_norm(states))))


class WaveformLayers(nn.Module):
    """The first layers of an encoder that takes samples: WavLM, HuBERT, wav2vec 2.0 and their kin.

    Where such an encoder ends in a normalisation, the states are taken after it.
    """

    def __init__(self, encoder: Encoder, count: int, longest: int):
        super().__init__()
        self.model = copy.deepcopy(encoder.model)
        self.model.encoder.layers = self.model.encoder.layers[:count]
        self.normalize = bool(getattr(encoder.extractor, "do_normalize", False))

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        """`(batch, samples)` → `(batch, frames, hidden)`."""
        if self.normalize:
            variance, mean = torch.var_mean(waveform, dim=-1, keepdim=True, correction=0)
            waveform = (waveform - mean) / (variance + 1e-7).sqrt()
        return self.model(waveform).last_hidden_state


def _fingerprint(model: nn.Module) -> str:
    """Digest of a model's weights."""
    found = hashlib.blake2b(digest_size=16)
    for name, values in sorted(model.state_dict().items()):
        found.update(name.encode() + values.cpu().contiguous().float().numpy().tobytes())
    return found.hexdigest()
