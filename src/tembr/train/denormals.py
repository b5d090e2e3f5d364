"""Numbers too small for a float, which processors are a hundred times slower at, taken for zero while a network learns.

The moments of weights that get no gradient, as most of a kernel on a picture of few rows, fade into them within
some thousand steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import ThreadpoolController


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take floats below 1e-38 for zero meanwhile, in this thread and in those it computes with."""
    _flush(True)
    try:
        yield
    finally:
        _flush(False)


def _flush(on: bool) -> None:
    """PyTorch sets it for the thread that asks alone; OpenMP's are ended, so that the next inherit it."""
    torch.set_flush_denormal(on)
    for library in ThreadpoolController().select(user_api="openmp").lib_controllers:
        pause = getattr(library.dynlib, "omp_pause_resource_all", None)  # OpenMP 5.0, 3.2.7; Windows has no such
        if pause is not None:
            pause(1)  # omp_pause_soft
