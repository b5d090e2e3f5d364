"""The registry, labels, and the real corpora where they are at hand."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.command import tembr_here

from tembr.corpora import COLUMNS, CORPORA, Corpus, Utterance, load_corpus, settle_labels, write_table
from tembr.errors import CorpusError

HEAVY = ("pandas", "torch", "sklearn", "librosa", "datasets", "pyarrow")


@pytest.fixture
def folder(tmp_path, tone):
    tone(tmp_path / "Angry" / "a.wav"), tone(tmp_path / "boredom" / "b.wav")
    return tmp_path


def test_importing_the_room_imports_nothing_heavy():
    code = f"import sys, tembr.corpora, tembr.corpora.describe; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_unknown_corpus_names_the_nearest():
    with pytest.raises(CorpusError, match="no corpus named 'nemmo'; did you mean nemo"):
        load_corpus("nemmo")


@pytest.mark.parametrize("name", [name for name, info in CORPORA.items() if info.obtain])
def test_corpus_without_a_source_says_what_to_do(name):
    with pytest.raises(CorpusError, match=f"^{name}: needs its source; .* --corpus-dir"):
        load_corpus(name)


@pytest.mark.parametrize("name", [n for n in CORPORA if n != "demo"])
def test_missing_source_is_named(name, tmp_path):
    with pytest.raises(CorpusError, match="nowhere"):
        load_corpus(name, tmp_path / "nowhere")


def test_labels_outside_the_six_are_an_error_by_default(folder):
    with pytest.raises(CorpusError, match=r"boredom \(1\).*--unmapped drop"):
        load_corpus("folder", folder)


def test_labels_outside_the_six_can_be_dropped(folder):
    assert load_corpus("folder", folder, unmapped="drop").labels == ("anger",)


def test_labels_outside_the_six_can_be_kept(folder):
    assert load_corpus("folder", folder, unmapped="keep").labels == ("anger", "boredom")


def test_no_usable_label_is_an_error(tmp_path):
    with pytest.raises(CorpusError, match="no recording with a usable label"):
        settle_labels(Corpus("c", (Utterance("a", tmp_path, "boredom"),)), "drop")


def test_columns_and_outside_files_reach_the_manifest(tmp_path):
    (tmp_path / "own.csv").write_text("file,label\n../a.wav,happy\n")
    corpus = load_corpus("manifest", tmp_path / "own.csv", columns={"emotion": "label"}, allow_outside=True)
    assert corpus.labels == ("happiness",)


def test_table_has_its_columns_and_empty_cells_for_the_unknown(tmp_path):
    spoken = Utterance("a.wav", tmp_path, "fear", "S1", "male", None, "Tak, wiem", 0.5)
    write_table(Corpus("c", (spoken,)), tmp_path / "t.csv")
    expected = [",".join(COLUMNS), 'a.wav,0.5,,S1,male,,fear,"Tak, wiem"']
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines() == expected


@pytest.mark.parametrize(
    ("name", "count", "speakers"),
    [("nemo", 3401, 7), ("ravdess", 1440, 24), ("emodb", 535, 10), ("ased", 2474, 65)],
)
def test_real_corpus_is_complete(corpora_dir, name, count, speakers):
    corpus = load_corpus(name, corpora_dir / name, unmapped="keep")
    assert (len(corpus), len(corpus.speakers)) == (count, speakers)
    info = CORPORA[name]
    assert (corpus.name, corpus.licence) == (name, info.licence)
    if name != "nemo":  # two of its speakers are not among the recordings here
        assert (info.recordings, info.speakers) == (count, speakers)


def test_every_published_corpus_states_what_a_card_needs():
    for info in CORPORA.values():
        if info.recordings:
            assert info.title and info.licence and info.languages and info.voices and info.citation


def test_list_shows_every_corpus_and_how_to_have_it(capsys):
    done = tembr_here(capsys, "corpus", "--list")
    paragraphs = {one.splitlines()[0]: one for one in done.out.strip().split("\n\n")}
    assert paragraphs.keys() == CORPORA.keys()
    assert all(info.licence in paragraphs[name] and info.obtain in paragraphs[name] for name, info in CORPORA.items())
    assert "amu-cai/nEMO" in paragraphs["nemo"]


@pytest.mark.parametrize("options", [{"columns": {"emotion": "label"}}, {"allow_outside": True}])
def test_what_is_for_a_manifest_is_refused_elsewhere(tmp_path, options):
    with pytest.raises(CorpusError, match="nemo: has no columns and names no files; --column and --allow-outside"):
        load_corpus("nemo", tmp_path, **options)
