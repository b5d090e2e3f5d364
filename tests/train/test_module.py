"""Loss, optimiser and what is random in a step, around a network of a few numbers; no trainer runs."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tembr.augment.settings import AugmentSettings
from tembr.features import find
from tembr.features.settings import FeatureSettings
from tembr.train import module as source
from tembr.train.module import TrainingModule, one_cycle
from tembr.train.settings import TrainSettings

FEATURES = FeatureSettings(window=1.0)
OFF = AugmentSettings(enabled=False)


class Tiny(nn.Module):
    """Says nothing of twelve rows at first, and notes what it saw."""

    def __init__(self):
        super().__init__()
        self.network, self.seen = nn.Linear(12, 2), []
        self.picture = SimpleNamespace(averaged=lambda values: values)
        nn.init.zeros_(self.network.weight)
        nn.init.zeros_(self.network.bias)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.seen.append(values)
        return self.network(values.mean(-1))


def module(augment: AugmentSettings = OFF, seed: int = 0, epoch: int = 0, **train) -> TrainingModule:
    """With a trainer that is in the second of four epochs of ten steps, or wherever it is put."""
    settings = TrainSettings(**train)
    made = TrainingModule(Tiny(), find("chroma"), FEATURES, augment, settings, 2, torch.ones(12, 1), seed)
    made._trainer = SimpleNamespace(
        current_epoch=epoch, global_step=2, max_epochs=4, num_training_batches=10, callback_metrics={}
    )
    made.logged = {}
    made.log = lambda name, value, **options: made.logged.__setitem__(name, value)
    return made


def values_seen(step: int = 0, **options) -> torch.Tensor:
    made = module(AugmentSettings(), **options)
    made.training_step((torch.rand(2, 12, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])), step)
    return made.classifier.seen[0]


def optimised(made: TrainingModule) -> torch.optim.Optimizer:
    optimizer = made.configure_optimizers()
    made.optimizers = lambda: optimizer
    return optimizer


@pytest.mark.parametrize(
    ("share", "rate"), [(0, 0), (0.05, 0.5), (0.1, 1), (0.325, 0.5 + 0.5**1.5), (0.55, 0.5), (1, 0)]
)
def test_a_cycle_rises_in_a_line_and_falls_along_a_cosine(share, rate):
    assert one_cycle(share) == pytest.approx(rate, abs=1e-12)


def test_a_cycle_may_rise_longer():
    assert [one_cycle(share, rise=0.5) for share in (0.25, 0.5, 0.75)] == [0.5, 1, pytest.approx(0.5)]


def test_what_is_random_depends_on_seed_epoch_and_step_alone():
    plain = values_seen()
    assert torch.equal(values_seen(), plain)
    for change in ({"seed": 1}, {"epoch": 1}, {"step": 1}):
        assert not torch.equal(values_seen(**change), plain), change


def test_tall_values_are_averaged_before_they_are_varied():
    made, values = module(), torch.rand(2, 24, 8)
    made.classifier.picture.averaged = lambda values: (values[:, ::2] + values[:, 1::2]) / 2
    made.training_step((values, torch.tensor([0, 1])), 0)
    assert torch.equal(made.classifier.seen[0], (values[:, ::2] + values[:, 1::2]) / 2)


def test_dropout_of_a_step_is_the_same_again():
    draws = []
    for _ in range(2):
        values_seen(step=3)
        draws.append(torch.rand(3).tolist())
    assert draws[0] == draws[1]


def test_the_loss_of_one_who_says_nothing_is_that_of_guessing():
    made = module()
    loss = made.training_step((torch.rand(4, 12, 8), torch.tensor([0, 0, 1, 1])), 0)
    assert loss.item() == pytest.approx(math.log(2)) and made.logged["train_loss"] is loss


def test_validation_sees_values_as_they_are_and_counts_each_emotion_alike():
    made, values = module(AugmentSettings()), torch.rand(4, 12, 8)
    made.validation_step((values, torch.tensor([0, 0, 0, 1])), 0)
    assert torch.equal(made.classifier.seen[0], values)
    assert [made.logged[name].compute().item() for name in ("val_accuracy", "val_uar")] == [0.75, 0.5]


def test_samples_become_the_representation_where_they_are_augmented(monkeypatch):
    taken = []

    def extract(waveform, rate, name, settings):
        taken.append((tuple(waveform.shape), rate, name, settings))
        return torch.zeros(2, 12, 32)

    monkeypatch.setattr(source, "extract", extract)
    made = module(AugmentSettings(waveform={"enabled": True}))
    made.validation_step((torch.rand(2, 1, 16_000), torch.tensor([0, 1])), 0)
    assert taken == [((2, 16_000), 16_000, "chroma", FEATURES)] and made.classifier.seen[0].shape == (2, 12, 32)


def test_the_rate_falls_when_the_validation_loss_does_not():
    made = module(learning_rate=0.5, plateau_patience=1, plateau_factor=0.1)
    optimizer, rates = optimised(made), []
    for loss in (1.0, 2.0, 2.0, 0.5):
        made.trainer.callback_metrics["val_loss"] = torch.tensor(loss)
        made.on_validation_epoch_end()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05])


def test_a_cosine_sets_the_rate_of_every_step_and_no_plateau_touches_it():
    made = module(schedule="cosine", learning_rate=0.5)
    optimizer = optimised(made)
    made.on_train_batch_start(None, 0)
    made.on_validation_epoch_end()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.25)  # two steps of forty, of the first tenth half


def test_a_plateau_goes_on_where_a_checkpoint_left_it():
    before, checkpoint = module(plateau_patience=3), {}
    optimised(before)
    for loss in (1.0, 2.0, 2.0):
        before.trainer.callback_metrics["val_loss"] = torch.tensor(loss)
        before.on_validation_epoch_end()
    before.on_save_checkpoint(checkpoint)
    after = module(plateau_patience=3)
    after.on_load_checkpoint(checkpoint)
    optimised(after)
    assert (after.plateau.num_bad_epochs, after.plateau.best) == (2, 1.0)
    assert not any(isinstance(value, torch.Tensor) for value in checkpoint["training"]["plateau"].values())


def test_a_restored_optimiser_has_the_memory_layout_of_its_parameters():
    made = module()
    parameter = nn.Parameter(torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last))
    moment = torch.arange(96.0).reshape(2, 3, 4, 4)
    state = {parameter: {"exp_avg": moment, "step": torch.tensor(5.0)}}
    made.optimizers = lambda: SimpleNamespace(state=state)
    made.on_train_start()
    assert state[parameter]["exp_avg"].stride() == parameter.stride()
    assert torch.equal(state[parameter]["exp_avg"], moment) and state[parameter]["step"] == 5
