"""Data sets in the Hugging Face formats, without the hub and without its library."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import pyarrow
import pyarrow.parquet
import pytest

from tembr.corpora.hub import is_hub_name, is_saved, open_parquet, open_saved
from tembr.errors import CorpusError
from tembr.files import cache_root

COLUMNS = ("file_id", "emotion")


@pytest.fixture
def parquet(tmp_path):
    """Write rows of name, emotion and audio as a parquet file."""

    def write(*rows, name: str = "train.parquet"):
        table = [dict(zip(("file_id", "emotion", "audio"), row)) for row in rows]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def saved(monkeypatch):
    """Let `datasets.load_from_disk` do something else."""

    class DatasetDict(dict):
        pass

    def put(load):
        fake = SimpleNamespace(load_from_disk=lambda folder: load(DatasetDict), DatasetDict=DatasetDict)
        monkeypatch.setitem(sys.modules, "datasets", fake)

    return put


@pytest.mark.parametrize("name", ["amu-cai/nEMO", "a/b.c-d_e"])
def test_owner_and_name_are_of_the_hub_unless_something_lies_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_hub_name(name)
    (tmp_path / name.partition("/")[0]).mkdir()
    assert not is_hub_name(name)


@pytest.mark.parametrize("name", ["nEMO", "a/b/c", "/a/b", "./a", "a/", "-a/b"])
def test_any_other_text_is_a_path(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_hub_name(name)


@pytest.mark.parametrize(("file", "answer"), [("state.json", True), ("dataset_dict.json", True), ("info.json", False)])
def test_a_saved_data_set_is_known_by_its_state(tmp_path, file, answer):
    (tmp_path / file).touch()
    assert is_saved(tmp_path) is answer


def test_rows_come_without_audio_which_lies_in_the_cache(parquet):
    rows = [("a.wav", "fear", {"bytes": b"A", "path": None}), ("b.wav", "anger", {"bytes": b"B", "path": None})]
    files = [parquet(row, name=f"{number}.parquet") for number, row in enumerate(rows)]
    found, samples = open_parquet(files, COLUMNS, "mine")
    assert found == [{"file_id": "a.wav", "emotion": "fear"}, {"file_id": "b.wav", "emotion": "anger"}]
    assert {path.name: path.read_bytes() for path in samples.iterdir()} == {"a.wav": b"A", "b.wav": b"B"}
    assert samples.parent.parent == cache_root() / "corpora" and samples.parent.name.startswith("mine-")


def test_other_labels_are_another_folder_even_in_a_file_of_the_same_size_and_time(parquet):
    folders = set()
    for emotion in ("sad", "joy"):
        path = parquet(("a.wav", emotion, {"bytes": b"A", "path": None}))
        os.utime(path, (0, 0))
        folders.add(open_parquet([path], COLUMNS, "mine")[1])
    assert len(folders) == 2


@pytest.mark.parametrize("audio", [{"bytes": None, "path": "/nowhere/a.wav"}, {"bytes": b"", "path": None}])
def test_a_row_without_audio_is_named(parquet, audio):
    with pytest.raises(CorpusError, match=r": a.wav: the data set holds no audio for it; download or save it again"):
        open_parquet([parquet(("a.wav", "fear", audio))], COLUMNS, "mine")


def test_a_name_that_leaves_the_folder_is_refused(parquet):
    with pytest.raises(CorpusError, match=r"'\.\./a.wav' is not a plain name"):
        open_parquet([parquet(("../a.wav", "fear", {"bytes": b"A", "path": None}))], COLUMNS, "mine")


def test_a_missing_column_is_named_beside_those_that_are_there(parquet):
    with pytest.raises(CorpusError, match="lacks the column age; found file_id, emotion, audio"):
        open_parquet([parquet(("a.wav", "fear", {"bytes": b"A", "path": None}))], (*COLUMNS, "age"), "mine")


def test_what_is_no_parquet_is_named(tmp_path):
    (tmp_path / "train.parquet").write_text("no table")
    with pytest.raises(CorpusError, match=r"train.parquet: not a parquet file \(.*\)$"):
        open_parquet([tmp_path / "train.parquet"], COLUMNS, "mine")


def test_a_damaged_saved_data_set_is_one_line(tmp_path, saved):
    def load(kind):
        raise ValueError("bad magic\nmany more lines")

    saved(load)
    with pytest.raises(CorpusError, match=r"a damaged saved data set \(bad magic\); save it again$"):
        open_saved(tmp_path, COLUMNS, "mine")


def test_splits_without_train_are_listed(tmp_path, saved):
    saved(lambda kind: kind(test=1, validation=2))
    with pytest.raises(CorpusError, match="no split train; found test, validation$"):
        open_saved(tmp_path, COLUMNS, "mine")
