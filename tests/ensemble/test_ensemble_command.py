"""`tembr ensemble` as a user meets it: what it prints, how it goes on, what bad input gets."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from tembr.ensemble import EnsembleFolder
from tembr.experiment.storage import open_storage
from tests.command import tembr_here
from tests.processes import TEMBR, Process

OPTIONS = ("--members", "chroma,rms", "--protocol", "random", "--quiet")


def ensemble(capsys, study: Path, *more: str):
    return tembr_here(capsys, "ensemble", "--study", str(study), *OPTIONS, *more)


def start(study: Path, *more: str) -> Process:
    return Process(TEMBR, "ensemble", "--study", str(study), *OPTIONS, *more)


def trials(database: Path) -> int:
    """Finished trials in a search's storage."""
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return connection.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0]
    except sqlite3.Error:
        return 0


def wait_for_trials(database: Path, count: int, process: Process) -> None:
    while trials(database) < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)


def test_it_prints_the_comparison_and_where_it_lies(capsys, untracked):
    done = ensemble(capsys, untracked, "--trials", "3")
    assert done.status == 0, done.err
    assert done.out.startswith("| member | accuracy, random split |")
    assert "McNemar, corrected for 7 tests" in done.out
    assert done.out.endswith(f"{untracked / 'ensemble'}\n")
    assert done.err == ""


def test_a_killed_search_goes_on_where_it_stopped(
    capsys, study, tmp_path, tracking_store, blank_pictures, two_combiners
):
    """With MLflow on: the trials of the killed process are in its record as well."""
    from mlflow import MlflowClient

    from tembr.experiment.tracking import local_uri

    folder = Path(shutil.copytree(study.folder, tmp_path / "killed", ignore=shutil.ignore_patterns("ens*", "mlflow*")))
    tracking_store(folder)
    process = start(folder, "--trials", "25")
    wait_for_trials(folder / "ensemble" / "search.db", 5, process)
    process.kill()
    process.wait()
    had = trials(folder / "ensemble" / "search.db")
    done = ensemble(capsys, folder, "--trials", "25")
    assert done.status == 0, done.err
    assert 5 <= had < 25
    assert trials(folder / "ensemble" / "search.db") == 25
    assert EnsembleFolder.read(folder / "ensemble").facts.search["trials"] == 25
    client = MlflowClient(tracking_uri=local_uri(folder))
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()], max_results=1_000)
    names = [r.info.run_name for r in runs if r.info.run_name.startswith("trial ") and r.info.status == "FINISHED"]
    assert len(names) == len(set(names)) == 25


def test_two_processes_share_one_search(capsys, untracked, tmp_path):
    database = tmp_path / "shared.db"
    share = ("--storage", f"sqlite:///{database}", "--trials", "30")
    process = start(untracked, *share, "--out", str(tmp_path / "one"))
    wait_for_trials(database, 1, process)
    done = ensemble(capsys, untracked, *share, "--out", str(tmp_path / "other"))
    status, _, errors = process.finished()
    assert (done.status, status) == (0, 0), done.err + errors
    with open_storage(f"sqlite:///{database}") as storage:
        (search,) = storage.get_all_studies()
        assert search.study_name.startswith("random · all · ")
    assert trials(database) in {30, 31}  # both may be in their last trial at once


def test_more_trials_go_on_with_the_same_search(capsys, untracked, two_combiners):
    for count in ("3", "5"):
        assert ensemble(capsys, untracked, "--trials", count).status == 0
    assert trials(untracked / "ensemble" / "search.db") == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--members", "chroma,mfcc"), "no finished mfcc under random; there are chroma, rms; choose with --members"),
        (("--members", "chroma", "--best", "2"), "best 2 of 1 members (chroma); choose fewer"),
        (("--protocol", "kfold"), "no recordings and splits of the kfold protocol"),
        (("--protocol", "kfold"), "--protocol random,speaker,kfold"),
        (("--timeout", "0"), "timeout = 0.0"),
        (("--ship", "speaker", "--members", "chroma", "--protocol", "random"), "--ship speaker: not measured here"),
        (("--members", "chroma", "--protocol", "random", "--storage", "mysql://nobody@nowhere/x"), "check --storage"),
    ],
)
def test_what_cannot_be_done_is_one_line(capsys, untracked, options, message):
    done = tembr_here(capsys, "ensemble", "--study", str(untracked), "--quiet", *options)
    assert done.status == 1
    assert done.one_line_error, done.err
    assert message in done.err


def test_a_missing_member_comes_with_the_command_that_trains_it(capsys, untracked):
    done = tembr_here(capsys, "ensemble", "--study", str(untracked), "--quiet")
    command = f"train: tembr study --config {untracked}/config.toml --out {untracked} --member melspectrogram,mfcc"
    assert command in done.err


def test_no_study_is_said(capsys, tmp_path):
    done = ensemble(capsys, tmp_path)
    assert (done.status, done.one_line_error) == (1, True)
    assert "no study there" in done.err


def test_an_unfinished_member_counts_as_missing(capsys, untracked):
    (untracked / "rms" / "summary.json").unlink()
    done = ensemble(capsys, untracked)
    assert done.one_line_error
    assert "no finished rms under random; there is chroma;" in done.err


def test_lost_logits_are_said(capsys, untracked):
    (untracked / "rms" / "logits.safetensors").unlink()
    done = ensemble(capsys, untracked)
    assert done.one_line_error
    assert f"remove {untracked / 'rms'} and run the study again" in done.err


def test_damaged_logits_are_said(capsys, untracked):
    (untracked / "rms" / "logits.safetensors").write_bytes(b"nothing")
    done = ensemble(capsys, untracked)
    assert done.one_line_error
    assert "missing or damaged" in done.err


def test_logits_that_are_not_numbers_are_said(capsys, untracked):
    from safetensors.numpy import load_file, save_file

    path = untracked / "rms" / "logits.safetensors"
    save_file(
        {name: t * np.float32("nan") if t.dtype == np.float32 else t for name, t in load_file(path).items()}, path
    )
    done = ensemble(capsys, untracked)
    assert done.one_line_error
    assert "gives NaN or infinite logits" in done.err


@pytest.mark.parametrize("options", [("--trials", "0"), ("--best", "0"), ("--l1", "-1"), ("--seed", "x")])
def test_impossible_options_are_a_wrong_command(capsys, untracked, options):
    done = ensemble(capsys, untracked, *options)
    assert done.status == 2
    assert "Traceback" not in done.err


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weights": {}}', '{"weights": {"a": -1}, "temperature": 1}'])
def test_a_damaged_ensemble_is_said(tmp_path, content):
    from tembr.errors import StoreError

    (tmp_path / "ensemble.json").write_text(content)
    with pytest.raises(StoreError, match="damaged.*run `tembr ensemble` again"):
        EnsembleFolder.read(tmp_path)


def test_the_folder_must_be_writable(capsys, untracked, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = ensemble(capsys, untracked, "--trials", "3", "--out", str(tmp_path / "file" / "out"))
    assert (done.status, done.one_line_error) == (1, True)
