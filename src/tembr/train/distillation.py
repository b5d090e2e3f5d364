"""Teach a student by a frozen encoder: what Lightning trains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from tembr.features.layers import WhisperLayers, frame_mask, halved, mean_of_pairs
from tembr.features.store import FeatureTable
from tembr.train.fit import run, state_of
from tembr.train.log_mel import Batch, Crops, CropSampler, Lessons, another_voice, mean_over_time, together
from tembr.train.module import one_cycle

FRAMES, POOLED, LOGITS, SOFT = 0.3, 3.0, 0.25, 1.0
"""Weights of the errors: of frames, of their mean over time, of the heads' logits, and of softened probabilities."""

TEMPERATURE = 2.0


def distill(
    settings: Lessons,
    module: nn.Module,
    teacher: WhisperLayers,
    table: FeatureTable,
    indices: np.ndarray,
    seed: int,
    folder: Path,
    on_epoch: Callable[[dict], None],
    on_step: Callable[[int, int, int], None],
) -> list[dict]:
    """Train the student of a module in place for all epochs; continues from the last finished one.

    Args:
        settings, module, teacher: as `Distillation` takes them.
        table: log-mel spectrograms of all recordings, `(bands, frames)` each.
        indices: of the recordings it learns from.
        folder, on_epoch, on_step: as `tembr.train.fit.fit` takes them.

    Returns:
        a row an epoch, see `history.COLUMNS`.
    """
    lightning.seed_everything(seed, verbose=False)
    train = settings.train
    crops = Crops.of(table, indices, settings.crop)
    sampler = CropSampler(len(crops), seed)
    loader = DataLoader(crops, train.batch_size, sampler=sampler, collate_fn=together)
    rows = run(Distillation(settings, module, teacher, seed), loader, None, train, folder, on_epoch, on_step)
    module.load_state_dict(state_of(folder / "last.ckpt", "module"))
    return rows


class Distillation(lightning.LightningModule):
    """Errors, augmentation and optimiser around a student.

    What is random in a step depends on the seed, the epoch and the step alone.

    Args:
        settings: how it is taught.
        module: of it, `student` is trained, whose `widen` gives imitated states in the unit of `mean` and `deviation`
            (of pooled states); `answers` are the heads' logits on pooled states.
        teacher: gives the states to imitate; not part of a checkpoint.
        seed: of all that is random.
    """

    def __init__(self, settings: Lessons, module: nn.Module, teacher: WhisperLayers, seed: int):
        super().__init__()
        self.module, self.seed, self.settings = module, seed, settings
        self._teacher = (teacher,)

    def configure_optimizers(self):
        train = self.settings.train
        return torch.optim.AdamW(self.module.student.parameters(), train.learning_rate, weight_decay=train.weight_decay)

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        self.clip_gradients(optimizer, gradient_clip_val=1.0, gradient_clip_algorithm="norm")

    def on_fit_start(self) -> None:
        self._teacher[0].to(self.device)

    def on_train_batch_start(self, batch, index) -> None:
        share = self.global_step / (self.trainer.max_epochs * self.trainer.num_training_batches)
        for group in self.optimizers().param_groups:
            group["lr"] = self.settings.train.learning_rate * one_cycle(share)

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        log_mel, frames = batch
        seed = (self.seed * 100_003 + self.current_epoch) * 100_003 + index
        generator = torch.Generator(self.device).manual_seed(seed)
        with torch.no_grad():
            log_mel = another_voice(log_mel, self.settings, generator)
            states = torch.cat(self._teacher[0].from_log_mel(log_mel, frames), dim=-1).float()
        loss = self.error(self.module.student(log_mel, frames), states, frames)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(frames))
        return loss

    def error(self, found: torch.Tensor, states: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """How far a student is off.

        Args:
            found: its states, `(batch, frames // 4, rank)`.
            states: the teacher's, `(batch, ceil(frames / 2), size)`.
            frames: `(batch,)` int, of the spectrograms.
        """
        module = self.module
        pairs = halved(frames) // 2
        mask = frame_mask(pairs, found.shape[1])[..., None].float()
        wanted = mean_over_time(states, halved(frames))
        given = module.student.widen(mean_over_time(found.float(), pairs)).float()
        standard = (mean_of_pairs(states) - module.mean) / module.deviation
        apart = (module.student.widen(found).float() - standard).square() * mask
        frame = apart.sum() / mask.sum() / apart.shape[-1]
        pooled = (given - (wanted - module.mean) / module.deviation).square().mean()
        said, taught = (centred(module.answers(p)) for p in (given * module.deviation + module.mean, wanted))
        soft = F.kl_div(
            (said.mean(0) / TEMPERATURE).log_softmax(-1),
            (taught.mean(0) / TEMPERATURE).log_softmax(-1),
            log_target=True,
            reduction="batchmean",
        )
        return FRAMES * frame + POOLED * pooled + LOGITS * (said - taught).square().mean() + SOFT * soft


def centred(logits: torch.Tensor) -> torch.Tensor:
    """Logits without what they have in common, which says nothing."""
    return logits - logits.mean(-1, keepdim=True)
