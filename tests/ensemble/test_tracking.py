"""A search as it is recorded: every trial once, what was found, and what is copied in the end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

from tembr.ensemble import tracking
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.tracking import RecordedSearch, open_tracking
from tembr.experiment.settings import load_settings
from tembr.experiment.tracking import Silent
from tembr.progress import Progress
from tests.ensemble.conftest import draw

PART = draw(1.0, 0.5)


class Notes(Silent):
    """A tracker that notes what it is told."""

    def __init__(self):
        self.children, self.markers, self.trials, self.told, self.copied, self.status = {}, [], {}, {}, [], []

    def child(self, name, marker):
        self.markers.append(marker)
        return self.children.setdefault(name, Notes())

    def record(self, name, params, metrics):
        assert name not in self.trials
        self.trials[name] = (params, metrics)

    def recorded(self):
        return set(self.trials)

    def params(self, values):
        self.told |= values

    def metrics(self, values, step=0):
        self.told |= values

    def artifacts(self, folder, skip=()):
        self.copied.append((folder, skip))

    def finish(self, status="FINISHED"):
        self.status.append(status)


def searching(notes: Notes, storage=None, searches: int = 1, said: list | None = None, **settings) -> RecordedSearch:
    progress = Progress(count=lambda *counted: said.append(counted)) if said is not None else Progress()
    chosen, storage = EnsembleSettings(**{"trials": 4} | settings), storage or InMemoryStorage()
    return RecordedSearch(chosen, storage, "identity", "speaker", searches, notes, Path("markers"), progress)


def test_every_trial_is_a_run_below_its_fold():
    notes = Notes()
    found = searching(notes)("A", ("a", "b"), PART)
    fold = notes.children["speaker · A"]
    assert list(fold.trials) == ["trial 0", "trial 1", "trial 2", "trial 3"]
    params, metrics = fold.trials["trial 2"]
    assert (params["weight a"], params["weight b"]) == (1.0, 0.0)  # after equal weights and the likeliest ones
    assert metrics == {"objective": found.trials[2].value, "nll": found.trials[2].user_attrs["nll"]}


def test_what_was_found_is_told_with_its_fold():
    notes = Notes()
    weighting = searching(notes)("A", ("a", "b"), PART).weighting
    fold = notes.children["speaker · A"]
    assert (fold.told["best objective"], fold.told["best weight a"]) == (weighting.objective, weighting.weights["a"])
    assert fold.status == ["FINISHED"]


def test_trials_of_another_process_are_told_too_and_none_twice():
    storage, notes = InMemoryStorage(), Notes()
    searching(Notes(), storage, trials=3)("A", ("a", "b"), PART)
    searching(notes, storage, trials=5)("A", ("a", "b"), PART)
    assert set(notes.children["speaker · A"].trials) == {f"trial {number}" for number in range(5)}


def test_searches_of_other_members_have_markers_of_their_own():
    both, one = Notes(), Notes()
    searching(both)("A", ("a", "b"), PART)
    searching(one)("A", ("a",), PART.of([0]))
    assert both.markers != one.markers and both.markers[0].parent == Path("markers")


def test_trials_are_counted_as_they_are_done():
    said = []
    searching(Notes(), said=said)("A", ("a", "b"), PART)
    assert said == [("speaker · A · trials", number, 4) for number in (1, 2, 3, 4)]


def test_a_time_limit_is_shared_among_the_searches_that_are_left(monkeypatch):
    given, now = [], time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    search = tracking.search
    monkeypatch.setattr(tracking, "search", lambda *args: given.append(args[-1]) or search(*args[:-1]))
    limited = searching(Notes(), searches=3, timeout=60.0)
    for fold in ("A", "B"):
        limited(fold, ("a", "b"), PART)
    assert given == [pytest.approx(20), pytest.approx(30)]


def test_in_the_end_the_test_scores_are_told_and_no_database_is_copied(tmp_path):
    notes = Notes()
    summary = {name: {"value": k / 10} for k, name in enumerate(("accuracy", "uar", "macro_f1", "ece"))}
    searching(notes).finish(summary, tmp_path)
    assert notes.told == {"accuracy": 0.0, "uar": 0.1, "macro_f1": 0.2, "ece": 0.3}
    ((folder, skipped),) = notes.copied
    assert folder == tmp_path and {".db", ".html"} <= set(skipped) and notes.status == ["FINISHED"]


@pytest.mark.parametrize(("study", "ensemble"), [(True, False), (False, True)])
def test_tracking_may_be_off_for_the_study_or_the_ensemble(study, ensemble, tmp_path):
    settings = load_settings(members=["rms"], track__enabled=study)
    opened = open_tracking(settings, tmp_path, EnsembleSettings(track=ensemble), "random", "x", tmp_path)
    assert isinstance(opened, Silent)


def test_searches_of_other_predictions_are_another_experiment(tmp_path, monkeypatch):
    opened, notes = [], Notes()
    monkeypatch.setattr(tracking, "open_tracker", lambda *args: opened.append(args) or notes)
    for identity in ("x", "y"):
        open_tracking(load_settings(members=["rms"]), tmp_path, EnsembleSettings(), "random", identity, tmp_path)
    (_, first, name, *_), (_, second, *_) = opened
    assert name == f"ensemble-{tmp_path.name}-random" and first.startswith(name) and first != second
    assert notes.told["protocol"] == "random" and notes.told["trials"] == 200
