"""What a trial of a search is judged by: how well the held-out recordings are answered, and what answering costs."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
import torch
from scipy.special import log_softmax

from tembr.evaluate.metrics import accuracy, confusion_matrix, uar
from tembr.models import Member

UNTIMED, TIMED = 5, 50  # runs of a module before its time is believed, and of which it is the median


@dataclass(frozen=True, eq=False)
class Judged:
    """One fitted member, and what it says of recordings that it was not trained on.

    Attributes:
        member: fitted; where inner folds answer, that of the last.
        logits: `(n, labels)` of n held-out recordings.
        classes: `(n,)` int, the truth of these.
        values: of one of these recordings, a tensor `(1, bins, frames)` each input.
    """

    member: Member
    logits: np.ndarray
    classes: np.ndarray
    values: list[torch.Tensor]


@dataclass(frozen=True)
class Measure:
    """One thing to judge a trial by.

    Attributes:
        title: what it is called in pictures.
        direction: which way is better.
        of: computes it.
        whole: of several members: the mean over them, or their sum.
        learnt: whether it tells how well held-out recordings are answered, and the history of a network has it as well.
    """

    title: str
    direction: Literal["maximize", "minimize"]
    of: Callable[[Judged], float]
    whole: Callable[[list[float]], float]
    learnt: bool = False


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def _confusion(judged: Judged) -> np.ndarray:
    return confusion_matrix(judged.classes, judged.logits.argmax(1), judged.logits.shape[1])


def _uar(judged: Judged) -> float:
    return float(uar(_confusion(judged)))


def _accuracy(judged: Judged) -> float:
    return float(accuracy(_confusion(judged)))


def _loss(judged: Judged) -> float:
    """Mean negative log-likelihood of the truth, nats."""
    likelihoods = log_softmax(judged.logits.astype(np.float64), axis=1)
    return float(-likelihoods[np.arange(len(judged.classes)), judged.classes].mean())


def _megabytes(judged: Judged) -> float:
    """Of all that the module's state holds, as it is in memory."""
    return sum(one.numel() * one.element_size() for one in judged.member.module.state_dict().values()) / 1e6


def _milliseconds(judged: Judged) -> float:
    """Median time of the module, without the computing of its inputs, for one recording on one thread of the CPU."""
    module, threads = judged.member.module.cpu().eval(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            times = timeit.repeat(lambda: module(*judged.values), number=1, repeat=TIMED + UNTIMED)
    finally:
        torch.set_num_threads(threads)
    return 1e3 * median(times[UNTIMED:])


MEASURES: dict[str, Measure] = {
    "val_uar": Measure("validation UAR", "maximize", _uar, _mean, learnt=True),
    "val_accuracy": Measure("validation accuracy", "maximize", _accuracy, _mean, learnt=True),
    "val_loss": Measure("validation loss (nats)", "minimize", _loss, _mean, learnt=True),
    "parameters": Measure("parameters", "minimize", lambda judged: float(judged.member.parameters), sum),
    "megabytes": Measure("megabytes of weights", "minimize", _megabytes, sum),
    "milliseconds": Measure("milliseconds a recording, one thread", "minimize", _milliseconds, sum),
}
