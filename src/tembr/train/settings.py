"""How a network is trained."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tembr.augment.settings import VAESettings


class TrainSettings(BaseModel):
    """Parameters of training.

    Attributes:
        network: 'resnet18' (`AudioResNet`), 'resnet34', 'resnet50', each with half or a quarter of the channels as
            'resnet18_half', 'resnet18_quarter', ..., or a torchvision classifier by name.
        epochs: at most this many.
        batch_size: recordings.
        learning_rate, weight_decay: of Adam.
        dropout: before the last layer.
        patience: epochs without a better validation loss before training stops.
        keep: 'best' keeps the state of the epoch with the lowest validation loss, 'last' that of the last epoch, so
            that validation data decide nothing: with a cosine, whose last state is its most settled.
        refit: learn from the validation part as well, once a training without it has answered that for whoever joins
            members; takes a 'cosine', for nothing tells when to stop, and keeps the last state.
        schedule: of the learning rate: 'plateau' (below), or 'cosine': up over the first tenth of all steps, then
            down to nothing along a cosine (Smith & Topin's one cycle); it is not stopped early.
        label_smoothing: share of the target spread evenly over all emotions.
        mixstyle: probability that a batch's recordings exchange part of their per-row statistics inside a ResNet
            (MixStyle along frequency, Zhou et al., 2021; Kim et al., 2022): voices and rooms that nobody has. 0 is off.
        mixup, cutmix: parameter of the Beta distribution from which shares are drawn where two recordings of a batch
            are averaged, or one gets a rectangle of another, emotions in proportion (`train.mixing`). 0 is off.
        generated: examples that a VAE, fitted on the training part, adds to it, as a share of its recordings
            (`augment.generative`). 0 is off.
        vae: of that VAE.
        plateau_patience, plateau_factor: epochs without a better validation loss before the learning rate is
            multiplied by the factor (ReduceLROnPlateau).
        precision: 'auto' is bfloat16 where the processor is faster at it, which is tried out, or a GPU is used, or
            '32', 'bf16', '16'.
        device: 'auto', 'cpu' or 'gpu'.
        channels_last: memory layout of pictures; faster on processors and GPUs alike.
        compile: compile the network with torch.compile; pays in long trainings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str = "resnet18"
    epochs: int = Field(50, ge=1, le=10_000)
    batch_size: int = Field(32, ge=2, le=4_096)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-5, ge=0)
    dropout: float = Field(0.5, ge=0, lt=1)
    patience: int = Field(7, ge=1)
    keep: Literal["best", "last"] = "best"
    refit: bool = False
    schedule: Literal["plateau", "cosine"] = "plateau"
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    mixstyle: float = Field(0.0, ge=0, le=1)
    mixup: float = Field(0.0, ge=0, le=10)
    cutmix: float = Field(0.0, ge=0, le=10)
    generated: float = Field(0.0, ge=0, le=10)
    vae: VAESettings = VAESettings()
    plateau_patience: int = Field(3, ge=0)
    plateau_factor: float = Field(0.5, gt=0, lt=1)
    precision: Literal["auto", "32", "bf16", "16"] = "auto"
    device: Literal["auto", "cpu", "gpu"] = "auto"
    channels_last: bool = True
    compile: bool = False

    @property
    def waits(self) -> int:
        """Epochs without a better validation loss that end a training: a cosine is made for all its epochs."""
        return self.epochs if self.schedule == "cosine" else self.patience

    @field_validator("precision", mode="before")
    @classmethod
    def _as_text(cls, value):
        return str(value) if isinstance(value, int) else value  # TOML reads 32 as a number
