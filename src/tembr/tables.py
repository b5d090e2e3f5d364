"""Tables as CSV that a spreadsheet shows and does not run.

A cell that begins like a formula gets an apostrophe in front (OWASP, CSV injection); numbers stay numbers. What reads
such a table back takes it off again, so that names, speakers and texts are what they were.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TextIO

from tembr.files import atomic_write

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def cell(value: object) -> object:
    """A value as it is written: text that begins like a formula gets an apostrophe, all else is as it was.

    >>> cell("=1+1"), cell("-3.5"), cell(-3.5), cell("anna")
    ("'=1+1", '-3.5', -3.5, 'anna')
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def original(text: str) -> str:
    """What `cell` was given, for the text of a cell.

    >>> original("'=1+1"), original("'tis"), original(cell("'=x"))
    ('=1+1', "'tis", "'=x")
    """
    return text[1:] if _ESCAPED.match(text) else text


def line(cells: Iterable[object]) -> str:
    """One row, with its line feed."""
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerow(map(cell, cells))  # it quotes a cell with either of these in it
    return written.getvalue().removesuffix("\r\n") + "\n"


def write(
    path: str | PathLike, columns: Sequence[str], rows: Iterable[Mapping[str, object]], flush: bool = True
) -> None:
    """Write a table, whole or not at all; a column that a row lacks is empty in it.

    Raises:
        StoreError: it could not be written; an older one is then untouched.
    """
    with atomic_write(path, flush=flush) as temporary, _open(temporary) as file:
        file.write(line(columns))
        file.writelines(line(row.get(column, "") for column in columns) for row in rows)


def _open(path: Path) -> TextIO:
    return path.open("w", newline="", encoding="utf-8", errors="backslashreplace")  # of names that are no UTF-8
