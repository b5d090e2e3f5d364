"""Hidden states of pretrained speech encoders: Whisper, WavLM, HuBERT, wav2vec 2.0 by hub name or folder.

Only the first layers are computed, and a recording is taken without the silence around it, at its own length: Whisper's
positions are cut off where it ends, instead of padding it to 30 s, a twentieth of the work. Weights are read from
safetensors alone and no code of a model's repository is run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from torch import nn

from tembr import silence
from tembr.errors import ConfigError, first_line
from tembr.extras import needed
from tembr.features.inputs import Input
from tembr.features.layers import HOP_LENGTH, LOUDEST, EncoderStates, Part, Taken, WaveformLayers, WhisperLayers

KINDS = ("wavlm", "hubert", "wav2vec2", "wav2vec2-conformer", "data2vec-audio", "unispeech", "unispeech-sat", "whisper")
"""Types of models that are encoders of speech here."""

SHORTEST = 0.1
"""Seconds below which a recording is filled up with silence."""

LONGEST = 30.0
"""Seconds that are taken of a recording at most: Whisper has no positions beyond."""


@dataclass(frozen=True)
class EncoderInput(Input):
    """What one layer of an encoder has, its mean over time.

    Its deviation over time adds nothing on unknown voices, so a linear model on this input is a mean of
    what it says to each frame.

    Attributes:
        encoder: name on the Hugging Face hub, such as 'openai/whisper-base', or a folder.
        layer: counted from 1.
        window: seconds that are taken of a recording; 0 is all of it, 30 s at most.
        revision: digest of the encoder's weights.
        size: dimensions of what is taken.
        rate: Hz the encoder takes.
        kind: type of the model: 'whisper', 'wavlm', …
        part: what is taken of the layer.
    """

    encoder: str
    layer: int
    window: float
    revision: str
    size: int
    rate: int
    kind: str
    part: Part = "states"

    @property
    def source(self) -> str:
        """Name of the encoder without the folder it lies in."""
        local = Path(self.encoder).is_dir()
        return f"{Path(self.encoder).resolve().name} (encoder)" if local else f"{self.encoder} (encoder)"

    @property
    def name(self) -> str:
        return f"{Path(self.encoder).name}.{self.layer}" + f".{self.part}" * (self.part != "states")

    @property
    def sample_rate(self) -> int:
        return self.rate

    @property
    def bins(self) -> int:
        return self.size

    @property
    def frames(self) -> int:
        return 1

    @property
    def window_seconds(self) -> float:
        return min(self.window or LONGEST, LONGEST)

    @property
    def trims(self) -> bool:
        return True

    def facts(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "pooling": "mean",
            "window": self.window,
            "revision": self.revision,
            "sample_rate": self.rate,
            **silence.FACTS,
            **({"loudest": LOUDEST} if self.kind == "whisper" else {}),
            **({"part": self.part} if self.part != "states" else {}),
        }

    @property
    def taken(self) -> Taken:
        """What of the encoder."""
        return self.layer, self.part

    @property
    def shared(self) -> tuple[str, float]:
        """What inputs have in common that are of one encoder on one stretch of a recording."""
        return self.encoder, self.window

    @classmethod
    @torch.inference_mode()
    def compute(cls, inputs: Sequence[Self], waveforms: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        module = cls._module(inputs).eval().to(device)
        found: list[list[np.ndarray]] = [[] for _ in inputs]
        for waveform in waveforms:
            speech = torch.from_numpy(speech_of(waveform, inputs[0].rate))[None]
            for values, states in zip(found, module(speech.to(device))):
                values.append(states[0].cpu().numpy())
        return found

    @classmethod
    def _module(cls, inputs: Sequence[Self]) -> nn.Module:
        return encoder_states(inputs)


@dataclass(frozen=True)
class FrameStatesInput(EncoderInput):
    """The same by the frame: what the layers above are computed from. For training; no graph begins there."""

    @property
    def name(self) -> str:
        return f"{super().name}.frames"

    @property
    def frames(self) -> int:
        return round(self.window_seconds * self.rate) // (2 * HOP_LENGTH)

    def facts(self) -> dict[str, Any]:
        return super().facts() | {"pooling": "none"}

    @classmethod
    def _module(cls, inputs: Sequence[Self]) -> nn.Module:
        return load_encoder(inputs[0].encoder).states([one.taken for one in inputs], inputs[0].window, pooled=False)


def speech_of(waveform: np.ndarray, rate: int) -> np.ndarray:
    """`(samples,)` without the silence around them; what is shorter than `SHORTEST` is filled up with it before."""
    return silence.trimmed(np.pad(waveform, (0, max(0, round(SHORTEST * rate) - len(waveform)))), rate)


def encoder_states(inputs: Sequence[EncoderInput]) -> EncoderStates:
    """Inputs with one `shared` as a module: `(batch, samples)` → `(batch, size, 1)` of each."""
    return load_encoder(inputs[0].encoder).states([one.taken for one in inputs], inputs[0].window)


Of = TypeVar("Of", bound=EncoderInput)


def encoder_input(encoder: str, layer: int, window: float, part: Part = "states") -> EncoderInput:
    """The input of a layer of `encoder`.

    Raises:
        ConfigError: it cannot be loaded, has fewer layers, or has no such part.
    """
    return _of_layer(EncoderInput, encoder, layer, window, part)


def frame_states_input(encoder: str, layer: int, window: float) -> FrameStatesInput:
    """Its states by the frame."""
    return _of_layer(FrameStatesInput, encoder, layer, window, "states")


def _of_layer(kind: type[Of], encoder: str, layer: int, window: float, part: Part) -> Of:
    loaded = load_encoder(encoder)
    if layer > loaded.layers:
        raise ConfigError(f"encoder {encoder}: it has {loaded.layers} layers, not {layer}; choose lower ones")
    if part != "states" and loaded.kind != "whisper":
        raise ConfigError(f"encoder {encoder}: {part} are taken of Whisper encoders alone; choose states")
    if part == "values" and layer == loaded.layers:
        raise ConfigError(f"encoder {encoder}: no layer above the last takes values from it; choose lower ones")
    size = loaded.feedforward if part == "units" else loaded.hidden
    return kind(encoder, layer, window, loaded.revision, size, loaded.sample_rate, loaded.kind, part)


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
    def feedforward(self) -> int:
        """Units of the feed-forward network of a Whisper's layer."""
        return self.model.config.encoder_ffn_dim

    @property
    def sample_rate(self) -> int:
        return int(self.extractor.sampling_rate)

    def states(self, layers: Sequence[Taken], window: float, pooled: bool = True) -> EncoderStates:
        """`(batch, samples)` → what is taken of some layers, see `EncoderStates`."""
        longest = round(min(window or LONGEST, LONGEST) * self.sample_rate)
        return EncoderStates(self.first_layers(layers, longest), longest, pooled)

    def first_layers(self, layers: Sequence[Taken], longest: int) -> WhisperLayers | WaveformLayers:
        """A module that gives these layers' frames; its weights are those of `model`, or copies.

        Args:
            longest: samples that it will be given at most.
        """
        make = WhisperLayers if self.kind == "whisper" else WaveformLayers
        return make(self.model, self.extractor, layers, longest)


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
        why = first_line(error, 400)
        raise ConfigError(f"encoder {name}: cannot be loaded from the hub or a folder: {why}") from error
    finally:
        logging.set_verbosity(level)
    kind = model.config.model_type
    if kind not in KINDS:
        raise ConfigError(f"encoder {name}: {kind} is none of {', '.join(KINDS)}")
    encoder = model.get_encoder() if kind == "whisper" else model
    return Encoder(encoder, extractor, _fingerprint(encoder))


def _fingerprint(model: nn.Module) -> str:
    """Digest of a model's weights."""
    found = hashlib.blake2b(digest_size=16)
    for name, values in sorted(model.state_dict().items()):
        found.update(name.encode() + values.cpu().contiguous().float().numpy().tobytes())
    return found.hexdigest()
