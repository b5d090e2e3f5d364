"""The command line: thin commands over the rooms; what is heavy is imported inside them."""

from __future__ import annotations

import logging
import os
import sys

from tembr.cli import (  # noqa: F401  (they register)
    cache,
    ensemble,
    export,
    laboratory,
    live,
    recognizer,
    search,
    web,
)
from tembr.cli.app import app
from tembr.errors import TembrError

ORDER = (
    "predict", "listen", "serve", "web", "evaluate", "adapt", "verify", "corpus", "study", "compare", "show", "track",
    "search", "ensemble", "export",
)  # fmt: skip
"""Of commands in the help: what most people want first."""

app.registered_commands.sort(key=lambda command: ORDER.index(command.callback.__name__))


def main() -> None:
    """Run the command line: errors are one line on stderr, exit status 1; wrong commands 2."""
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    logging.getLogger("tembr").handlers[:] = [_FirstWarning()]
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (TembrError, ImportError, OSError) as error:
        if debug:
            raise
        print(f"tembr: {_said(error)}", file=sys.stderr)
        sys.exit(1)


class _FirstWarning(logging.Handler):
    """Opens the console when there is something to say: loading it takes as long as an answer."""

    def emit(self, record: logging.LogRecord) -> None:
        from tembr.cli.console import log_to_stderr

        log_to_stderr()
        logging.getLogger("tembr").handle(record)


def _said(error: Exception) -> str:
    if isinstance(error, ImportError) and not isinstance(error, TembrError):
        from tembr.extras import how_to_install

        return f"this command needs the laboratory ({error.name} is missing); {how_to_install('train')}"
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        return f"{what}{error.strerror or error}; check the path, its permissions and the free space"
    return str(error)
