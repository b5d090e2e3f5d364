"""The command line as a user meets it, in this process or in one of its own."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass

import pytest

QUICK = (
    "--corpus", "demo", "--set", "features.window=1.0", "--set", "train.epochs=2", "--set", "split.folds=2",
    "--set", "train.network=resnet18_quarter", "--set", "train.device=cpu",
)  # fmt: skip
"""A study of seconds."""


@dataclass(frozen=True)
class Finished:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str

    @property
    def one_line_error(self) -> bool:
        return self.err.count("\n") == 1 and self.err.startswith("tembr: ") and "Traceback" not in self.err


def tembr(*arguments: str, cwd=None) -> Finished:
    """Run the installed command in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "tembr.cli", *arguments], capture_output=True, text=True, cwd=cwd)
    return Finished(done.returncode, done.stdout, done.stderr)


def tembr_here(capsys: pytest.CaptureFixture, *arguments: str) -> Finished:
    """Run `main` in this process: the same code without the seconds of imports."""
    from tembr.cli import main

    logger = logging.getLogger("tembr")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tembr", *arguments])
        patch.setattr(logger, "propagate", logger.propagate)  # `main` sets both, other tests look at them
        patch.setattr(logger, "handlers", list(logger.handlers))
        status = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    printed = capsys.readouterr()
    return Finished(int(status), printed.out, printed.err)
