"""Pictures that nobody looks at: to draw them takes most of a small study's time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def leave_blank(patch: pytest.MonkeyPatch) -> None:
    """Figures are saved empty, in the format and with the metadata they would have."""
    from matplotlib.figure import Figure

    draw = Figure.savefig
    patch.setattr(Figure, "savefig", lambda self, *to, **how: draw(Figure(figsize=(0.1, 0.1)), *to, **how))


@contextmanager
def blank_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        leave_blank(patch)
        yield
