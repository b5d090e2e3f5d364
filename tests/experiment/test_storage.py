"""Where trials are kept: each kind of storage, what it says when it cannot be used, who is taken for dead."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import optuna
import pytest
from optuna.trial import TrialState

from tembr.errors import MissingExtraError, StoreError
from tembr.experiment import storage as storage_module
from tembr.experiment.storage import open_storage
from tests.experiment.spaces import STORAGES


@pytest.mark.parametrize("url", ["nothing://here", "sqlite:////no/such/folder/x.db", "not a url"])
def test_a_storage_that_cannot_be_opened_is_one_line(url):
    with pytest.raises(StoreError, match="check --storage") as error, open_storage(url):
        pass
    assert "\n" not in str(error.value)


def test_a_damaged_storage_is_one_line(tmp_path):
    (tmp_path / "search.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="remove a damaged search.db"), open_storage(f"sqlite:///{tmp_path}/search.db"):
        pass


@pytest.mark.parametrize("content", [b"no journal\nat all\n", b"[]\n[]\n", None])
def test_what_is_no_journal_is_one_line(tmp_path, content):
    path = tmp_path / "search.journal"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(StoreError, match=f"--storage journal:{path}") as error, open_storage(f"journal:{path}"):
        pass
    assert "\n" not in str(error.value)


def test_a_missing_driver_comes_with_the_command_that_adds_it(monkeypatch):
    monkeypatch.setattr("tembr.extras.find_spec", lambda package: None)
    said = "--storage postgresql needs psycopg; .*--extra postgresql"
    with pytest.raises(MissingExtraError, match=said), open_storage("postgresql://localhost/search"):
        pass


@pytest.mark.parametrize("path", ["journal:{}/a.journal", "journal://{}/a.journal"])
def test_a_journal_may_be_written_as_a_url(tmp_path, path):
    with open_storage(path.format(tmp_path)) as storage:
        optuna.create_study(storage=storage)
    assert (tmp_path / "a.journal").stat().st_size


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_of_a_worker_that_died_is_tried_again_but_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(storage_module, "SILENT_SECONDS", 1)
    monkeypatch.setattr(storage_module, "RETRIES", 1)
    urls, name = [url.format(tmp_path) for url in STORAGES], uuid4().hex
    for _ in range(2):  # as many workers, each of which begins a trial and falls silent
        for url in urls:
            with open_storage(url, beating=True) as storage:
                study = optuna.create_study(study_name=name, storage=storage, load_if_exists=True)
                optuna.storages.fail_stale_trials(study)
                trial = study.ask()
                trial.suggest_float("x", 0.25, 0.5)
                if hasattr(storage, "record_heartbeat"):
                    storage.record_heartbeat(trial._trial_id)
        time.sleep(2.1)
    for url in urls:
        with open_storage(url, beating=True) as storage:
            study = optuna.load_study(study_name=name, storage=storage)
            optuna.storages.fail_stale_trials(study)
            states = [trial.state for trial in study.trials]
        first = study.trials[0].params["x"]
        assert states.count(TrialState.RUNNING) == 0, url
        assert [trial.params["x"] for trial in study.trials].count(first) == 2, url
        assert TrialState.COMPLETE not in states, url


def test_a_worker_that_lives_keeps_its_trial(tmp_path, monkeypatch):
    monkeypatch.setattr(storage_module, "SILENT_SECONDS", 2)
    monkeypatch.setattr(storage_module, "BEAT_SECONDS", 1)

    def states(url: str) -> list[TrialState]:
        def slow(trial):
            for _ in range(8):
                time.sleep(0.5)
                optuna.storages.fail_stale_trials(study)
            return 1.0

        with open_storage(url.format(tmp_path), beating=True) as storage:
            study = optuna.create_study(storage=storage)
            study.optimize(slow, n_trials=1)
            return [trial.state for trial in study.trials]

    with ThreadPoolExecutor() as workers:
        assert list(workers.map(states, STORAGES)) == [[TrialState.COMPLETE]] * len(STORAGES)
