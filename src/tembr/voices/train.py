"""Train voice networks on a pool."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tembr.train.fit import fast_bfloat16
from tembr.train.module import one_cycle
from tembr.voices.level import relative
from tembr.voices.network import VoiceNetwork
from tembr.voices.pictures import PictureNetwork
from tembr.voices.pool import Pool
from tembr.voices.settings import VoiceSettings
from tembr.voices.vary import vary

MOST_COMPANIONS = 32
COPIES = 0.5  # chance of a copy against that of an original of the same speaker
GROUP = 16  # recordings of a speaker in a batch where logits are centred
LARGEST_GRADIENT = 5.0


def new_network(settings: VoiceSettings, rows: int, classes: int) -> VoiceNetwork | PictureNetwork:
    """Untrained."""
    s = settings
    if s.kind == "pictures":
        return PictureNetwork(rows, classes, s.channels, s.dropout, s.inner_dropout)
    return VoiceNetwork(rows, classes, s.channels, s.layers, s.dropout, s.inner_dropout)


def train(
    pool: Pool,
    indices: np.ndarray,
    settings: VoiceSettings,
    seed: int,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> VoiceNetwork | PictureNetwork:
    """Train one network on the recordings at `indices` of a pool.

    The averaged weights are kept; nothing is chosen.

    Args:
        pool: recordings; the network has an output for each of its labels.
        indices: of the recordings learnt from, `(n,)` int.
        settings: how.
        seed: of initialisation, draws and dropout.
        on_step: told batches done and in all.

    Returns:
        the network in evaluation mode.
    """
    torch.manual_seed(seed)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    network = new_network(settings, pool.contours.shape[1], len(pool.labels))
    averaged = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    speakers = Speakers(pool, indices, settings.balance)
    half = fast_bfloat16()
    network.train()
    for step in range(settings.steps):
        chosen = speakers.draw(settings.batch_size, rng, grouped=settings.centred)
        level = speakers.levels(chosen, settings.level, rng)
        weights = pool.weights[chosen].float()
        values, inside = vary(relative(pool.contours[chosen], weights, level), weights[:, -1:], settings, generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = network(values, inside)
        if settings.centred:
            logits = _centred(logits.float())
        loss = _loss(logits.float(), pool, chosen, settings.label_smoothing)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * one_cycle(step / settings.steps)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
        optimizer.step()
        _average(averaged, network, min(settings.average, (1 + step) / (10 + step)))
        on_step(step + 1, settings.steps)
    return averaged.eval()


class Speakers:
    """Draws recordings of a pool by speaker, and the level each is taken relative to.

    Args:
        pool, indices: the recordings that may be drawn.
        balance: see `VoiceSettings`.
    """

    def __init__(self, pool: Pool, indices: np.ndarray, balance: float):
        self.pool, self.indices = pool, indices
        self.names, which, counts = np.unique(pool.speakers[indices], return_inverse=True, return_counts=True)
        self.recordings = {name: indices[which == k] for k, name in enumerate(self.names)}
        copied = pool.originals[indices] != indices
        chances = counts[which] ** -float(balance) * np.where(copied, COPIES, 1.0)
        self.chances = chances / chances.sum()
        shares = counts ** (1 - float(balance))
        self.shares = shares / shares.sum()

    def draw(self, count: int, rng: np.random.Generator, grouped: bool) -> np.ndarray:
        """Indices of `count` recordings; where `grouped`, `GROUP` of one speaker after the other, emotions alike."""
        if not grouped:
            return rng.choice(self.indices, count, p=self.chances)
        speakers = rng.choice(self.names, max(1, count // GROUP), p=self.shares, replace=False)
        return np.concatenate([self._group(self.recordings[speaker], rng) for speaker in speakers])

    def _group(self, recordings: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        classes = self.pool.classes[recordings]
        wanted = np.resize(rng.permutation(np.unique(classes)), GROUP)
        return np.array([rng.choice(recordings[classes == label]) for label in wanted])

    def levels(self, chosen: np.ndarray, how: str, rng: np.random.Generator) -> torch.Tensor:
        """`(batch, rows)`, see `VoiceSettings.level`."""
        if how == "recording":
            return self.pool.levels[chosen]
        return torch.stack([self._level(index, how, rng) for index in chosen])

    def _level(self, index: int, how: str, rng: np.random.Generator) -> torch.Tensor:
        recordings = self.recordings[self.pool.speakers[index]]
        if how == "speaker":
            return self.pool.levels[recordings].mean(0)
        companions = int(MOST_COMPANIONS ** rng.uniform()) - 1
        return self.pool.levels[[index, *rng.choice(recordings, companions)]].mean(0)


def _centred(logits: torch.Tensor) -> torch.Tensor:
    """`(batch, classes)` less the mean of each run of `GROUP` recordings."""
    groups = logits.view(-1, GROUP, logits.shape[-1])
    return (groups - groups.mean(1, keepdim=True)).view(logits.shape)


def _loss(logits: torch.Tensor, pool: Pool, chosen: np.ndarray, smoothing: float) -> torch.Tensor:
    """Cross-entropy of each recording among the emotions of its own corpus."""
    known = pool.known[pool.corpus[chosen]]
    logs = torch.log_softmax(logits.masked_fill(~known, -1e4), dim=-1).masked_fill(~known, 0)
    exact = F.one_hot(torch.from_numpy(pool.classes[chosen]), len(pool.labels)).float()
    target = (1 - smoothing) * exact + smoothing * known / known.sum(-1, keepdim=True)
    return -(target * logs).sum(-1).mean()


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network, batch statistics included (Polyak & Juditsky, 1992)."""
    for mean, value in zip(averaged.state_dict().values(), network.state_dict().values()):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
