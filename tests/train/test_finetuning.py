"""What an encoder is fine-tuned by: emotions that a corpus does not have, rates of layers, batches."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from tembr.models.encoder import PooledHead
from tembr.models.finetuned import FinetunedSettings
from tembr.train.encoding import Crops
from tembr.train.finetuning import Examples, Finetuning, averaged, known_classes, labelled_together
from tembr.train.pooling import Pooling

TABLE = [np.full((2, frames), frames, np.float32) for frames in (4, 6, 8)]
SETTINGS = FinetunedSettings(
    name="x", layers=(1, 2), time_mask=0.0, row_mask=0.0, train={"learning_rate": 0.01}, decay=0.5, frozen=0
)


class Encoder(nn.Module):
    """Two layers that say every other frame of the first band, times a number each."""

    hop = 160

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)])

    def frames_of(self, frames):
        return (frames + 1) // 2

    def from_values(self, log_mel, frames=None):
        heard = log_mel[:, 0, ::2, None]
        return [block(heard) for block in self.blocks]


def finetuning(settings=SETTINGS, known=((True, True, True),), epoch: int = 0) -> Finetuning:
    torch.manual_seed(0)
    heads = nn.ModuleList(PooledHead(1, 3) for _ in range(2))
    module = Finetuning(settings, Encoder(), Pooling(2, 1), heads, torch.tensor(known), 0)
    module._trainer = SimpleNamespace(current_epoch=epoch, global_step=5, max_epochs=5, num_training_batches=10)
    module.log = lambda *given, **options: None
    return module


def batch(corpora=(0, 0)):
    return torch.ones(2, 80, 8), torch.tensor([8, 6]), torch.tensor([0, 1]), torch.tensor(corpora)


def test_what_a_corpus_has_is_known_by_its_recordings():
    known = known_classes(np.array([0, 2, 1, 0]), np.array([0, 0, 2, 2]), 3)
    assert known.tolist() == [[True, False, True], [False] * 3, [True, True, False]]


def test_an_emotion_that_a_corpus_does_not_have_is_no_mistake_there():
    module = finetuning(known=((True, True, True), (True, True, False)))
    losses = {}
    for bias in (0.0, 50.0):
        for head in module.heads:
            head.output.bias.data[2] = bias
        losses[bias] = [float(module.training_step(batch((corpus, corpus)), 0).detach()) for corpus in (0, 1)]
    assert losses[50.0][0] > 10 > losses[0.0][0]
    assert losses[50.0][1] == pytest.approx(losses[0.0][1])


def test_two_recordings_are_averaged_and_so_are_their_losses():
    """Three, each with the one before it and by that one's own corpus."""
    mixing = SETTINGS.model_copy(update={"train": SETTINGS.train.model_copy(update={"mixup": 5.0})})
    known = ((True, True, True), (True, True, False))
    values = torch.tensor([1.0, 3.0, 7.0])[:, None, None].expand(3, 80, 8)
    classes, corpora, frames = torch.tensor([2, 1, 0]), torch.tensor([0, 1, 1]), torch.tensor([8, 8, 8])
    module, plain = finetuning(mixing, known), finetuning(SETTINGS, known)
    share = module._share_of_first(3)
    assert 0.5 <= share < 1 and share == module._share_of_first(3) != module._share_of_first(4)
    for one in (module, plain):
        one._augmented = lambda log_mel, index: log_mel
        for head in one.heads:
            head.output.weight.data = torch.tensor([[0.1], [0.5], [-0.5]])
    before = [2, 0, 1]
    logits = plain.logits(share * values + (1 - share) * values[before], frames)
    first, second = (plain._loss(logits, classes[which], corpora[which]) for which in ([0, 1, 2], before))
    found = float(module.training_step((values, frames, classes, corpora), 3).detach())
    assert found == pytest.approx(float((share * first + (1 - share) * second).detach()), rel=1e-5)
    assert plain._share_of_first(3) == 1.0


def test_of_two_averaged_recordings_the_longer_one_goes_on_alone():
    values = torch.tensor([[1.0, 1, 50, 50], [3.0, 3, 3, 50], [7.0, 50, 50, 50]])[:, None]  # 50: of no recording
    mixed, frames = averaged(values, torch.tensor([2, 3, 1]), 0.75, leveled=False)
    assert frames.tolist() == [2, 3, 3]
    assert mixed[:, 0].tolist() == [[2.5, 1, 0, 0], [2.5, 2.5, 3, 0], [6, 3, 3, 0]]


def test_samples_are_averaged_at_one_level():
    values = torch.tensor([[0.1, -0.1, 0.0, 9.0], [1.0, 1.0, 1.0, 1.0]])[:, None]
    mixed, _ = averaged(values, torch.tensor([2, 4]), 0.75, leveled=True)
    np.testing.assert_allclose(mixed[0, 0], [0.1, -0.05, 0.1, 0.1], rtol=1e-5)
    np.testing.assert_allclose(mixed[1, 0], [1.0, 0.5, 1.0, 1.0], rtol=1e-5)


def test_of_samples_a_stretch_is_hidden_and_nothing_else_changes():
    module = finetuning(SETTINGS.model_copy(update={"time_mask": 0.5, "row_mask": 0.5, "warp": 0.2, "equalize": 9.0}))
    module.encoder.hop = 1
    values = torch.randn(3, 1, 400, generator=torch.Generator().manual_seed(1))
    found = module._augmented(values, 3)
    kept = found == values
    assert 0.4 < kept.float().mean() < 1
    torch.testing.assert_close(found[~kept], values.mean(-1, keepdim=True).expand_as(values)[~kept])


def test_a_lower_layer_learns_more_slowly_and_a_frozen_one_not_at_all():
    module = finetuning()
    shares = [group["share"] for group in module.configure_optimizers().param_groups]
    assert shares == [1.0, 1.0, 0.5]  # heads, the second layer, the first
    frozen = finetuning(SETTINGS.model_copy(update={"frozen": 1}))
    assert [p.requires_grad for p in frozen.encoder.parameters()] == [False, True]
    assert len(frozen.configure_optimizers().param_groups) == 2


def test_rates_rise_and_fall_together():
    module = finetuning()
    optimizer = module.configure_optimizers()
    module.optimizers = lambda: optimizer
    module.on_train_batch_start(None, 0)  # a tenth of all steps: the highest rate
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.01, 0.005])


def test_what_is_random_depends_on_seed_epoch_and_step_alone():
    masked = SETTINGS.model_copy(update={"time_mask": 0.5, "row_mask": 0.5})
    values = (torch.randn(2, 80, 8, generator=torch.Generator().manual_seed(1)), *batch()[1:])
    first, again, later = (
        float(finetuning(masked, epoch=epoch).training_step(values, 3).detach()) for epoch in (0, 0, 1)
    )
    assert first == again != later


def test_every_stretch_goes_with_its_emotion_and_corpus():
    examples = Examples(Crops(TABLE, np.array([2, 0]), 6), np.array([5, 1, 3]), np.array([0, 1, 1]))
    values, frames, classes, corpora = labelled_together([examples[0, 0.5, 1.0], examples[1, 0.0, 1.0]])
    assert values[:, 0, 0].tolist() == [8, 4] and frames.tolist() == [6, 4]
    assert (classes.tolist(), corpora.tolist()) == ([3, 5], [1, 0])
