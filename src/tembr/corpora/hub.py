"""Data sets in the Hugging Face formats: rows without audio, and the audio as files in the cache."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from tembr.corpora.materialize import plain_name
from tembr.errors import CorpusError, first_line
from tembr.extras import needed
from tembr.files import cache_root, write_bytes

_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_BATCH = 64  # rows; audio of one batch is in memory at a time


class _Source(Protocol):
    """What the two readers below have in common."""

    columns: Sequence[str]
    fingerprint: str

    def rows(self, columns: Sequence[str]) -> Iterator[dict]: ...


def is_hub_name(source: str | Path) -> bool:
    """Whether `source` is 'owner/name' and no path: no `Path`, and nothing of that name, or beside it, lies here."""
    if isinstance(source, Path) or not _NAME.fullmatch(source):
        return False
    return not Path(source).exists() and not Path(source).parent.is_dir()


def is_saved(folder: Path) -> bool:
    """Whether `folder` was written by `save_to_disk`, of one data set or of a dictionary of splits."""
    return any((folder / name).is_file() for name in ("dataset_dict.json", "state.json"))


def open_hub(name: str, columns: Sequence[str], corpus: str) -> tuple[list[dict], Path]:
    """Download split `train` of `name` (once; later from the local cache of `datasets`).

    Args:
        name: 'owner/data set' on the hub.
        columns: those wanted, `file_id` among them.
        corpus: short name for the cache folder.

    Returns:
        the rows, and the folder that holds each row's audio under its `file_id`.

    Raises:
        CorpusError: not reachable, no such data set, or a column is missing.
    """
    datasets = _import("datasets")
    try:
        dataset = datasets.load_dataset(name, split="train")
    except Exception as error:  # the hub's libraries raise dozens of kinds
        raise CorpusError(
            f"{name}: neither a folder here nor reachable on the Hugging Face hub "
            f"({type(error).__name__}: {first_line(error)}); check the network or name a downloaded folder"
        ) from error
    return _lay_out(_Arrow(dataset), columns, corpus, name)


def open_saved(folder: Path, columns: Sequence[str], corpus: str) -> tuple[list[dict], Path]:
    """The same for a folder written by `datasets.save_to_disk`; of several splits, `train`.

    Raises:
        CorpusError: damaged, without a split `train`, or a column is missing.
    """
    datasets = _import("datasets")
    try:
        dataset = datasets.load_from_disk(str(folder))
    except Exception as error:  # Arrow, JSON and file errors
        raise CorpusError(f"{folder}: a damaged saved data set ({first_line(error)}); save it again") from error
    if isinstance(dataset, datasets.DatasetDict):
        if "train" not in dataset:
            raise CorpusError(f"{folder}: no split train; found {', '.join(dataset)}")
        dataset = dataset["train"]
    return _lay_out(_Arrow(dataset), columns, corpus, folder)


def open_parquet(files: Sequence[Path], columns: Sequence[str], corpus: str) -> tuple[list[dict], Path]:
    """The same for parquet files, read in the order given.

    Raises:
        CorpusError: a file is not parquet, or a column is missing.
    """
    return _lay_out(_Parquet(files), columns, corpus, files[0].parent)


class _Arrow:
    def __init__(self, dataset):
        self.columns = dataset.column_names
        self.fingerprint = dataset._fingerprint  # changes with the content; kept by save_to_disk
        if "audio" in self.columns:
            dataset = dataset.cast_column("audio", _import("datasets").Audio(decode=False))
        self._dataset = dataset

    def rows(self, columns: Sequence[str]) -> Iterator[dict]:
        for table in self._dataset.select_columns(list(columns)).with_format("arrow").iter(_BATCH):
            yield from table.to_pylist()


class _Parquet:
    def __init__(self, files: Sequence[Path]):
        parquet = _import("pyarrow.parquet")
        self._files = []
        digest = hashlib.blake2b(digest_size=8)
        for path in files:
            try:
                self._files.append(parquet.ParquetFile(path, memory_map=True))
            except Exception as error:  # Arrow has its own hierarchy
                raise CorpusError(f"{path}: not a parquet file ({first_line(error)})") from error
            stat = path.stat()
            digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        self.columns = self._files[0].schema_arrow.names
        self.fingerprint = digest.hexdigest()

    def rows(self, columns: Sequence[str]) -> Iterator[dict]:
        for file in self._files:
            for batch in file.iter_batches(_BATCH, columns=list(columns)):
                yield from batch.to_pylist()


def _lay_out(source: _Source, columns: Sequence[str], corpus: str, where) -> tuple[list[dict], Path]:
    missing = [c for c in (*columns, "audio") if c not in source.columns]
    if missing:
        raise CorpusError(f"{where}: lacks the column {missing[0]}; found {', '.join(source.columns)}")
    rows = list(source.rows(columns))
    samples = cache_root() / "corpora" / f"{corpus}-{_digest(source.fingerprint, rows)}" / "samples"
    wanted = {plain_name(row["file_id"], where) for row in rows}
    absent = wanted - {p.name for p in samples.glob("*")}  # each file was renamed into place: there is whole
    if absent:
        for row in source.rows(("file_id", "audio")):
            name = plain_name(row["file_id"], where)
            if name in absent:
                write_bytes(samples / name, _content(row["audio"], f"{where}: {name}"))
    return rows, samples


def _digest(fingerprint: str, rows: list[dict]) -> str:
    """Hexadecimal name for the cache folder; `fingerprint` comes from a file and may hold anything."""
    return hashlib.blake2b(json.dumps([fingerprint, rows]).encode(), digest_size=8).hexdigest()


def _content(audio: dict | None, where: str) -> bytes:
    audio = audio or {}
    if audio.get("bytes"):
        return audio["bytes"]
    if audio.get("path") and Path(audio["path"]).is_file():  # saved from local files, not embedded
        return Path(audio["path"]).read_bytes()
    raise CorpusError(f"{where}: the data set holds no audio for it; download or save it again")


def _import(module: str):
    with needed("reading a Hugging Face data set", "train"):
        return importlib.import_module(module)
