"""nEMO: nine Polish actors, six emotions (Christop, LREC-COLING 2024), from any of its published forms."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from tembr.corpora import hub
from tembr.corpora.corpus import Corpus, CorpusInfo, Utterance, number, require_unique
from tembr.corpora.materialize import plain_name
from tembr.errors import CorpusError

COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")
"""Columns read, the same in every form."""


def load(source: str | Path | None = None) -> Corpus:
    """Read nEMO; all forms give the same table of the same recordings.

    Args:
        source: a folder with `data.tsv` and `samples/` (the GitHub layout); a folder written by
            `datasets.save_to_disk`; a folder of parquet files; the name of a data set on the Hugging Face
            hub; or None for the publisher's, `INFO.hub`. Audio inside a data set is laid out once in the cache.

    Returns:
        4,481 utterances when complete, in the publisher's order. A recording that `data.tsv` lists and
        `samples/` lacks is kept; `describe` reports it.

    Raises:
        CorpusError: the source is none of these, lacks a column, or cannot be reached.
    """
    folder = Path(source) if source is not None else None
    if folder is not None and folder.exists():
        rows, samples = _open_folder(folder)
    elif source is None or hub.is_hub_name(source):
        rows, samples = hub.open_hub(str(source or INFO.hub), COLUMNS, INFO.name)
    else:
        raise CorpusError(f"nemo: no such folder: {folder}; clone https://github.com/amu-cai/nEMO there")
    utterances = tuple(_utterance(row, samples, source or INFO.hub) for row in rows)
    return require_unique(INFO.corpus(utterances))


def _open_folder(folder: Path) -> tuple[Iterable[Mapping], Path]:
    if (folder / "data.tsv").is_file():
        return _read_table(folder / "data.tsv"), folder / "samples"
    if hub.is_saved(folder):
        return hub.open_saved(folder, COLUMNS, INFO.name)
    files = sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
    if files:
        return hub.open_parquet(files, COLUMNS, INFO.name)
    raise CorpusError(
        f"{folder}: not nEMO; looked for data.tsv with samples/ (GitHub), dataset_info.json or "
        "dataset_dict.json (save_to_disk), and *.parquet (Hugging Face); name the folder that has one of them"
    )


def _read_table(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            rows = [row for row in reader if any(row.values())]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path}: not a UTF-8 table ({error}); take it from the publisher again") from error
    missing = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
    if missing:
        raise CorpusError(f"{path}: lacks the column {missing[0]}; found {', '.join(reader.fieldnames or ())}")
    return rows


def _utterance(row: Mapping, samples: Path, source: str | Path) -> Utterance:
    name = plain_name(row["file_id"] or "", source)
    return Utterance(
        file=name,
        path=samples / name,
        emotion=_text(row["emotion"]),
        speaker=_text(row["speaker_id"]),  # the published table has eight spaces before it
        gender=_text(row["gender"]),
        age=number(row["age"], "age", f"{source}: {name}"),
        text=_text(row["raw_text"]),
    )


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


INFO = CorpusInfo(
    name="nemo",
    load=load,
    title="nEMO",
    about="nine Polish actors",
    licence="CC BY-NC-SA 4.0",
    languages=("pl",),
    hub="amu-cai/nEMO",
    recordings=4_481,
    speakers=9,
    voices="nEMO's are Polish actors who speak short, phonetically rich sentences in a quiet room.",
    citation='Christop, "nEMO: Dataset of Emotional Speech in Polish", LREC-COLING 2024',
)
