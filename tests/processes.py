"""Real processes for tests to kill, interrupt and run at once, forked from a server that has imported everything.

What they run imports for ten seconds otherwise, each of them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from multiprocessing.connection import Connection

from tests.pictures import blank_pictures

FORKED = multiprocessing.get_context("forkserver")
IMPORTED = (
    "tembr.cli tembr.experiment.run tembr.ensemble.run tembr.train.fit mlflow torchvision "
    "sklearn.svm sklearn.linear_model sklearn.model_selection optuna.storages"
)
FORKED.set_forkserver_preload(IMPORTED.split())

TEMBR = "from tembr.cli import main; main()"


class Process:
    """`code` running in a process of its own, with `arguments` as its `sys.argv[1:]`; `subprocess.Popen`'s names.

    Attributes:
        stdout: what it prints, to read line by line.
    """

    def __init__(self, code: str, *arguments: str):
        reading, writing = zip(*(FORKED.Pipe(duplex=False) for _ in range(2)))
        environment, folder = dict(os.environ), os.getcwd()
        self._process = FORKED.Process(target=_run, args=(code, arguments, environment, folder, *writing), daemon=True)
        self._process.start()
        for end in writing:
            end.close()
        self.stdout, self.stderr = (os.fdopen(os.dup(end.fileno()), errors="replace") for end in reading)
        for end in reading:
            end.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """Exit status, negative where a signal ended it, or None while it runs."""
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        return self._process.exitcode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.kill(self.pid, signal.SIGINT)

    def finished(self) -> tuple[int, str, str]:
        """Exit status, the rest of what it prints on stdout, and on stderr; neither may fill a pipe before."""
        out, err = self.stdout.read(), self.stderr.read()
        return self.wait(), out, err


def _run(
    code: str, arguments: tuple[str, ...], environment: dict, folder: str, out: Connection, err: Connection
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for pipe, number in ((out, 1), (err, 2)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
    sys.argv = ["tembr", *arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts in the background
    try:
        with blank_pictures():
            exec(compile(code, "<test>", "exec"), {"__name__": "__main__"})
    finally:
        sys.stdout.flush(), sys.stderr.flush()
