"""How work is followed on a terminal: lines and progress bars on stderr, results on stdout."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

PLAIN = {"highlight": False, "markup": False, "emoji": False}
"""Names of files, speakers and labels are shown as they are, brackets and colons too."""

errors = Console(stderr=True, soft_wrap=True, **PLAIN)
results = Console(soft_wrap=not (sys.stdout and sys.stdout.isatty()), **PLAIN)


def log_to_stderr() -> None:
    """Send the package's warnings to stderr, one line each."""
    handler = RichHandler(console=errors, show_time=False, show_path=False, markup=False)
    logger = logging.getLogger("tembr")
    logger.handlers[:] = [handler]
    logger.propagate = False


class Counter:
    """Progress bars by name; `count` opens one, moves it, and closes it when it is full."""

    def __init__(self, progress: Progress):
        self._progress = progress
        self._tasks: dict[str, int] = {}

    def count(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done)
        if done >= total:
            self._progress.remove_task(self._tasks.pop(what))


@contextmanager
def progress_bars() -> Iterator[Counter]:
    """Progress bars on stderr, gone when the work is done; nothing where stderr is not a terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        yield Counter(progress)


def say(line: str) -> None:
    """A line about the work, on stderr."""
    errors.print(line)
