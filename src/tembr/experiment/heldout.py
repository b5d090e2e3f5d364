"""Logits of recordings that a member was not trained on, kept with each fold: all that an ensemble is found on."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tembr.errors import StoreError
from tembr.files import atomic_write

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
