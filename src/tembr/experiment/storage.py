"""Where Optuna keeps the trials of a search, so that processes and machines share it and none is lost with another."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tembr.errors import StoreError, TembrError
from tembr.extras import require

LOCK_SECONDS = 60  # that a process waits for another's writing to an SQLite file
BEAT_SECONDS = 10  # between two signs of life of a worker
SILENT_SECONDS = 60  # without one, after which a worker is taken for dead
RETRIES = 2  # of a trial whose worker died: it may be what kills them

JOURNAL = "journal:"
_BEAT = "tembr:beat"


@contextmanager
def open_storage(url: str, one_machine: bool = False, beating: bool = False) -> Iterator[BaseStorage]:
    """Optuna's storage at `url`; several processes may open the same one, also for the first time.

    Args:
        url: of a database, as SQLAlchemy has it, or 'journal:PATH' for a file on a disk that all machines see.
        one_machine: an SQLite file that no other machine opens: written ahead, without a wait for the disk at every
            step.
        beating: `study.optimize` gives a sign of life while a trial runs; trials of workers that died are tried again.

    Raises:
        StoreError: it cannot be opened or written.
    """
    with explained(ImportError), quietly():
        storage = _journal(url) if url.startswith(JOURNAL) else _patiently(lambda: _database(url, beating))
        if one_machine:
            _write_ahead(storage)
    with quietly():
        yield storage
    storage.remove_session()
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


class BeatingJournal(JournalStorage, BaseHeartbeat):
    """Optuna's journal with the heartbeat that its databases have.

    Signs of life are the time of day of the worker's machine: clocks have to agree to within `SILENT_SECONDS`.
    """

    def record_heartbeat(self, trial_id: int) -> None:
        with suppress(UpdateFinishedTrialError):  # taken for dead in a long sleep; `study.optimize` will find out
            self.set_trial_system_attr(trial_id, _BEAT, time.time())

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        latest = time.time() - SILENT_SECONDS
        running = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
        return [trial._trial_id for trial in running if _last_beat(trial) < latest]

    def get_heartbeat_interval(self) -> int:
        return BEAT_SECONDS

    def get_heartbeat_stale_trial_callback(self) -> Callable:
        return RetryHeartbeatStaleTrialCallback(RETRIES)


@contextmanager
def quietly() -> Iterator[None]:
    """Optuna's own messages, and what it says of experimental parts, are not the user's to act on."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def explained(*more: type[Exception]) -> Iterator[None]:
    """Optuna's and SQLAlchemy's errors, and `more`, as one line that says what to do."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError, *more) as error:
        if isinstance(error, TembrError):
            raise
        reason = " ".join(str(error.__cause__ or error).split())[:200]
        raise StoreError(
            f"the search's storage cannot be used ({reason}); check --storage and the space on its disk, or remove a "
            "damaged search.db"
        ) from error


def _last_beat(trial: optuna.trial.FrozenTrial) -> float:
    """A trial that is tried again brings the beats of its first try with it; only later ones are its own."""
    return max(trial.system_attrs.get(_BEAT, 0.0), trial.datetime_start.timestamp())


def _journal(url: str) -> JournalStorage:
    path = url.removeprefix(JOURNAL)
    path = path.removeprefix("//") if path.startswith("///") else path
    try:
        return BeatingJournal(JournalFileBackend(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"--storage {url}: no journal of Optuna's can be kept there ({error}); name another"
        ) from error


def _database(url: str, beating: bool) -> RDBStorage:
    if url.startswith("postgresql://"):
        require(f"--storage {url.partition('://')[0]}", "postgresql", "psycopg")
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    options = {"connect_args": {"timeout": LOCK_SECONDS}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    if not beating:
        return RDBStorage(url, engine_kwargs=options)
    return RDBStorage(
        url,
        engine_kwargs=options,
        heartbeat_interval=BEAT_SECONDS,
        grace_period=SILENT_SECONDS,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(RETRIES),
    )


def _write_ahead(storage: RDBStorage) -> None:
    from sqlalchemy import event

    def on_connect(connection, _) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(storage.engine, "connect", on_connect)
    storage.remove_session()
    storage.engine.dispose()


def _patiently(make: Callable[[], RDBStorage], attempts: int = 5) -> RDBStorage:
    """Two processes that create the same tables at once: the second finds them at its next attempt."""
    from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

    for left in reversed(range(attempts)):
        try:
            return make()
        except (OperationalError, IntegrityError, ProgrammingError) as error:
            if not left or "already exists" not in str(error):
                raise
            time.sleep(0.2)
    raise AssertionError("unreachable")
