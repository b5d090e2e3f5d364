"""What Lightning trains: augmentation, loss and optimiser around a network on one representation."""

from __future__ import annotations

import math

import lightning
import torch
from torch import nn
from torchmetrics.classification import MulticlassAccuracy

from tembr.augment.representations import make_augmentation
from tembr.augment.settings import AugmentSettings
from tembr.augment.waveform import augment_waveform
from tembr.features.extract import extract
from tembr.features.registry import Representation
from tembr.features.settings import FeatureSettings
from tembr.train.mixing import make_mixing
from tembr.train.mixstyle import mix_styles
from tembr.train.settings import TrainSettings


class TrainingModule(lightning.LightningModule):
    """Loss, optimiser and epoch metrics around a classifier.

    What is random in a step depends on the seed, the epoch and the step alone: a run resumed from its last epoch
    goes on as an undisturbed one would.

    Args:
        classifier: what is trained, a `network` on a `picture`: `(batch, bins, frames)` → logits `(batch, classes)`.
        representation, features, augment, train: see there.
        classes: number of emotions.
        scale: deviation of each row, as `Picture.averaged` has them, over the training data, `(rows, 1)`.
        seed: of all that is random.
    """

    def __init__(
        self,
        classifier: nn.Module,
        representation: Representation,
        features: FeatureSettings,
        augment: AugmentSettings,
        train: TrainSettings,
        classes: int,
        scale: torch.Tensor,
        seed: int,
    ):
        super().__init__()
        self.classifier = classifier
        self.representation, self.features, self.settings = representation, features, train
        self.augment_settings, self.seed = augment, seed
        self.augment = make_augmentation(representation, augment, scale)
        self.from_waveform = augment.enabled and augment.waveform.enabled
        self.mixing = make_mixing(train, classes)
        self.loss = nn.CrossEntropyLoss(label_smoothing=train.label_smoothing)
        self.metrics = nn.ModuleDict(
            {
                "train_accuracy": MulticlassAccuracy(classes, average="micro"),
                "val_accuracy": MulticlassAccuracy(classes, average="micro"),
                "val_uar": MulticlassAccuracy(classes, average="macro"),
            }
        )
        if train.mixstyle:
            mix_styles(classifier.network, train.mixstyle)
        self.plateau: torch.optim.lr_scheduler.ReduceLROnPlateau | None = None
        self._resumed_plateau: dict | None = None
        self._compiled = (torch.compile(classifier) if train.compile else classifier,)  # no second registration

    def configure_optimizers(self):
        settings = self.settings
        optimizer = torch.optim.Adam(
            self.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
        )
        self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=settings.plateau_factor, patience=settings.plateau_patience
        )
        if self._resumed_plateau:
            self.plateau.load_state_dict(self._resumed_plateau)
        return optimizer

    def on_train_start(self) -> None:
        """Give a restored optimiser state its parameters' memory layout, which the fused Adam takes for granted."""
        for parameter, state in self.optimizers().state.items():
            for name, value in state.items():
                if value.shape == parameter.shape:
                    state[name] = torch.empty_like(parameter).copy_(value)

    def on_train_batch_start(self, batch, index) -> None:
        if self.settings.schedule == "cosine":
            share = self.global_step / (self.trainer.max_epochs * self.trainer.num_training_batches)
            for group in self.optimizers().param_groups:
                group["lr"] = self.settings.learning_rate * one_cycle(share)

    def training_step(self, batch, index):
        values, target = batch
        generator = self._seeded(index)
        with torch.no_grad():
            values = self.classifier.picture.averaged(self._values(values, generator))
            values = self.augment(values, generator)
            values, mixed = self.mixing(values, target)
        logits = self._compiled[0](values)
        loss = self.loss(logits, mixed)
        self._log("train_loss", loss, len(target))
        self._log_metrics(logits, target, "train_accuracy")
        return loss

    def validation_step(self, batch, index):
        values, target = batch
        logits = self.classifier(self._values(values))
        self._log("val_loss", self.loss(logits, target), len(target))
        self._log_metrics(logits, target, "val_accuracy", "val_uar")

    def on_validation_epoch_end(self) -> None:
        if self.settings.schedule == "plateau":
            self.plateau.step(self.trainer.callback_metrics["val_loss"])

    def on_save_checkpoint(self, checkpoint) -> None:
        checkpoint["training"] = {"plateau": self._plateau_state()}

    def on_load_checkpoint(self, checkpoint) -> None:
        self._resumed_plateau = checkpoint["training"]["plateau"]

    def _plateau_state(self) -> dict:
        state = self.plateau.state_dict()
        return {key: value.item() if isinstance(value, torch.Tensor) else value for key, value in state.items()}

    def _seeded(self, step: int) -> torch.Generator:
        seed = seed_of(self.seed, self.current_epoch, step)
        torch.manual_seed(seed)  # dropout
        return torch.Generator(self.device).manual_seed(seed)

    def _values(self, values: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        if not self.from_waveform:
            return values
        waveform, rate = values.squeeze(1), self.features.sample_rate
        if generator:
            waveform = augment_waveform(waveform, self.augment_settings.waveform, rate, generator)
        return extract(waveform, rate, self.representation.name, settings=self.features)

    def _log(self, name: str, value: torch.Tensor, size: int) -> None:
        shown = name.startswith("val")
        self.log(name, value, on_step=False, on_epoch=True, prog_bar=shown, batch_size=size, sync_dist=True)

    def _log_metrics(self, logits: torch.Tensor, target: torch.Tensor, *names: str) -> None:
        for name in names:
            self.metrics[name].update(logits, target)
            self.log(name, self.metrics[name], on_step=False, on_epoch=True, batch_size=len(target))


def seed_of(seed: int, epoch: int, step: int) -> int:
    """What a step draws from: it depends on these alone, so that a resumed training goes on as it would have."""
    return (seed * 100_003 + epoch) * 100_003 + step


def one_cycle(share: float, rise: float = 0.1) -> float:
    """Share of the highest learning rate after `share` of all steps: a line up over `rise`, a cosine down to 0.

    >>> [round(one_cycle(share), 2) for share in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    return share / rise if share < rise else 0.5 + 0.5 * math.cos(math.pi * (share - rise) / (1 - rise))
