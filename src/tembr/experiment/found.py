"""What a search leaves: a table of trials, the best as a recipe, pictures and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from tembr import tables
from tembr.errors import StoreError
from tembr.evaluate.trials import Plot, Table, history_plot, importance_plot, write_search_pictures
from tembr.experiment.measures import MEASURES
from tembr.experiment.settings import StudySettings
from tembr.experiment.space import Space
from tembr.files import atomic_write

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
"""Of trials that count: finished, or given up."""

SHOWN = 10  # trials in the page's table


@dataclass(frozen=True, eq=False)
class FoundSettings:
    """Outcome of a search.

    Attributes:
        folder: where it lies.
        best: the trial that is best by the first objective.
        front: those that no other beats in all objectives; of one objective the best alone.
        values: of the best, by the objectives' names.
        trials: all that were begun, in order.
    """

    folder: Path
    best: FrozenTrial
    front: tuple[FrozenTrial, ...]
    values: Mapping[str, float]
    trials: tuple[FrozenTrial, ...]


def write_found(study: optuna.Study, space: Space, folder: Path, fold: str) -> FoundSettings:
    """Leave the best trial as `best.toml` (of several objectives every trial of the front in `front/` too), the
    pictures, and `search.html`.

    Raises:
        StoreError: no trial was finished, or a file cannot be written.
    """
    names = space.search.objective
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise StoreError(
            f"{folder}: no trial came to an end, so there is no best one; {folder / 'trials.csv'} has the reasons: "
            'widen the space, or set pruner = "none" in its [search]'
        )
    front = tuple(_ranked(study, study.best_trials))
    found = FoundSettings(folder, front[0], front, dict(zip(names, front[0].values)), tuple(study.trials))
    write_recipe(front[0], space, folder / "best.toml", fold)
    if len(names) > 1:
        for trial in front:
            write_recipe(trial, space, folder / "front" / f"trial-{trial.number}.toml", fold)
    explained = (
        f"Every point is a trial: settings drawn from {space.path.name}, judged on validation recordings of the "
        f"{space.protocol} protocol (fold {fold}) that early stopping saw as well. No test recording was answered."
    )
    title = f"{folder.resolve().name}: search for {', '.join(MEASURES[name].title for name in names)}"
    write_search_pictures(study, _plots(study, names), folder, title, explained, _table(study, space))
    return found


def write_trials(study: optuna.Study, space: Space, folder: Path) -> None:
    """Write `trials.csv`: a row each trial that was begun, with what was drawn and what it came to."""
    measured = [*space.search.objective, *(name for name in MEASURES if name not in space.search.objective)]
    columns = ("trial", "state", *measured, *space.parameters, "epochs", "seconds", "reason")
    rows = []
    for trial in study.get_trials(deepcopy=False):
        facts = {"trial": trial.number, "state": trial.state.name.lower(), **_attributes(trial)}
        seconds = {"seconds": round(trial.duration.total_seconds(), 3)} if trial.duration else {}
        rows.append(facts | seconds | trial.params)
    tables.write(folder / "trials.csv", columns, rows)


def write_recipe(trial: FrozenTrial, space: Space, path: Path, fold: str) -> None:
    """Write a trial's settings as `tembr study --config` takes them."""
    import tomli_w

    found = ", ".join(f"{name} {value:.6g}" for name, value in zip(space.search.objective, trial.values))
    where = f"{space.path.name}, {space.protocol} protocol, fold {fold}"
    heading = f"# Trial {trial.number} of a search ({where}): {found}"
    with atomic_write(path) as temporary:
        settings = tomli_w.dumps(settings_of(trial, space).tree())
        temporary.write_text(f"{' '.join(heading.split())}\n{settings}", encoding="utf-8")


def settings_of(trial: FrozenTrial, space: Space) -> StudySettings:
    """What a trial was fitted with."""
    return space.settings(trial.params)


def trial_line(trial: FrozenTrial, study: optuna.Study, space: Space) -> str:
    """A line that tells of a trial, and of the best so far."""
    drawn = ", ".join(f"{key} {_shown(value)}" for key, value in trial.params.items())
    if trial.state != TrialState.COMPLETE:
        reason = trial.user_attrs.get("reason", "")
        return f"trial {trial.number}: {trial.state.name.lower()}, {reason} ({drawn})"
    best = next(_ranked(study, study.best_trials))
    values = ", ".join(f"{name} {_shown(value)}" for name, value in zip(space.search.objective, trial.values))
    return f"trial {trial.number}: {values} ({drawn}); best {_shown(best.values[0])}, trial {best.number}"


def _ranked(study: optuna.Study, trials: Sequence[FrozenTrial]):
    """By the first objective, best first; of equals the earliest."""
    sign = -1 if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else 1
    return iter(sorted(trials, key=lambda trial: (sign * trial.values[0], trial.number)))


def _attributes(trial: FrozenTrial) -> dict[str, Any]:
    known, reported = trial.user_attrs, len(trial.intermediate_values)
    facts = {"epochs": known.get("epochs", reported or ""), "reason": known.get("reason", "")}
    return facts | known.get("measures", {})


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(study: optuna.Study, space: Space) -> Table:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    columns = ["trial", *space.search.objective, *space.parameters]
    rows = []
    for trial in list(_ranked(study, complete))[:SHOWN]:
        drawn = [trial.params.get(key, "") for key in space.parameters]
        rows.append([str(trial.number), *map(_shown, [*trial.values, *drawn])])
    return Table(columns, rows)


def _plots(study: optuna.Study, names: Sequence[str]) -> list[Plot]:
    """History, importances and slices of each objective; of two the front, of networks their epochs."""
    plots = []
    for place, name in enumerate(names):
        title, several = MEASURES[name].title, len(names) > 1
        options = {"target": lambda trial, place=place: trial.values[place]} if several else {}
        end = f"_{name}" if several else ""
        capital = f"{title[0].upper()}{title[1:]}"
        plots += [
            history_plot(title, f"{capital} by trial", f"history{end}", **options),
            importance_plot(title, "", f"importance{end}", **options),
            Plot(f"slice{end}", "plot_slice", f"{capital} by setting", {"target_name": title} | options),
        ]
    if 1 < len(names) < 4:
        titles = [MEASURES[name].title for name in names]
        plots.insert(0, Plot("front", "plot_pareto_front", "Trials that none beats in all", {"target_names": titles}))
    if any(trial.intermediate_values for trial in study.get_trials(deepcopy=False)):
        plots.append(
            Plot("epochs", "plot_intermediate_values", "Validation by epoch", {}, ("epoch", MEASURES[names[0]].title))
        )
    return plots
