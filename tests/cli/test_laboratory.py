"""Commands of the laboratory: what they ask for and how they end, with nothing trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.command import tembr_here

import tembr.experiment.run
import tembr.show
from tembr.corpora.corpus import Corpus, Utterance
from tembr.experiment.settings import load_settings


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loaded(monkeypatch) -> list:
    """How a corpus was asked for; it has one recording, which is missing."""
    calls = []

    def load_corpus(name, source, **options):
        calls.append((name, source, options))
        return Corpus("mine", (Utterance("a.wav", Path("a.wav"), "fear", "anna"),))

    monkeypatch.setattr("tembr.corpora.load_corpus", load_corpus)
    return calls


def test_a_corpus_is_described_as_it_is_asked_for(capsys, loaded):
    words = "--corpus manifest --corpus-dir own.csv --unmapped drop --column emotion=label --allow-outside --out t.csv"
    done = tembr_here(capsys, "corpus", *words.split(), "--emotion", "rabbia=anger")
    options = {"unmapped": "drop", "emotions": {"rabbia": "anger"}, "columns": {"emotion": "label"}}
    options["allow_outside"] = True
    assert loaded == [("manifest", "own.csv", options)]
    assert "1 utterances, 1 speakers" in done.out and done.err == "table: t.csv\n"
    assert Path("t.csv").read_text().splitlines()[1] == "a.wav,0.0,,anna,,,fear,"


def test_the_table_that_is_read_is_not_written_over(capsys, loaded):
    Path("own.csv").write_text("file,start,end,speaker,gender,age,emotion,text\n")
    done = tembr_here(capsys, "corpus", "--corpus", "manifest", "--corpus-dir", "own.csv", "--out", "own.csv")
    assert done.status == 1 and done.one_line_error and "is what is read" in done.err and not loaded


@pytest.fixture
def studied(monkeypatch) -> list:
    """What studies were asked for; they have no results."""
    calls = []

    def run_study(settings, folder, progress):
        calls.append((settings, folder))
        return SimpleNamespace(results=[])

    monkeypatch.setattr(tembr.experiment.run, "run_study", run_study)
    monkeypatch.setattr("tembr.evaluate.comparison.comparison_markdown", lambda results: f"| member | {len(results)}")
    return calls


def test_a_study_lies_in_runs_by_the_name_of_its_corpus(capsys, studied):
    done = tembr_here(capsys, "study", "--corpus", "emodb", "-q")
    assert studied == [(load_settings(corpus__name="emodb"), Path("runs/emodb"))]
    assert done.out == f"| member | 0\n\n{Path('runs/emodb/comparison.html')}\n"


def test_options_become_settings(capsys, studied):
    words = "--corpus-dir d --auxiliary ravdess --corpora c --member mfcc,svm --protocol random,speaker --unmapped drop"
    words += " --column emotion=label --emotion zdziw=surprised --allow-outside --set train.epochs=5 --out o"
    tembr_here(capsys, "study", "--corpus", "nemo", *words.split(), "-q")
    wanted = load_settings(
        None, ["train.epochs=5"], ["mfcc", "svm"], ["ravdess"], Path("c"), corpus__name="nemo", corpus__folder="d",
        corpus__unmapped="drop", corpus__emotions={"zdziw": "surprised"}, corpus__columns={"emotion": "label"},
        corpus__allow_outside=True,
        protocols=["random", "speaker"],
    )  # fmt: skip
    assert studied == [(wanted, Path("o"))]


def test_studies_are_compared_by_the_names_of_their_folders(capsys, monkeypatch):
    results = {name: [SimpleNamespace(member=name, protocol="random", summary={"corpus": "c"})] for name in "ab"}
    written = []
    monkeypatch.setattr(
        "tembr.experiment.study.Study.read", lambda folder: SimpleNamespace(results=results[folder.name])
    )
    monkeypatch.setattr("tembr.evaluate.comparison.write_comparison", lambda *given: written.append(given))
    monkeypatch.setattr("tembr.evaluate.comparison.comparison_markdown", lambda results: f"{len(results)} members")
    done = tembr_here(capsys, "compare", "runs/b", "runs/a", "--out", "both")
    assert written == [([*results["b"], *results["a"]], Path("both"), "c")]
    assert done.out == f"2 members\n\n{Path('both/comparison.html')}\n"
    results["a"][0].summary["corpus"] = "d"
    done = tembr_here(capsys, "compare", "runs/b", "runs/a", "--out", "both")
    assert done.status == 1 and "studies of different corpora: c, d" in done.err and len(written) == 1


@pytest.fixture
def drawn(monkeypatch) -> list:
    """What pictures were asked for."""
    calls = []
    monkeypatch.setattr(tembr.show, "show", lambda *given, **part: calls.append((*given, part)))
    return calls


def test_a_picture_is_called_after_its_recording(capsys, drawn):
    done = tembr_here(capsys, "show", "calls/monday.flac")
    assert done.out == "monday.representations.png\n"
    settings = load_settings()
    part = {"start": 0.0, "end": None}
    assert drawn == [(Path("calls/monday.flac"), Path(done.out.strip()), settings.features, None, 0, part)]


def test_a_picture_is_drawn_as_it_is_asked_for(capsys, drawn):
    words = "--out b.svg --start 2 --end 5 --augment --seed 3 --set features.n_mels=64"
    tembr_here(capsys, "show", "a.wav", *words.split())
    settings = load_settings(overrides=["features.n_mels=64"])
    part = {"start": 2.0, "end": 5.0}
    assert drawn == [(Path("a.wav"), Path("b.svg"), settings.features, settings.augment, 3, part)]


def test_the_page_of_a_tracked_study_is_mlflows(capsys, monkeypatch):
    Path("mine").mkdir()
    Path("mine/mlflow.db").touch()
    started = []

    def run(words: list[str]) -> SimpleNamespace:
        started.append(words)
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(subprocess, "run", run)
    done = tembr_here(capsys, "track", "mine", "--port", "5001", "--host", "0.0.0.0")
    (words,) = started
    assert done.status == 3 and words[:4] == [sys.executable, "-m", "mlflow", "ui"]
    store = f"sqlite:///{Path('mine/mlflow.db').resolve()}"
    assert words[4:] == ["--backend-store-uri", store, "--host", "0.0.0.0", "--port", "5001"]


def test_a_folder_that_was_not_tracked_has_no_page(capsys, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_: pytest.fail("a server was started"))
    done = tembr_here(capsys, "track", "mine")
    assert done.status == 1 and done.one_line_error and "mine: no mlflow.db there; name the folder" in done.err
