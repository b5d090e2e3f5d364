"""Logits of recordings that a member was not trained on, kept with each fold: all that an ensemble is found on."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tembr.errors import StoreError
from tembr.experiment.recordings import Recordings
from tembr.files import atomic_write
from tembr.models import Member, MemberSettings, fit_member
from tembr.progress import Progress
from tembr.splits import Fold
from tembr.train.history import INNER

FILE = "logits.safetensors"


@dataclass(frozen=True, eq=False)
class FoldLogits:
    """What one member says in one fold.

    Attributes:
        heldout: `(n,)` indices into the study's recordings that something may be chosen on.
        heldout_logits: `(n, labels)` float32, by members that were not trained on them.
        test: `(m,)` indices of those that are scored.
        test_logits: `(m, labels)` float32.
    """

    heldout: np.ndarray
    heldout_logits: np.ndarray
    test: np.ndarray
    test_logits: np.ndarray

    def write(self, folder: Path) -> None:
        """Leave `logits.safetensors` in `folder`; raises StoreError where it cannot be written."""
        values = {field.name: np.ascontiguousarray(getattr(self, field.name)) for field in fields(self)}
        with atomic_write(folder / FILE) as temporary:
            save_file(values, temporary)

    @staticmethod
    def read(folder: Path) -> FoldLogits:
        """Read what `write` left.

        Raises:
            StoreError: it is missing or damaged.
        """
        path = folder / FILE
        try:
            values = load_file(path)
            return FoldLogits(**{field.name: values[field.name] for field in fields(FoldLogits)})
        except (OSError, SafetensorError, KeyError) as error:
            raise StoreError(
                f"{path}: missing or damaged ({error}); remove {folder} and run the study again, which fits it anew"
            ) from error


def inner_logits(
    member: MemberSettings, recordings: Recordings, fold: Fold, seed: int, folder: Path, progress: Progress
) -> tuple[np.ndarray, np.ndarray, Member]:
    """Held-out logits of a member that learns from the validation part too: those of inner folds.

    Each part is answered by a member that learnt from the others, in a folder of its own within `folder`, so that an
    interrupted training goes on there.

    Returns:
        `(n,)` indices of the recordings held out, `(n, labels)` logits of them, and the last of the members.
    """
    answers = []
    for number, part in enumerate(fold.inner, start=1):
        data = recordings.data(member, part.train, np.empty(0, int), folder / INNER / str(number))
        inner = fit_member(member, recordings.features, data, seed, replace(progress, row=lambda row: None))
        answers.append(inner.answer(recordings.tables, part.heldout)[0])
        progress.count(f"{member.name} · inner folds", number, len(fold.inner))
    return np.concatenate([part.heldout for part in fold.inner]), np.concatenate(answers), inner
