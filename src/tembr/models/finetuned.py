"""A pretrained encoder some of whose layers are trained on emotions: kind `finetuned`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from tembr.errors import ConfigError
from tembr.extras import needed
from tembr.features.encoder import frame_states_input, load_encoder
from tembr.features.inputs import Input
from tembr.features.layers import WaveformLayers, WhisperLayers, states_of
from tembr.features.log_mel import LogMelInput, encoder_values_input
from tembr.features.settings import FeatureSettings
from tembr.models.base import MemberSettings, Outputs, register
from tembr.models.data import FoldData
from tembr.models.encoder import Channels, EncoderSettings, PooledHead
from tembr.progress import Progress
from tembr.train.pooling import Pooling
from tembr.train.settings import TrainSettings


@register
class FinetunedSettings(MemberSettings):
    """Layers of an encoder trained with a linear head on each, then moved back towards what they were.

    Heads begin as those of the kind `encoder` on the pretrained states. Once the layers are trained, their weights are
    averaged with the pretrained ones (Wortsman et al., 2022, "Robust fine-tuning of zero-shot models"), and heads are
    fitted anew on what the layers say then: a head trained with its layers knows the voices it was trained on too well.
    Layers learn from all labelled recordings alike, along a cosine to its end; of `train` epochs, batches, rate, decay
    of weights, `mixup`, precision and device count.

    Which frames and which layers count can be learnt besides (`tembr.train.pooling`); where all layers are frozen, that
    alone is. States of a frozen layer may come from the cache, so that an epoch costs what is above it; then nothing
    below is varied.

    Attributes:
        encoder, layers, window, shrinkage, others: of the pretrained encoder and its heads, see `EncoderSettings`.
        frozen: so many of the lowest layers stay as they are.
        convolutions: whether the convolutions below all layers are trained too, where no layer is frozen.
        lora: rank of adapters that are trained in place of the layers' own weights (LoRA), 0 for none.
        pooling: 'mean' over time, 'attention': frames count for what is learnt of each, 'statistics': deviation beside
            mean, or 'attentive-statistics': both weighted by attention.
        mixture: one head on a learnt mixture of the layers, in place of one on each.
        stored: states of the highest frozen layer that is of use are taken from the cache, without `speed`, `warp`,
            `equalize` and masks.
        decay: a layer learns at this share of the rate of the one above (layer-wise decay).
        pretrained: share of the pretrained weights in the outcome: 0 as trained, 1 as before.
        channels: degradations through which copies of the recordings are learnt from, too.
        crop: seconds of a recording heard at once in training.
        speed: share by which a recording is played faster or slower at most, a spectrogram at its own pitch, samples,
            interpolated linearly, at another.
        warp: share by which the frequency axis is stretched or squeezed at most: another throat. This, `equalize` and
            `row_mask` are of spectrograms; samples stay as they are.
        equalize: dB, deviation of a random smooth change of the spectrum: another microphone.
        time_mask, row_mask: of a spectrogram, the longest stretch that is hidden, as a share (SpecAugment).
        train: epochs, batches, learning rate, device, and `mixup` of recordings.
    """

    kind: Literal["finetuned"] = "finetuned"
    encoder: str = "openai/whisper-base"
    layers: tuple[Annotated[int, Field(ge=1)], ...] = Field((2, 3, 4), min_length=1)
    window: float = Field(10.0, ge=0, le=30)
    shrinkage: float = Field(0.05, ge=0, le=1)
    others: float = Field(0.2, ge=0)
    frozen: int = Field(1, ge=0, le=31)
    convolutions: bool = False
    lora: int = Field(0, ge=0, le=512)
    pooling: Literal["mean", "attention", "statistics", "attentive-statistics"] = "mean"
    mixture: bool = False
    stored: bool = False
    decay: float = Field(0.7, gt=0, le=1)
    pretrained: float = Field(0.5, ge=0, le=1)
    channels: Channels = ()
    crop: float = Field(2.56, ge=0.1, le=30)
    speed: float = Field(0.0, ge=0, le=0.5)
    warp: float = Field(0.1, ge=0, lt=0.5)
    equalize: float = Field(2.0, ge=0, le=40)
    time_mask: float = Field(0.15, ge=0, lt=1)
    row_mask: float = Field(0.15, ge=0, lt=1)
    train: TrainSettings = TrainSettings()

    @property
    def frozen_encoder(self) -> EncoderSettings:
        """The encoder as it was pretrained, as a member of its own."""
        shared = ("name", "encoder", "layers", "window", "shrinkage", "others")
        return EncoderSettings(**{field: getattr(self, field) for field in shared})

    @property
    def encoder_name(self) -> str:
        """Without folder or owner."""
        return self.encoder.rstrip("/").rpartition("/")[2]

    def describe(self) -> str:
        trained = f"layers {self.frozen + 1} to {max(self.layers)}" if self.frozen < max(self.layers) else "pooling"
        return f"{self.encoder_name}, {trained} fine-tuned" + f" by LoRA of rank {self.lora}" * bool(self.lora)

    def check(self, features: FeatureSettings) -> None:
        self.frozen_encoder.check(features)
        self.inputs(features)
        if self.frozen >= max(self.layers) and not self._learns_pooling:
            raise ConfigError(
                f"{self.name}: frozen = {self.frozen} leaves none of the first {max(self.layers)} layers to train; "
                "choose less, pooling = attention, mixture = true, or the kind encoder"
            )
        if self.stored and not isinstance(self.inputs(features)[0], LogMelInput):
            raise ConfigError(f"{self.name}: stored = true is for Whisper encoders; leave it out")
        if self.stored and not self.frozen:
            raise ConfigError(f"{self.name}: stored = true takes states of a frozen layer; set frozen to 1 at least")
        if self.convolutions and self.frozen:
            raise ConfigError(f"{self.name}: convolutions = true trains them below no frozen layer; set frozen to 0")
        if self.lora and load_encoder(self.encoder).kind == "wavlm":
            raise ConfigError(f"{self.name}: a WavLM's attention takes its weights past adapters; leave lora out")
        if self.lora:
            with needed("low-rank adapters", "encoders"):
                import peft  # noqa: F401

    @property
    def _learns_pooling(self) -> bool:
        return self._attends or self.mixture

    @property
    def _attends(self) -> bool:
        return self.pooling in ("attention", "attentive-statistics")

    @property
    def copied_through(self) -> tuple[str, ...]:
        return self.channels

    def training_inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return (frame_states_input(self.encoder, self._lowest, self.window),) if self.stored else ()

    @property
    def _lowest(self) -> int | None:
        """The layer whose states are taken from the cache."""
        return min(self.frozen, *self.layers) if self.stored else None

    def inputs(self, features: FeatureSettings) -> tuple[Input, ...]:
        return (encoder_values_input(self.encoder, self.window),)

    def build(self, features: FeatureSettings, labels: int) -> nn.Module:
        encoder, (taken,) = load_encoder(self.encoder), self.inputs(features)
        copied = replace(encoder, model=copy.deepcopy(encoder.model).cpu())
        layers = copied.first_layers(states_of(self.layers), taken.samples)
        statistics = self.pooling.endswith("statistics")
        pooling = Pooling(len(self.layers), encoder.hidden, self._attends, self.mixture, statistics)
        heads = [PooledHead(pooling.size, labels) for _ in range(pooling.outputs)]
        return FinetunedModule(layers, pooling, heads)

    def fit(self, module: FinetunedModule, data: FoldData, seed: int, progress: Progress) -> list[dict]:
        from tembr.train.encoding import pooled_states
        from tembr.train.finetuning import finetune  # Lightning takes seconds to import

        taken = (*self.training_inputs(data.features), *self.inputs(data.features))[0]
        table, learnt = data.tables[taken], data.labelled

        def on_pooled(done: int, total: int) -> None:
            progress.count(f"{self.name} · states", done, total)

        def on_step(epoch: int, done: int, total: int) -> None:
            progress.count(f"{self.name} · epoch {epoch}", done, total)

        def fit_heads() -> None:
            states = module.encoder, table, learnt, self.train, on_pooled, module.pooling, self._lowest
            self.fit_heads(module.heads, pooled_states(*states), learnt, data)

        before = copy.deepcopy(module.encoder.state_dict())
        fit_heads()
        rows = finetune(
            self,
            module.encoder,
            module.pooling,
            copy.deepcopy(module.heads),
            table,
            self._lowest,
            learnt,
            data.classes,
            data.corpora,
            seed,
            data.folder,
            progress.row,
            on_step,
        )
        module.encoder.cpu().load_state_dict(_between(module.encoder.state_dict(), before, self.pretrained))
        fit_heads()
        module.to(next(module.encoder.parameters()).device)
        return rows

    def fit_heads(self, heads: Sequence[PooledHead], pooled: np.ndarray, learnt: np.ndarray, data: FoldData) -> None:
        """Fit the heads of all layers on the recordings at `learnt`, `(n,)`.

        Args:
            pooled: states of the recordings at `learnt`, all heads' in a row, `(n, heads · size)`.
        """
        for head, states in zip(heads, np.split(pooled, len(heads), axis=1), strict=True):
            self.frozen_encoder.fit_head(head, states, data.classes[learnt], learnt, data)


def _between(trained: dict[str, torch.Tensor], before: dict[str, torch.Tensor], share: float) -> dict:
    """Weights between the trained and the pretrained ones, of which `share` is; whole numbers are those trained."""
    return {
        name: torch.lerp(values, before[name], share) if values.is_floating_point() else values
        for name, values in trained.items()
    }


class FinetunedModule(nn.Module):
    """What an encoder takes → the mean of the heads' logits on pooled states of some layers; no embedding.

    The speakers that the layers were trained on lie where no other will, so nobody else is to be adapted by them.

    Args:
        encoder: gives the states.
        pooling: of them.
        heads: on each of its outputs.
    """

    def __init__(self, encoder: WhisperLayers | WaveformLayers, pooling: Pooling, heads: list[PooledHead]):
        super().__init__()
        self.encoder, self.pooling, self.heads = encoder, pooling, nn.ModuleList(heads)

    def forward(self, values: torch.Tensor) -> Outputs:
        """`(batch, rows, frames)` → `(batch, labels)`, None."""
        pooled = self.pooling(self.encoder.from_values(values))
        logits = [head(one) for head, one in zip(self.heads, pooled, strict=True)]
        return torch.stack(logits).mean(0), None
