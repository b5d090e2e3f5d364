"""How long work is followed: lines about its steps, and counts for progress bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where the lines and counts of long work go; silent by default.

    Attributes:
        say: called with a line for every step.
        count: called with what is counted, how much is done and how much there is.
        row: called with each row of a fitting's history, as it is found.
    """

    say: Callable[[str], None] = lambda line: None
    count: Callable[[str, int, int], None] = lambda what, done, total: None
    row: Callable[[dict], None] = lambda row: None
