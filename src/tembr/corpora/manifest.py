"""Corpora of your own: a table of recordings, or a folder per emotion."""

from __future__ import annotations

import csv
import difflib
import io
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tembr.corpora.corpus import COLUMNS, Corpus, CorpusInfo, Utterance, number
from tembr.corpora.filenames import audio_files, existing_folder
from tembr.errors import CorpusError
from tembr.extensions import Skipped
from tembr.tables import original

log = logging.getLogger("tembr")

REQUIRED = ("file", "emotion")
DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson")
GENDERS = {"f": "female", "k": "female", "kobieta": "female", "woman": "female"} | {
    "m": "male",
    "mężczyzna": "male",
    "man": "male",
}

_Row = tuple[int, Mapping[str, object]]


def load_manifest(path: str | Path, columns: Mapping[str, str] | None = None, *, allow_outside: bool = False) -> Corpus:
    """Read a table of recordings: CSV (comma or semicolon), TSV or JSON lines, in UTF-8.

    Args:
        path: the table, with the columns `file, emotion` and, where known, `speaker, gender, age, start,
            end, text`; `start` and `end` in seconds, relative files from the table's folder.
        columns: the table's own names where they differ, as `{"emotion": "label"}`.
        allow_outside: accept recordings outside the table's folder.

    Returns:
        utterances in the table's order; a `file` below the table's folder is given relative to it.

    Raises:
        CorpusError: a column is missing, a cell is empty or not a number, a file lies outside the folder,
            or two rows have the same file and start; the message names table and row. Files that do not
            exist are no error here: `describe` reports them.
    """
    table = Path(path)
    names = _column_names(columns or {}, table)
    reader = _Reader(table, names, allow_outside)
    utterances = tuple(reader.utterance(line, row) for line, row in _rows(table))
    if not utterances:
        raise CorpusError(f"{table}: no rows; list one recording per row under {', '.join(REQUIRED)}")
    return Corpus(table.stem, utterances)


def load_folder(folder: str | Path) -> Corpus:
    """Read a folder that has one sub-folder per emotion, named after it, with recordings at any depth.

    Returns:
        utterances sorted by emotion and path; speakers are unknown.

    Raises:
        CorpusError: no such folder, or no recordings in sub-folders.
    """
    root = existing_folder(folder, "folder")
    left_out = Skipped()
    labels = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    utterances = tuple(
        Utterance(path.relative_to(root).as_posix(), path, label.name)
        for label in labels
        for path in audio_files(label, left_out)
    )
    if said := left_out.said(root):
        log.warning(said)
    if not utterances:
        raise CorpusError(f"{root}: no recordings; looked for one sub-folder per emotion, as anger/one.wav")
    return Corpus(root.resolve().name, utterances)


def _column_names(columns: Mapping[str, str], table: Path) -> dict[str, str]:
    for wanted in columns:
        if wanted not in COLUMNS:
            raise CorpusError(f"{table}: no field {wanted!r} to name a column for{_nearest(wanted, COLUMNS)}")
    return {column: columns.get(column, column) for column in COLUMNS}


class _Reader:
    """Rows of one table → utterances, with every complaint naming table and row."""

    def __init__(self, table: Path, names: Mapping[str, str], allow_outside: bool):
        self.table, self.names, self.allow_outside = table, names, allow_outside
        self.folder = Path(os.path.abspath(table.parent))
        self.renamed = {c for c in names if names[c] != c}
        self.seen: dict[tuple[str, float], int] = {}

    def utterance(self, line: int, row: Mapping[str, object]) -> Utterance:
        where = f"{self.table}, row {line}"
        for column in (*REQUIRED, *sorted(self.renamed)):
            if self.names[column] not in row:
                raise CorpusError(self._missing(column, row, where))
        written = original if self._is_own(row) else str
        cell = {column: written(_text(row.get(name))) for column, name in self.names.items()}
        for column in REQUIRED:
            if not cell[column]:
                raise CorpusError(f"{where}: {self.names[column]} is empty; fill it in or delete the row")
        file, path = self._locate(cell["file"], where)
        start, end = _span(cell, where)
        self._once(file, start, line, where)
        gender = cell["gender"].lower()
        return Utterance(
            file=file,
            path=path,
            emotion=cell["emotion"],
            speaker=cell["speaker"],
            gender=GENDERS.get(gender, gender),
            age=number(cell["age"], "age", where),
            text=cell["text"],
            start=start,
            end=end,
        )

    def _is_own(self, row: Mapping[str, object]) -> bool:
        """Whether `write_table` wrote the table: in another an apostrophe is an apostrophe."""
        return self.table.suffix.lower() == ".csv" and tuple(row) == COLUMNS

    def _missing(self, column: str, row: Mapping[str, object], where: str) -> str:
        name = self.names[column]
        found = [str(c) for c in row]
        if len(found) == 1 and "\t" in found[0]:
            return f"{where}: its columns are separated by tabs; call the table {self.table.stem}.tsv"
        return (
            f"{where}: no column {name!r}{_nearest(name, found)}; found {', '.join(found)}; "
            f"say which one it is with --column {column}=NAME"
        )

    def _locate(self, name: str, where: str) -> tuple[str, Path]:
        if "\0" in name:
            raise CorpusError(f"{where}: the file name holds a NUL character; correct it")
        path = Path(os.path.normpath(self.folder / name))
        if path.is_relative_to(self.folder):
            return path.relative_to(self.folder).as_posix(), path
        if not self.allow_outside:
            raise CorpusError(f"{where}: {name} lies outside {self.folder}; move it there or pass --allow-outside")
        return name, path

    def _once(self, file: str, start: float, line: int, where: str) -> None:
        first = self.seen.setdefault((file, start), line)
        if first != line:
            raise CorpusError(f"{where}: {file} from {start:g} s is already in row {first}; keep one of them")


def _span(cell: Mapping[str, str], where: str) -> tuple[float, float | None]:
    start = number(cell["start"], "start", where) or 0.0
    end = number(cell["end"], "end", where)
    if start < 0:
        raise CorpusError(f"{where}: start {start:g} is before the recording; give seconds from its beginning")
    if end is not None and end <= start:
        raise CorpusError(f"{where}: end {end:g} is not after start {start:g}; give both in seconds")
    return start, end


def _rows(table: Path) -> Iterator[_Row]:
    if not table.is_file():
        raise CorpusError(f"{table}: no such table; name a CSV, TSV or JSONL file")
    kind = table.suffix.lower()
    if kind not in DELIMITERS and kind not in JSON_LINES:
        raise CorpusError(f"{table}: not a table tembr reads; name it .csv, .tsv or .jsonl")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:  # a carriage return in a cell stays one
            text = file.read()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{table}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    return _json_rows(table, text) if kind in JSON_LINES else _cell_rows(table, text, DELIMITERS[kind])


def _cell_rows(table: Path, text: str, delimiter: str) -> Iterator[_Row]:
    header = text.partition("\n")[0]
    if delimiter == "," and ";" in header and "," not in header:
        delimiter = ";"  # what a Polish spreadsheet writes
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            if None in row:
                raise CorpusError(f"{table}, row {reader.line_num}: more cells than columns; quote the commas")
            yield reader.line_num, {name.strip(): value for name, value in row.items()}
    except csv.Error as error:
        raise CorpusError(f"{table}, row {reader.line_num}: {error}; correct the row") from error


def _json_rows(table: Path, text: str) -> Iterator[_Row]:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except (json.JSONDecodeError, RecursionError) as error:
            raise CorpusError(f"{table}, row {line}: not JSON ({error}); one object per line") from error
        if not isinstance(row, dict):
            raise CorpusError(f"{table}, row {line}: not a JSON object; write {{'file': …, 'emotion': …}}")
        nested = [str(name) for name, value in row.items() if isinstance(value, (list, dict))]
        if nested:
            raise CorpusError(f"{table}, row {line}: {nested[0]} is a list or an object; write one plain value")
        yield line, row


def _nearest(name: str, present) -> str:
    close = difflib.get_close_matches(name.lower(), [str(p) for p in present], n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


MANIFEST = CorpusInfo("manifest", load_manifest, about="a table of yours", obtain="write a table of file and emotion")
FOLDER = CorpusInfo(
    "folder",
    load_folder,
    about="a folder of yours with a sub-folder an emotion",
    obtain="make one sub-folder of recordings per emotion",
)
