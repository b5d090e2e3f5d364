"""MLflow's record of a search: an experiment a search, below it a run for each fold and one for each trial."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from tembr.ensemble.part import Part
from tembr.ensemble.search import Found, search, search_name, weighting_of
from tembr.ensemble.settings import EnsembleSettings
from tembr.experiment.settings import StudySettings
from tembr.experiment.tracking import Silent, Tracker, open_tracker
from tembr.files import digest
from tembr.progress import Progress


class RecordedSearch:
    """A `measure.Searcher` that tells MLflow every trial and shares a time limit among its searches.

    Args:
        settings: of the ensemble.
        storage: Optuna's.
        identity: of the predictions searched on.
        protocol: the name all searches begin with.
        searches: how many there will be.
        tracker: the run above them.
        markers: folder that remembers their runs.
    """

    def __init__(
        self,
        settings: EnsembleSettings,
        storage: BaseStorage,
        identity: str,
        protocol: str,
        searches: int,
        tracker: Tracker,
        markers: Path,
        progress: Progress,
    ):
        self.settings, self.storage, self.identity, self.protocol = settings, storage, identity, protocol
        self.left, self.tracker, self.markers, self.progress = searches, tracker, markers, progress
        self.deadline = time.monotonic() + settings.timeout if settings.timeout else None

    def __call__(self, fold: str, names: Sequence[str], part: Part) -> Found:
        where = f"{self.protocol} · {fold}"
        name = search_name(where, self.identity, names, self.settings)
        tracker = self.tracker.child(where, self.markers / f"{digest(name.encode())}.json")

        def on_trial(trial: FrozenTrial) -> None:
            _record(tracker, trial, names)
            self.progress.count(f"{where} · trials", trial.number + 1, self.settings.trials)

        found = search(names, part, self.settings, self.storage, name, on_trial, self._seconds())
        _record_missing(tracker, found, names)
        self.left -= 1
        return found

    def finish(self, summary: dict, folder: Path) -> None:
        """Record what the searches led to: test scores of the ensemble, and the files of `folder`."""
        measures = ("accuracy", "uar", "macro_f1", "ece")
        self.tracker.metrics({name: summary[name]["value"] for name in measures})  # as a member of a study has them
        self.tracker.artifacts(folder, skip=(".db", ".db-shm", ".db-wal", ".html"))
        self.tracker.finish()

    def _seconds(self) -> float | None:
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic()) / self.left


def open_tracking(
    study: StudySettings, study_folder: Path, settings: EnsembleSettings, protocol: str, identity: str, markers: Path
) -> Tracker:
    """The run of an experiment of its own for the searches under one protocol; silent where tracking is off.

    Raises:
        StoreError: the store cannot be reached or written.
    """
    if not (study.track.enabled and settings.track):
        return Silent()
    name = f"ensemble-{study_folder.resolve().name}-{protocol}"
    key = digest(identity.encode(), repr((settings.best, settings.seed, settings.l1)).encode())[:8]
    marker = markers / f"{key}.json"
    tracker = open_tracker(study.track.uri, f"{name}-{key}", name, study_folder, marker)
    tracker.params({"protocol": protocol, **settings.model_dump(mode="json")})
    return tracker


def _record_missing(tracker: Tracker, found: Found, names: Sequence[str]) -> None:
    """What a killed process could not tell any more, or another machine told another store."""
    known = tracker.recorded()
    for trial in found.trials:
        if _run_name(trial) not in known:
            _record(tracker, trial, names)
    weighting = found.weighting
    best = {f"best weight {name}": weight for name, weight in weighting.weights.items()}
    tracker.metrics({"best objective": weighting.objective, "best temperature": weighting.temperature, **best})
    tracker.finish()


def _record(tracker: Tracker, trial: FrozenTrial, names: Sequence[str]) -> None:
    weights = {f"weight {name}": round(weight, 6) for name, weight in weighting_of(trial, names).items()}
    measured = {"objective": trial.value, "nll": trial.user_attrs["nll"]}
    tracker.record(_run_name(trial), {"temperature": trial.params["temperature"], **weights}, measured)


def _run_name(trial: FrozenTrial) -> str:
    return f"trial {trial.number}"
