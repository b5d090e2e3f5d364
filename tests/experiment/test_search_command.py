"""`tembr search` as a user meets it: help, errors, workers that share a search and workers that die."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from tembr.experiment import storage as storage_module
from tests.command import tembr_here
from tests.experiment.spaces import NETWORK, STORAGES, SVM, write_own_space, write_space
from tests.processes import TEMBR, Process

pytestmark = pytest.mark.usefixtures("blank_pictures")


def table(folder: Path) -> pd.DataFrame:
    path = folder / "trials.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame({"state": []})


def wait_until(reached, process: Process) -> None:
    while not reached():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


def test_help_teaches_with_examples(capsys):
    done = tembr_here(capsys, "search", "--help")
    assert done.status == 0
    for word in (
        "tembr search examples/search.toml",
        "best.toml",
        "postgresql://",
        "choices",
        "log = true",
        "milliseconds",
    ):
        assert word in " ".join(done.out.split())


def test_progress_is_on_stderr_and_the_best_on_stdout(capsys, tmp_path):
    path, out = write_space(tmp_path), tmp_path / "out"
    done = tembr_here(capsys, "search", str(path), "--trials", "2", "--out", str(out))
    assert done.status == 0, done.err
    assert done.out.startswith("trial ") and "members.svm.c=" in done.out
    assert done.out.endswith(f"{out / 'best.toml'}\n{out / 'search.html'}\n")
    assert "its 36 test recordings are never answered" in done.err and "trial 1: val_uar " in done.err
    again = tembr_here(capsys, "search", str(path), "--trials", "2", "--out", str(out), "--quiet")
    assert (again.status, again.out, again.err) == (0, done.out, "")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("members = ['svm']\nspace.members.svm.see = { low = 1, high = 2 }", (), "space.toml: space.members.svm.see"),
        (SVM, ("--storage", "mysql://nobody@nowhere/x"), "check --storage"),
        (SVM, ("--set", "features.windows=1"), "did you mean features.window?"),
        (None, (), "space.toml: cannot be read"),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, tmp_path, text, options, message):
    path = tmp_path / "space.toml" if text is None else write_space(tmp_path, text)
    done = tembr_here(capsys, "search", str(path), "--quiet", "--out", str(tmp_path / "out"), *options)
    assert done.status == 1
    assert done.one_line_error, done.err
    assert message in done.err


def test_nothing_of_others_is_written_over(capsys, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "trials.csv").write_text("mine\n")
    done = tembr_here(capsys, "search", str(write_space(tmp_path)), "--out", str(out))
    assert done.status == 1 and "choose another --out" in done.err
    assert (out / "trials.csv").read_text() == "mine\n"


@pytest.mark.parametrize("url", STORAGES)
def test_a_killed_worker_loses_its_trial_to_another_who_tries_it_again(capsys, tmp_path, monkeypatch, url):
    url, out = url.format(tmp_path), tmp_path / "out"
    text = NETWORK.replace("epochs = 2", "epochs = 40").replace("[space]", '[search]\npruner = "none"\n[space]')
    shared = (str(write_own_space(tmp_path, text)), "--out", str(out), "--storage", url, "--quiet", "--trials", "1")
    process = Process(TEMBR, "search", *shared)
    wait_until(lambda: list(out.glob(".workers/1/*/chroma/last.ckpt")), process)
    process.kill()
    process.wait()
    monkeypatch.setattr(storage_module, "SILENT_SECONDS", 1)
    monkeypatch.setattr("tembr.train.fit.EarlyStopping", _AfterOne)  # the second try need not last
    time.sleep(2.1)
    done = tembr_here(capsys, "search", *shared)
    assert done.status == 0, done.err
    trials = table(out)
    assert list(trials["state"]) == ["fail", "complete"]
    assert trials.loc[0, "train.learning_rate"] == trials.loc[1, "train.learning_rate"]
    assert list(out.glob(".workers/1/[!.]*")) == []


def _AfterOne(*_, **__):
    from lightning.pytorch.callbacks import EarlyStopping

    return EarlyStopping("val_loss", patience=1, divergence_threshold=0.0)


@pytest.mark.parametrize("url", STORAGES)
def test_processes_share_one_search_and_one_folder(capsys, tmp_path, url):
    url, out = url.format(tmp_path), tmp_path / "out"
    shared = (str(write_own_space(tmp_path)), "--out", str(out), "--storage", url, "--quiet")
    process = Process(TEMBR, "search", *shared, "--trials", "12")
    wait_until(lambda: len(table(out)), process)
    done = tembr_here(capsys, "search", *shared, "--trials", "12")
    status, _, errors = process.finished()
    assert (done.status, status) == (0, 0), done.err + errors
    trials = table(out)
    assert set(trials["state"]) == {"complete"} and len(trials) in {12, 13}  # both may be in their last at once
    assert trials["members.svm.c"].is_unique
