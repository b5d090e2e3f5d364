"""A small network over contours: dilated convolutions along time, then mean and deviation of what was heard."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from tembr.voices.level import heard, own_level, relative


class VoiceNetwork(nn.Module):
    """A time-delay network with statistics pooling (Snyder et al., 2018, "x-vectors"), without frame-wise layers after.

    Args:
        rows: of the contours.
        classes: outputs.
        channels: of every convolution.
        layers: convolutions, the first over five frames with a step of two, the others over three with dilations of
            2, 3, 1, 2, 3, …
        dropout: before the last layer.
        inner_dropout: of whole channels, after every convolution.
    """

    hears = "relative"

    def __init__(
        self,
        rows: int,
        classes: int,
        channels: int = 128,
        layers: int = 4,
        dropout: float = 0.3,
        inner_dropout: float = 0.1,
    ):
        super().__init__()
        first = _convolution(rows, channels, 5, 2, 1, inner_dropout)
        more = [_convolution(channels, channels, 3, 1, 1 + k % 3, inner_dropout) for k in range(1, layers)]
        self.frames = nn.Sequential(first, *more)
        self.pooled = nn.BatchNorm1d(2 * channels)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * channels, classes)

    def forward(self, values: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """Relative contours and what is heard, `(batch, rows, frames)` both or the latter with one row → logits."""
        states = self.frames(values).float()
        return self.output(self.dropout(self.pooled(statistics(states, counts[:, -1:, ::2]))))


def statistics(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean and deviation over frames.

    `(batch, channels, frames)` and `(batch, 1, frames)` → `(batch, 2 · channels)`.
    """
    total = weights.sum(-1).clamp(min=1)
    mean = (states * weights).sum(-1) / total
    variance = (states.square() * weights).sum(-1) / total - mean.square()
    return torch.cat([mean, variance.clamp(min=1e-4).sqrt()], dim=1)


class VoiceEnsemble(nn.Module):
    """The weighted sum of the logits of groups of networks, of all emotions of the pool those that are asked for.

    Args:
        groups: weight and networks, whose mean it is the weight of; without any, all logits are 0. Networks hear
            contours relative to a level (their `hears` is 'relative') or as they are ('contours'), or an encoder's
            embeddings ('embeddings').
        columns: which of the networks' outputs are asked for.
        manner: `MannerModel` whose positions an adapted speaker's logits take, or None.
    """

    def __init__(
        self,
        groups: Sequence[tuple[float, Sequence[nn.Module]]],
        columns: Sequence[int],
        manner: nn.Module | None = None,
    ):
        super().__init__()
        self.manner = manner
        self.weights = [float(weight) for weight, _ in groups]
        self.groups = nn.ModuleList(nn.ModuleList(networks) for _, networks in groups)
        self.register_buffer("columns", torch.tensor(list(columns)))

    def forward(
        self,
        contours: torch.Tensor,
        level: torch.Tensor | None = None,
        weight: torch.Tensor | float = 0.0,
        embeddings: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Contours as `extract` gives them → logits and the recordings' own levels.

        Args:
            contours: `(batch, rows, frames)`.
            level: of the speaker, `(rows,)`; None where nothing is known of the speaker.
            weight: of the speaker's level against the recording's own, 0 to 1.
            embeddings: of the recordings, `(batch, d)`, where a network hears them.

        Returns:
            `(batch, classes)` and `(batch, rows)`.
        """
        counts = heard(contours)
        own = own_level(contours, counts)
        reference = own if level is None else weight * level + (1 - weight) * own
        values = relative(contours, counts, reference)
        heard_by = {"relative": (values, counts), "contours": (contours, counts), "embeddings": (embeddings,)}
        means = [torch.stack([network(*heard_by[network.hears]) for network in group]).mean(0) for group in self.groups]
        if not means:
            return contours.new_zeros(len(contours), len(self.columns)), own
        logits = sum(share * mean for share, mean in zip(self.weights, means, strict=True))
        return logits.index_select(1, self.columns), own

    def position(self, contours: torch.Tensor, embeddings: torch.Tensor | None = None) -> torch.Tensor:
        """Among emotions, of contours as `extract` gives them: `(batch, rows, frames)` → `(batch, d)`."""
        if self.manner.hears == "embeddings":
            return self.manner.position(embeddings)
        return self.manner.position(contours, heard(contours))


def _convolution(inputs: int, outputs: int, width: int, step: int, dilation: int, dropout: float) -> nn.Sequential:
    padding = width // 2 * dilation
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, width, step, padding, dilation, bias=False),
        nn.BatchNorm1d(outputs),
        nn.ReLU(),
        nn.Dropout1d(dropout),
    )
