"""MLflow's record of a study: a run for the study, one below it for each member, one below that for each fold."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tembr.errors import StoreError, first_line
from tembr.experiment.settings import TrackSettings
from tembr.files import atomic_write, json_bytes

_PARENT = "mlflow.parentRunId"


class Tracker:
    """One MLflow run; `child` opens a run below it. A finished or interrupted study finds its runs again.

    Explicit throughout: no active run, no global tracking URI.
    """

    def __init__(self, client, experiment: str, run: str):
        self._client, self._experiment, self._run = client, experiment, run

    @property
    def run_id(self) -> str:
        return self._run

    def child(self, name: str, marker: Path) -> Tracker:
        """The run `name` below this one; its id is kept in `marker` so that a resumed study goes on with it."""
        with _explained():
            run = _known_run(self._client, marker, self._run)
            if run is None:
                created = self._client.create_run(
                    self._experiment, run_name=name, tags={_PARENT: self._run, "mlflow.runName": name}
                )
                run = created.info.run_id
                _remember(marker, run)
            return Tracker(self._client, self._experiment, run)

    def record(self, name: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """A run `name` below this one that is over at once: what a trial of a search is."""
        from mlflow.entities import Metric, Param
        from mlflow.utils.time import get_current_time_millis

        with _explained():
            now = get_current_time_millis()
            run = self._client.create_run(self._experiment, run_name=name, tags={_PARENT: self._run}).info.run_id
            measured = [Metric(key, float(value), now, 0) for key, value in metrics.items()]
            self._client.log_batch(run, measured, [Param(key, str(value)) for key, value in params.items()])
            self._client.set_terminated(run)

    def recorded(self) -> set[str]:
        """Names of the finished runs directly below this one."""
        chosen = f"tags.`{_PARENT}` = '{self._run}' and attributes.status = 'FINISHED'"
        with _explained():
            names, token = set(), None
            while True:
                page = self._client.search_runs([self._experiment], chosen, max_results=1_000, page_token=token)
                names |= {run.info.run_name for run in page}
                token = page.token
                if not token:
                    return names

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters; nested groups become dotted names. One that is there stays, as MLflow wants it."""
        from mlflow.entities import Param

        with _explained():
            known = self._client.get_run(self._run).data.params
            entries = [Param(key, str(value)[:500]) for key, value in _flat(values) if key not in known]
            self._client.log_batch(self._run, params=entries)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record numbers at an epoch."""
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        with _explained():
            now = get_current_time_millis()
            entries = [Metric(k, float(v), now, step) for k, v in values.items() if isinstance(v, (int, float))]
            self._client.log_batch(self._run, metrics=entries)

    def artifacts(self, folder: Path, skip: tuple[str, ...] = ()) -> None:
        """Copy the files directly in `folder` that do not end in one of `skip` to the run's artefacts."""
        with _explained():
            for path in sorted(folder.iterdir()):
                if path.is_file() and not path.name.startswith(".") and not path.name.endswith(skip):
                    self._client.log_artifact(self._run, str(path))

    def finish(self, status: str = "FINISHED") -> None:
        with _explained():
            self._client.set_terminated(self._run, status)


class Silent(Tracker):
    """Stands in where tracking is off."""

    def __init__(self):
        pass

    run_id = ""

    def child(self, name, marker):
        return self

    def record(self, name, params, metrics):
        pass

    def recorded(self):
        return set()

    def params(self, values):
        pass

    def metrics(self, values, step=0):
        pass

    def artifacts(self, folder, skip=()):
        pass

    def finish(self, status="FINISHED"):
        pass


def open_tracker(uri: str, experiment: str, name: str, folder: Path, marker: Path | None = None) -> Tracker:
    """The run of a study, new or found again by its marker.

    Args:
        uri: of the tracking store; '' is SQLite in `folder/mlflow.db` with artefacts beside it.
        experiment: made if there is none of that name.
        marker: file that keeps the run's id; `folder/.mlflow-run.json` by default.

    Raises:
        StoreError: the store cannot be reached or written.
    """
    with _explained():
        logging.getLogger("alembic").setLevel(logging.ERROR)
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)

        client = MlflowClient(tracking_uri=uri or local_uri(folder))
        experiment_id = _experiment_id(client, experiment, None if uri else folder / "mlflow-artifacts")
        marker = marker or folder / ".mlflow-run.json"
        run = _known_run(client, marker, None)
        if run is None:
            run = client.create_run(experiment_id, run_name=name).info.run_id
            _remember(marker, run)
        client.update_run(run, status="RUNNING")
        return Tracker(client, experiment_id, run)


@contextmanager
def tracked(track: TrackSettings, name: str, params: Mapping[str, Any], folder: Path) -> Iterator[Tracker]:
    """The run `name` of the work in `folder`, ended with the block; silent where tracking is off.

    Raises:
        StoreError: the store cannot be reached or written.
    """
    if not track.enabled:
        yield Silent()
        return
    tracker = open_tracker(track.uri, track.experiment or folder.resolve().name, name, folder)
    tracker.params(params)
    try:
        yield tracker
    except BaseException:
        with suppress(StoreError):
            tracker.finish("KILLED")
        raise
    tracker.finish()


def local_uri(folder: Path) -> str:
    """URI of the SQLite store in a study's folder."""
    return f"sqlite:///{(folder / 'mlflow.db').resolve()}"


def _experiment_id(client, name: str, artifacts: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    location = artifacts.resolve().as_uri() if artifacts else None
    return client.create_experiment(name, artifact_location=location)


def _known_run(client, marker: Path, parent: str | None) -> str | None:
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(json.loads(marker.read_bytes())["run"])
    except (OSError, ValueError, KeyError, MlflowException):
        return None
    return run.info.run_id if run.data.tags.get(_PARENT) == parent else None


def _remember(marker: Path, run: str) -> None:
    with atomic_write(marker) as temporary:
        temporary.write_bytes(json_bytes({"run": run}))


def _flat(values: Mapping[str, Any], prefix: str = ""):
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


class _explained:
    """Turns MLflow's and SQLAlchemy's many errors into one line that says what to do."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or not isinstance(error, Exception) or isinstance(error, StoreError):
            return False
        reason = first_line(error)
        raise StoreError(
            f"MLflow's store could not be used ({reason}); free disk space or check --set track.uri, "
            "or go on without it: --set track.enabled=false"
        ) from error
