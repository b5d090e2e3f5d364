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
from tembr.extras import needed
from tembr.features.layers import frame_mask
from tembr.features.store import FeatureTable
from tembr.train.encoding import Batch, Crops, CropSampler, Layers, another_voice, encode, together
from tembr.train.fit import run, state_of
from tembr.train.module import one_cycle, seed_of
from tembr.train.pooling import Pooling
from tembr.train.settings import TrainSettings


class Tuning(Protocol):
    """How an encoder is fine-tuned, see `tembr.models.finetuned.FinetunedSettings`."""

    crop: float
    speed: float
    warp: float
    equalize: float
    frozen: int
    convolutions: bool
    lora: int
    decay: float
    time_mask: float
    row_mask: float
    train: TrainSettings


def finetune(
    settings: Tuning,
    encoder: Layers,
    pooling: Pooling,
    heads: nn.ModuleList,
    table: FeatureTable,
    stored: int | None,
    indices: np.ndarray,
    classes: np.ndarray,
    corpora: np.ndarray,
    seed: int,
    folder: Path,
    on_epoch: Callable[[dict], None],
    on_step: Callable[[int, int, int], None],
) -> list[dict]:
    """Train an encoder, its pooling and heads in place for all epochs; continues from the last finished one.

    Args:
        settings, encoder, pooling, heads, stored: as `Finetuning` takes them.
        table: of all recordings what the encoder takes, `(rows, frames)` each, or states of the layer `stored`.
        indices: of the recordings it learns from.
        classes: `(n,)` int of all recordings, 0 or more for those at `indices`.
        corpora: `(n,)` int, which corpus each belongs to: emotions that one does not have are no mistakes there.
        folder, on_epoch, on_step: as `tembr.train.fit.fit` takes them.

    Returns:
        a row an epoch, see `history.COLUMNS`.
    """
    lightning.seed_everything(seed, verbose=False)
    train = settings.train
    hop = encoder.hop if stored is None else 2 * encoder.hop
    examples = Examples(Crops.of(table, indices, settings.crop, hop), classes, corpora)
    sampler = CropSampler(len(examples), seed, settings.speed if stored is None else 0.0)
    loader = DataLoader(examples, train.batch_size, sampler=sampler, collate_fn=labelled_together)
    labels = heads[0].output.out_features
    adapters = adapted(encoder, settings) if settings.lora else None
    known = known_classes(classes[indices], corpora[indices], labels)
    module = Finetuning(settings, encoder, pooling, heads, known, seed, stored)
    rows = run(module, loader, None, train, folder, on_epoch, on_step)
    for name, trained in (("encoder", encoder), ("pooling", pooling), ("heads", heads)):
        trained.load_state_dict(state_of(folder / "last.ckpt", name))
    if adapters is not None:
        adapters.merge_and_unload()
    return rows


def trained_of(encoder: Layers, settings: Tuning) -> list[nn.Module]:
    """The parts of an encoder that are trained, the lowest first."""
    return [*([encoder.convolutions] if settings.convolutions else []), *encoder.blocks[settings.frozen :]]


def adapted(encoder: Layers, settings: Tuning):
    """Low-rank adapters on the linear layers of what is trained (LoRA, Hu et al., 2021), put in place.

    Returns:
        `peft`'s model around the encoder, whose `merge_and_unload` adds them to the weights.
    """
    with needed("low-rank adapters", "encoders"):
        from peft import LoraConfig, LoraModel
    trained = {id(module) for part in trained_of(encoder, settings) for module in part.modules()}
    linear = [n for n, one in encoder.named_modules() if isinstance(one, nn.Linear) and id(one) in trained]
    config = LoraConfig(r=settings.lora, lora_alpha=2 * settings.lora, target_modules=linear)
    return LoraModel(encoder, config, "default")


class Finetuning(lightning.LightningModule):
    """Loss, augmentation and optimiser around an encoder with a head on each of some layers.

    Args:
        settings: how it is trained. The lowest `frozen` layers stay as they are, and the convolutions unless they are
            to be trained; from the top layer down each learns at `decay` of the rate of the one above. With `mixup`
            recordings are averaged in pairs, and their losses likewise (Zhang et al., 2018).
        encoder: whose layers are trained, in place; where it has adapters, these alone.
        pooling: of the layers it gives.
        heads: on what is pooled; the mean of their logits answers.
        known: `(corpora, labels)` bool, which emotions each corpus has.
        seed: of all that is random.
        stored: the layer whose states are taken; None for what the encoder takes, which alone is augmented: samples by
            masks over time alone.
    """

    def __init__(
        self,
        settings: Tuning,
        encoder: Layers,
        pooling: Pooling,
        heads: nn.ModuleList,
        known: torch.Tensor,
        seed: int,
        stored: int | None = None,
    ):
        super().__init__()
        self.settings, self.seed = settings, seed
        self.encoder, self.pooling, self.heads, self.stored = encoder, pooling, heads, stored
        self.register_buffer("known", known, persistent=False)
        encoder.requires_grad_(False)
        for block in trained_of(encoder, settings):
            for name, values in block.named_parameters():
                values.requires_grad_("lora_" in name or not settings.lora)
        for head in heads:
            head.output.requires_grad_(True)

    def configure_optimizers(self):
        train = self.settings.train
        groups = [{"params": [*self.heads.parameters(), *self.pooling.parameters()], "share": 1.0}]
        groups += [
            {"params": [p for p in block.parameters() if p.requires_grad], "share": self.settings.decay**depth}
            for depth, block in enumerate(reversed(trained_of(self.encoder, self.settings)))
        ]
        return torch.optim.AdamW(groups, train.learning_rate, weight_decay=train.weight_decay)

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        self.clip_gradients(optimizer, gradient_clip_val=1.0, gradient_clip_algorithm="norm")

    def on_train_batch_start(self, batch, index) -> None:
        done = self.global_step / (self.trainer.max_epochs * self.trainer.num_training_batches)
        for group in self.optimizers().param_groups:
            group["lr"] = group["share"] * self.settings.train.learning_rate * one_cycle(done)

    def training_step(self, batch: tuple[torch.Tensor, ...], index: int) -> torch.Tensor:
        values, frames, classes, corpora = batch
        if self.stored is None:
            values = self._augmented(values, index)
        share = self._share_of_first(index)
        if share < 1:
            values, frames = averaged(values, frames, share, leveled=self.encoder.hop == 1)
        logits = self.logits(values, frames)
        loss = share * self._loss(logits, classes, corpora)
        if share < 1:
            loss = loss + (1 - share) * self._loss(logits, classes.roll(1), corpora.roll(1))
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(classes))
        accuracy = (logits.masked_fill(~self.known[corpora], -torch.inf).argmax(1) == classes).float().mean()
        self.log("train_accuracy", accuracy, on_step=False, on_epoch=True, batch_size=len(classes))
        return loss

    def _loss(self, logits: torch.Tensor, classes: torch.Tensor, corpora: torch.Tensor) -> torch.Tensor:
        return F.cross_entropy(logits.masked_fill(~self.known[corpora], -torch.inf), classes)

    def _share_of_first(self, index: int) -> float:
        """Of two recordings that are averaged, the one whose emotion is judged by: half and more, 1 without mixing."""
        alpha = self.settings.train.mixup
        if not alpha:
            return 1.0
        share = np.random.default_rng([seed_of(self.seed, self.current_epoch, index), 1]).beta(alpha, alpha)
        return float(max(share, 1 - share))

    @torch.no_grad()
    def _augmented(self, values: torch.Tensor, index: int) -> torch.Tensor:
        generator, longest = self.seeded(index), round(self.settings.time_mask * values.shape[2])
        if self.encoder.hop == 1:
            return mask(values, longest, -1, generator)
        log_mel = another_voice(values, self.settings.warp, self.settings.equalize, generator)
        log_mel = mask(log_mel, longest, -1, generator)
        return mask(log_mel, round(self.settings.row_mask * log_mel.shape[1]), -2, generator)

    def seeded(self, step: int) -> torch.Generator:
        """What a step of this epoch draws from."""
        return torch.Generator(self.device).manual_seed(seed_of(self.seed, self.current_epoch, step))

    def logits(self, values: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """What a batch is made of, `(batch, rows, frames)` of which `frames`, `(batch,)`, count → `(batch, labels)`."""
        states, counts = encode(self.encoder, self.stored, values, frames)
        pooled = self.pooling([one.float() for one in states], counts)
        return torch.stack([head(one) for head, one in zip(self.heads, pooled, strict=True)]).mean(0).float()


def averaged(values: torch.Tensor, frames: torch.Tensor, share: float, leveled: bool) -> Batch:
    """Each recording of a batch with the one before it, of which it is `share`; alone where the other has ended.

    Args:
        values, frames: `(batch, rows, frames)` and `(batch,)` int, how many belong to each.
        leveled: whether the other is brought to its level before, as samples have to be.
    """
    inside = frame_mask(frames, values.shape[-1])[:, None].to(values.dtype)
    others, least = values.roll(1, 0), torch.finfo(values.dtype).tiny
    if leveled:
        levels = ((inside * values).square().sum((1, 2)) / frames).sqrt().clamp(min=1e-6)[:, None, None]
        others = levels / levels.roll(1, 0) * others
    ours, theirs = share * inside, (1 - share) * inside.roll(1, 0)
    total = (ours + theirs).clamp(min=least)
    return (ours * values + theirs * others) / total, torch.maximum(frames, frames.roll(1))


def known_classes(classes: np.ndarray, corpora: np.ndarray, labels: int) -> torch.Tensor:
    """Which classes the recordings of each corpus have: `(n,)` int and `(n,)` int → `(corpora, labels)` bool."""
    known = torch.zeros(int(corpora.max()) + 1, labels, dtype=torch.bool)
    known[corpora, classes] = True
    return known


class Examples(Dataset):
    """Stretches of recordings, each with its class and its corpus."""

    def __init__(self, crops: Crops, classes: np.ndarray, corpora: np.ndarray):
        self.crops, self.classes, self.corpora = crops, classes, corpora

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, item: tuple[int, float, float]) -> tuple[torch.Tensor, int, int]:
        index = self.crops.indices[item[0]]
        return self.crops[item], int(self.classes[index]), int(self.corpora[index])


def labelled_together(examples: Sequence[tuple[torch.Tensor, int, int]]) -> tuple[torch.Tensor, ...]:
    """Values, frames, classes and corpora of a batch, see `together`."""
    values, classes, corpora = zip(*examples)
    return *together(values), torch.tensor(classes), torch.tensor(corpora)
