"""What trainings of an encoder have in common: the course of the learning rate, clipping, what is random in a step."""

from __future__ import annotations

import lightning
import torch

from tembr.train.log_mel import Lessons
from tembr.train.module import one_cycle


class EncoderModule(lightning.LightningModule):
    """Steps along one cycle of the learning rate; what is random in one depends on seed, epoch and step alone.

    Args:
        settings: how it is trained.
        seed: of all that is random.
    """

    def __init__(self, settings: Lessons, seed: int):
        super().__init__()
        self.settings, self.seed = settings, seed

    def configure_gradient_clipping(self, optimizer, gradient_clip_val=None, gradient_clip_algorithm=None) -> None:
        self.clip_gradients(optimizer, gradient_clip_val=1.0, gradient_clip_algorithm="norm")

    def on_train_batch_start(self, batch, index) -> None:
        done = self.global_step / (self.trainer.max_epochs * self.trainer.num_training_batches)
        for group in self.optimizers().param_groups:
            group["lr"] = group.get("share", 1.0) * self.settings.train.learning_rate * one_cycle(done)

    def seeded(self, step: int) -> torch.Generator:
        """What a step of this epoch draws from."""
        seed = (self.seed * 100_003 + self.current_epoch) * 100_003 + step
        return torch.Generator(self.device).manual_seed(seed)
