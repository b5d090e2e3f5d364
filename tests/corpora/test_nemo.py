"""nEMO in each of its published forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.command import tembr_here

from tembr.corpora import hub, nemo
from tembr.errors import CorpusError, MissingExtraError

HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage"
ROWS = [
    ("SB0_anger_1.wav", "anger", 'Dziś jest „środa”, "tak".', "dziś jest środa tak", "SB0", "female", 24),
    ("AB0_fear_2.wav", "fear", "Żółw.", "żółw", "AB0", "male", 30),
    ("AB0_neutral_3.wav", "neutral", "Nie", "nie", "AB0", "male", 30),
]


@pytest.fixture
def github(tmp_path, tone):
    """The GitHub layout, with the eight spaces before the speaker."""
    folder = tmp_path / "github"
    for i, (file, *_) in enumerate(ROWS):
        tone(folder / "samples" / file, rate=24_000, hertz=200 * (i + 1))
    lines = ["\t".join([f, e, raw, norm, " " * 8 + who, g, str(a)]) for f, e, raw, norm, who, g, a in ROWS]
    (folder / "data.tsv").write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def dataset(github):
    """The same rows as the hub has them."""
    datasets = pytest.importorskip("datasets")
    columns = [*HEADER.split("\t")]
    table = {c: [row[i] for row in ROWS] for i, c in enumerate(columns)}
    table["audio"] = [{"bytes": (github / "samples" / f).read_bytes(), "path": f} for f in table["file_id"]]
    return datasets.Dataset.from_dict(table).cast_column("audio", datasets.Audio(decode=False))


def _table(corpus):
    return [replace(u, path=None) for u in corpus.utterances]


def _audio(corpus):
    return [u.path.read_bytes() for u in corpus.utterances]


@pytest.fixture(params=["save_to_disk", "dictionary of splits", "parquet", "hub"])
def other_form(request, dataset, tmp_path, monkeypatch):
    """What to give `nemo.load` for each of the Hugging Face forms."""
    import datasets

    folder = tmp_path / "form"
    if request.param == "save_to_disk":
        dataset.save_to_disk(str(folder))
    elif request.param == "dictionary of splits":
        datasets.DatasetDict({"train": dataset}).save_to_disk(str(folder))
    elif request.param == "parquet":
        (folder / "data").mkdir(parents=True)
        for i in range(2):
            dataset.shard(2, i).to_parquet(str(folder / "data" / f"train-0000{i}-of-00002.parquet"))
    else:
        monkeypatch.setattr(datasets, "load_dataset", lambda name, split: {nemo.INFO.hub: dataset}[name])
        return nemo.INFO.hub
    return folder


def test_speaker_loses_its_leading_spaces(github):
    assert nemo.load(github).speakers == ("AB0", "SB0")


def test_rows_keep_the_publishers_order_and_words(github):
    first = nemo.load(github).utterances[0]
    assert (first.file, first.emotion, first.text, first.age) == (
        "SB0_anger_1.wav",
        "anger",
        ROWS[0][2],
        24.0,
    )


def test_every_form_gives_the_same_table(github, other_form):
    assert _table(nemo.load(other_form)) == _table(nemo.load(github))


def test_every_form_gives_the_same_audio(github, other_form):
    assert _audio(nemo.load(other_form)) == _audio(nemo.load(github))


def test_interrupted_materialisation_is_completed(dataset, tmp_path):
    dataset.save_to_disk(str(tmp_path / "saved"))
    first = nemo.load(tmp_path / "saved").utterances
    kept = first[0].path.stat().st_mtime_ns
    first[1].path.unlink()
    nemo.load(tmp_path / "saved")
    assert first[1].path.is_file() and first[0].path.stat().st_mtime_ns == kept


def test_audio_saved_as_paths_is_read_from_them(github, dataset, tmp_path):
    import datasets

    paths = [str(github / "samples" / row[0]) for row in ROWS]
    by_path = dataset.remove_columns("audio").add_column("audio", paths).cast_column("audio", datasets.Audio())
    by_path.save_to_disk(str(tmp_path / "saved"))
    assert _audio(nemo.load(tmp_path / "saved")) == _audio(nemo.load(github))


def test_a_data_set_without_a_column_is_refused(dataset, tmp_path):
    dataset.remove_columns("emotion").save_to_disk(str(tmp_path / "saved"))
    with pytest.raises(CorpusError, match="lacks the column emotion; found file_id"):
        nemo.load(tmp_path / "saved")


def test_unreachable_hub_is_one_line_that_says_what_to_do(monkeypatch):
    datasets = pytest.importorskip("datasets")

    def unreachable(name, split):
        raise ConnectionError(f"Couldn't reach {name!r} on the Hub\nTraceback of a library")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(CorpusError, match=r"^some/where: neither a folder.*Couldn't reach[^\n]*network[^\n]*$"):
        nemo.load("some/where")


@pytest.mark.parametrize(
    "source", [Path("corpora/nemo"), "./corpora/nemo", "/corpora/nemo", "a/b/nemo", "nemo", "here/x"]
)
def test_what_looks_like_a_path_is_not_asked_of_the_hub(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.setattr(hub, "open_hub", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(CorpusError, match="no such folder"):
        nemo.load(source)


@pytest.mark.parametrize(("source", "asked"), [(None, "amu-cai/nEMO"), ("someone/nEMO", "someone/nEMO")])
def test_the_hub_is_asked_for_a_name_of_the_hub(source, asked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = []
    monkeypatch.setattr(hub, "open_hub", lambda name, *_: names.append(name) or ([], tmp_path))
    nemo.load(source)
    assert names == [asked]


def test_a_study_told_where_the_corpora_lie_asks_for_folders_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "open_hub", lambda *_: pytest.fail("the hub was asked"))
    done = tembr_here(
        capsys, "study", "--corpus", "nemo", "--config", "classic", "--corpora", "corpora", "--out", "out", "-q"
    )
    assert done.status == 1 and done.one_line_error and "no such folder" in done.err and "corpora/nemo" in done.err


def test_hub_without_the_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"needs datasets; .*--extra train"):
        nemo.load("some/where")


def test_recording_listed_but_absent_is_no_error(github):
    (github / "samples" / ROWS[0][0]).unlink()
    assert len(nemo.load(github)) == 3


@pytest.mark.parametrize("name", ["../x.wav", "a/b.wav", "a\\b.wav", "..", ""])
def test_file_name_that_leaves_the_folder_is_refused(github, name):
    text = (github / "data.tsv").read_text(encoding="utf-8").replace(ROWS[1][0], name)
    (github / "data.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match="is not a plain name"):
        nemo.load(github)


def test_recording_listed_twice_is_refused(github):
    with (github / "data.tsv").open("a", encoding="utf-8") as file:
        file.write("AB0_fear_2.wav\tanger\tx\tx\tAB0\tmale\t30\n")
    with pytest.raises(CorpusError, match=r"AB0_fear_2\.wav from 0 s is listed 2 times"):
        nemo.load(github)


def test_table_without_a_column_is_refused(github):
    text = (github / "data.tsv").read_text(encoding="utf-8").replace("emotion", "feeling", 1)
    (github / "data.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"data\.tsv: lacks the column emotion; found file_id, feeling"):
        nemo.load(github)


def test_folder_of_another_kind_says_what_was_looked_for(tmp_path):
    with pytest.raises(CorpusError, match=r"data\.tsv with samples/.*save_to_disk.*parquet"):
        nemo.load(tmp_path)


def test_missing_folder_says_where_to_get_the_corpus(tmp_path):
    with pytest.raises(CorpusError, match="no such folder.*github.com/amu-cai/nEMO"):
        nemo.load(tmp_path / "nowhere")


def test_mistyped_folder_in_an_existing_one_is_not_sought_on_the_hub(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CorpusError, match="no such folder: data.nope"):
        nemo.load("data/nope")
