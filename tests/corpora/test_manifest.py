"""Tables of one's own recordings, and folders per emotion."""

from __future__ import annotations

import json

import pytest

from tembr.corpora import load_folder, load_manifest
from tembr.errors import CorpusError


@pytest.fixture
def table(tmp_path):
    def write(text, name="own.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return write


FULL = {
    "file": "a/one.wav",
    "emotion": "złość",
    "speaker": "S1",
    "gender": "female",
    "age": "31",
    "start": "0.5",
    "end": "2",
    "text": "Dzień dobry.",
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.csv", ",".join(FULL) + "\n" + ",".join(FULL.values())),
        ("own.csv", ";".join(FULL) + "\r\n" + ";".join(FULL.values())),
        ("own.tsv", "\t".join(FULL) + "\n" + "\t".join(FULL.values())),
        ("own.jsonl", json.dumps(FULL)),
        ("own.jsonl", json.dumps(FULL | {"age": 31, "start": 0.5, "end": 2}, ensure_ascii=False)),
    ],
    ids=["comma", "semicolon", "tab", "json", "json with numbers"],
)
def test_every_kind_of_table_gives_the_same_utterance(table, name, text):
    spoken = load_manifest(table(text, name)).utterances[0]
    row = {column: getattr(spoken, column) for column in FULL}
    assert row == FULL | {"age": 31.0, "start": 0.5, "end": 2.0}


def test_byte_order_mark_is_tolerated(table):
    path = table("file,emotion\na.wav,fear\n", encoding="utf-8-sig")
    assert load_manifest(path).utterances[0].file == "a.wav"


def test_relative_files_are_found_from_the_table(table, tmp_path):
    path = table("file,emotion\nb/a.wav,fear\n")
    assert load_manifest(path).utterances[0].path == tmp_path / "b" / "a.wav"


def test_absolute_file_inside_the_folder_is_named_relative_to_it(table, tmp_path):
    path = table(f"file,emotion\n{tmp_path}/b/a.wav,fear\n")
    assert load_manifest(path).utterances[0].file == "b/a.wav"


def test_unknown_optional_columns_are_empty(table):
    spoken = load_manifest(table("file,emotion\na.wav,fear\n")).utterances[0]
    assert (spoken.speaker, spoken.gender, spoken.age, spoken.end, spoken.text) == ("", "", None, None, "")


def test_other_column_names_are_mapped(table):
    path = table("path,label\na.wav,fear\n")
    assert load_manifest(path, {"file": "path", "emotion": "label"}).utterances[0].emotion == "fear"


def test_several_parts_of_one_file_are_several_utterances(table):
    path = table("file,emotion,start,end\na.wav,fear,0,1\na.wav,anger,1,2\n")
    assert [u.key for u in load_manifest(path).utterances] == ["a.wav@0", "a.wav@1"]


def test_quoted_cell_keeps_its_comma(table):
    path = table('file,emotion,text\na.wav,fear,"Tak, wiem"\n')
    assert load_manifest(path).utterances[0].text == "Tak, wiem"


@pytest.mark.parametrize("outside", ["../x.wav", "a/../../x.wav", "/etc/x.wav"])
def test_file_outside_the_folder_is_refused_with_its_row(table, outside):
    with pytest.raises(CorpusError, match=r"own\.csv, row 3: .*x\.wav lies outside.*--allow-outside"):
        load_manifest(table(f"file,emotion\na.wav,fear\n{outside},fear\n"))


def test_file_outside_the_folder_can_be_allowed(table, tmp_path):
    corpus = load_manifest(table("file,emotion\n../x.wav,fear\n"), allow_outside=True)
    assert corpus.utterances[0].path == tmp_path.parent / "x.wav"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,emotoin\na.wav,fear\n", "no column 'emotion'; did you mean 'emotoin'.*found file, emotoin"),
        ("file\temotion\na.wav\tfear\n", "separated by tabs; call the table own.tsv"),
        ("file,emotion\na.wav,\n", "row 2: emotion is empty"),
        ("file,emotion\n,fear\n", "row 2: file is empty"),
        ("file,emotion,age\na.wav,fear,old\n", "row 2: age 'old' is not a number"),
        ("file,emotion,start\na.wav,fear,nan\n", "row 2: start 'nan' is not a number"),
        ("file,emotion,start\na.wav,fear,-1\n", "row 2: start -1 is before"),
        ("file,emotion,start,end\na.wav,fear,2,1\n", "row 2: end 1 is not after start 2"),
        ("file,emotion\na.wav,fear\na.wav,anger\n", "row 3: a.wav from 0 s is already in row 2"),
        ("file,emotion\na.wav,fear,more\n", "row 2: more cells than columns"),
        ("file,emotion\n", "no rows"),
        ("", "no rows"),
    ],
)
def test_faulty_table_is_refused_with_the_reason(table, text, message):
    with pytest.raises(CorpusError, match=message):
        load_manifest(table(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"file": "a.wav"}', "row 1: no column 'emotion'"),
        ('{"file": "a.wav", "emotion": "fear"}\n[1]', "row 2: not a JSON object"),
        ('{"file": ', "row 1: not JSON"),
        ('{"file": "a.wav", "emotion": "fear", "age": NaN}', "age 'nan' is not a number"),
    ],
)
def test_faulty_json_lines_are_refused_with_the_row(table, text, message):
    with pytest.raises(CorpusError, match=message):
        load_manifest(table(text, "own.jsonl"))


def test_mapped_optional_column_must_exist(table):
    with pytest.raises(CorpusError, match="no column 'who'"):
        load_manifest(table("file,emotion\na.wav,fear\n"), {"speaker": "who"})


def test_mapping_of_an_unknown_field_names_the_nearest(table):
    with pytest.raises(CorpusError, match="no field 'emotoin'.*did you mean 'emotion'"):
        load_manifest(table("file,emotion\na.wav,fear\n"), {"emotoin": "label"})


def test_table_in_another_encoding_is_refused(table):
    with pytest.raises(CorpusError, match="not UTF-8"):
        load_manifest(table("file,emotion\na.wav,złość\n", encoding="cp1250"))


def test_table_of_another_kind_is_refused(table):
    with pytest.raises(CorpusError, match=r"name it \.csv"):
        load_manifest(table("", "own.xlsx"))


def test_missing_table_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"none\.csv: no such table"):
        load_manifest(tmp_path / "none.csv")


def test_sub_folder_is_the_label(tmp_path, tone):
    tone(tmp_path / "fear" / "a.wav"), tone(tmp_path / "anger" / "deep" / "b.wav")
    found = [(u.file, u.emotion) for u in load_folder(tmp_path).utterances]
    assert found == [("anger/deep/b.wav", "anger"), ("fear/a.wav", "fear")]


def test_folder_without_sub_folders_is_refused(tmp_path, tone):
    tone(tmp_path / "a.wav")
    with pytest.raises(CorpusError, match="one sub-folder per emotion"):
        load_folder(tmp_path)
