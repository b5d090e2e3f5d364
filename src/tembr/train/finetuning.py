"""Train layers of a pretrained encoder on emotions: what Lightning trains, and the recordings it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from tembr.augment.representations import mask
from tembr.features.layers import WhisperLayers, halved
from tembr.features.store import FeatureTable
from tembr.train.fit import run, state_of
from tembr.train.log_mel import Crops, CropSampler, Lessons, another_voice, mean_over_time, together
from tembr.train.module import one_cycle

NEVER = -1e4
"""Logit of an emotion that a recording's corpus does not have."""


class Tuning(Lessons, Protocol):
    """How an encoder is fine-tuned, see `tembr.models.finetuned.FinetunedSettings`."""

    frozen: int
    decay: float
    time_mask: float
    row_mask: float


def finetune(
    settings: Tuning,
    encoder: WhisperLayers,
    heads: nn.ModuleList,
    table: FeatureTable,
    indices: np.ndarray,
    classes: np.ndarray,
    corpora: np.ndarray,
    seed: int,
    folder: Path,
    on_epoch: Callable[[dict], None],
    on_step: Callable[[int, int, int], None],
) -> list[dict]:
    """Train an encoder and the heads on its layers in place for all epochs; continues from the last finished one.

    Args:
        settings, encoder, heads: as `Finetuning` takes them.
        table: log-mel spectrograms of all recordings, `(bands, frames)` each.
        indices: of the recordings it learns from.
        classes: `(n,)` int of all recordings, 0 or more for those at `indices`.
        corpora: `(n,)` int, which corpus each belongs to: emotions that one does not have are no mistakes there.
        folder, on_epoch, on_step: as `tembr.train.fit.fit` takes them.

    Returns:
        a row an epoch, see `history.COLUMNS`.
    """
    lightning.seed_everything(seed, verbose=False)
    train = settings.train
    examples = Examples(Crops.of(table, indices, settings.crop), classes, corpora)
    sampler = CropSampler(len(examples), seed)
    loader = DataLoader(examples, train.batch_size, sampler=sampler, collate_fn=labelled_together)
    labels = heads[0].output.out_features
    module = Finetuning(settings, encoder, heads, known_classes(classes[indices], corpora[indices], labels), seed)
    rows = run(module, loader, None, train, folder, on_epoch, on_step)
    for name, trained in (("encoder", encoder), ("heads", heads)):
        trained.load_state_dict(state_of(folder / "last.ckpt", name))
    return rows


class Finetuning(lightning.LightningModule):
    """Loss, augmentation and optimiser around an encoder with a head on each of some layers.

    What is random in a step depends on the seed, the epoch and the step alone.

    Args:
        settings: how it is trained. Convolutions and the lowest `frozen` layers stay as they are; from the top layer
            down each learns at `decay` of the rate of the one above.
        encoder: whose layers are trained, in place.
        heads: on the means over time of the layers it gives; the mean of their logits answers.
        known: `(corpora, labels)` bool, which emotions each corpus has.
        seed: of all that is random.
    """

    def __init__(self, settings: Tuning, encoder: WhisperLayers, heads: nn.ModuleList, known: torch.Tensor, seed: int):
        super().__init__()
        self.settings, self.encoder, self.heads, self.seed = settings, encoder, heads, seed
        self.register_buffer("known", known, persistent=False)
        encoder.requires_grad_(False)
        for block in encoder.blocks[settings.frozen :]:
            block.requires_grad_(True)
        for head in heads:
            head.output.requires_grad_(True)

    def configure_optimizers(self):
        train = self.settings.train
        blocks = reversed(self.encoder.blocks[self.settings.frozen :])
        groups = [{"params": self.heads.parameters(), "share": 1.0}]
        groups += [
            {"params": block.parameters(), "share": self.settings.decay**depth} for depth, block in enumerate(blocks)
        ]
        return torch.optim.AdamW(groups, train.learning_rate, weight_decay=train.weight_decay)

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        self.clip_gradients(optimizer, gradient_clip_val=1.0, gradient_clip_algorithm="norm")

    def on_train_batch_start(self, batch, index) -> None:
        share = self.global_step / (self.trainer.max_epochs * self.trainer.num_training_batches)
        for group in self.optimizers().param_groups:
            group["lr"] = group["share"] * self.settings.train.learning_rate * one_cycle(share)

    def training_step(self, batch: tuple[torch.Tensor, ...], index: int) -> torch.Tensor:
        log_mel, frames, classes, corpora = batch
        seed = (self.seed * 100_003 + self.current_epoch) * 100_003 + index
        generator = torch.Generator(self.device).manual_seed(seed)
        with torch.no_grad():
            log_mel = another_voice(log_mel, self.settings, generator)
            log_mel = mask(log_mel, round(self.settings.time_mask * log_mel.shape[2]), -1, generator)
            log_mel = mask(log_mel, round(self.settings.row_mask * log_mel.shape[1]), -2, generator)
        logits = self.logits(log_mel, frames).masked_fill(~self.known[corpora], NEVER)
        loss = F.cross_entropy(logits, classes)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(classes))
        accuracy = (logits.argmax(1) == classes).float().mean()
        self.log("train_accuracy", accuracy, on_step=False, on_epoch=True, batch_size=len(classes))
        return loss

    def logits(self, log_mel: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Spectrograms `(batch, bands, frames)` of which `frames`, `(batch,)`, count → `(batch, labels)`, float32."""
        states = self.encoder.from_log_mel(log_mel, frames)
        pooled = [mean_over_time(one.float(), halved(frames)) for one in states]
        return torch.stack([head(one) for head, one in zip(self.heads, pooled, strict=True)]).mean(0).float()


def known_classes(classes: np.ndarray, corpora: np.ndarray, labels: int) -> torch.Tensor:
    """Which classes the recordings of each corpus have: `(n,)` int and `(n,)` int → `(corpora, labels)` bool."""
    known = torch.zeros(int(corpora.max()) + 1, labels, dtype=torch.bool)
    known[corpora, classes] = True
    return known


class Examples(Dataset):
    """Stretches of spectrograms, each with its class and its corpus."""

    def __init__(self, crops: Crops, classes: np.ndarray, corpora: np.ndarray):
        self.crops, self.classes, self.corpora = crops, classes, corpora

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, item: tuple[int, float]) -> tuple[torch.Tensor, int, int]:
        index = self.crops.indices[item[0]]
        return self.crops[item], int(self.classes[index]), int(self.corpora[index])


def labelled_together(examples: Sequence[tuple[torch.Tensor, int, int]]) -> tuple[torch.Tensor, ...]:
    """Spectrograms, frames, classes and corpora of a batch, see `together`."""
    values, classes, corpora = zip(*examples)
    return *together(values), torch.tensor(classes), torch.tensor(corpora)
