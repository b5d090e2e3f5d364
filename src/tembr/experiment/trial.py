"""One trial of a search: members fitted with settings drawn from a space, judged by what they were not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from optuna import TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import Trial

from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError
from tembr.experiment.distributions import draw
from tembr.experiment.heldout import inner_logits
from tembr.experiment.measures import MEASURES, Judged
from tembr.experiment.recordings import Recordings, copied_through, load_recordings, parts_of
from tembr.experiment.settings import StudySettings
from tembr.experiment.space import Space
from tembr.models import MemberSettings, fit_member
from tembr.models.base import check_members
from tembr.models.data import batches
from tembr.progress import Progress
from tembr.splits import Fold

REASON = "reason"
"""Attribute of a trial that was given up: why."""


@dataclass(eq=False)
class Objective:
    """What Optuna calls with every trial.

    Attributes:
        space: that settings are drawn from.
        target: its recordings are held out and judged.
        fold: that is searched in. Its test part is taken away here, before anything is fitted or answered.
        folder: for checkpoints, each trial's gone with it.
        progress: how the work is followed.
        broken: whether a trial ended in an error of its own.
    """

    space: Space
    target: Corpus
    fold: Fold
    folder: Path
    progress: Progress
    broken: bool = False
    _kept: dict[tuple, Recordings] = field(default_factory=dict)

    def __post_init__(self):
        self.fold = replace(self.fold, test=np.empty(0, dtype=int))

    def __call__(self, trial: Trial) -> tuple[float, ...]:
        """The values of the space's objectives.

        Raises:
            TrialPruned: the settings do not go together, the training diverged, or is hopeless; `REASON` says which.
        """
        try:
            return self._values(trial)
        except (TrialPruned, UpdateFinishedTrialError):
            raise
        except BaseException:
            self.broken = True
            raise

    def _values(self, trial: Trial) -> tuple[float, ...]:
        with _given_up(trial), TemporaryDirectory(dir=self.folder) as folder:
            settings = self._settings(trial)
            recordings = self._recordings(settings)
            members = enumerate(member.judged() for member in settings.members.values())
            judged: list[Judged] = []
            for number, member in members:
                epochs = _PrunedEpochs(self.space, trial, number, judged)
                judged.append(self._judged(member, settings, recordings, Path(folder), epochs))
            found = {name: MEASURES[name].whole([MEASURES[name].of(one) for one in judged]) for name in self._names()}
        trial.set_user_attr("epochs", sum("epoch" in row for one in judged for row in one.member.history))
        trial.set_user_attr("measures", found)
        return tuple(found[name] for name in self.space.search.objective)

    def _names(self) -> list[str]:
        """What is measured: the objectives, and all else that takes no time."""
        return [name for name in MEASURES if name != "milliseconds" or name in self.space.search.objective]

    def _settings(self, trial: Trial) -> StudySettings:
        drawn = {key: draw(trial, key, given) for key, given in self.space.parameters.items()}
        try:
            settings = self.space.settings(drawn)
            check_members(list(settings.members.values()), settings.features)
        except ConfigError as error:
            raise TrialPruned(f"these settings do not go together: {error}") from error
        return settings

    def _recordings(self, settings: StudySettings) -> Recordings:
        """As the trial before, where nothing of them was drawn anew."""
        members = list(settings.members.values())
        inputs = [one for m in members for one in (*m.inputs(settings.features), *m.training_inputs(settings.features))]
        key = settings.features, copied_through(members), tuple(inputs)
        if key not in self._kept:
            self._kept.clear()
            self._kept[key] = load_recordings(settings, members, self.progress, self.target)
        return self._kept[key]

    def _judged(
        self,
        member: MemberSettings,
        settings: StudySettings,
        recordings: Recordings,
        folder: Path,
        epochs: _PrunedEpochs,
    ) -> Judged:
        progress, place = replace(self.progress, row=epochs), folder / member.name
        if member.uses_validation:
            train, heldout = parts_of(member, self.fold)
            data = recordings.data(member, train, heldout, place)
            fitted = fit_member(member, recordings.features, data, settings.seed, progress)
            logits = fitted.answer(recordings.tables, heldout)[0]
        else:
            heldout, logits, fitted = inner_logits(member, recordings, self.fold, settings.seed, place, progress)
        values = next(batches(recordings.tables, fitted.inputs, heldout[:1]))
        return Judged(fitted, logits, recordings.classes[heldout], values)


@dataclass(frozen=True)
class _PrunedEpochs:
    """A network's epochs, as the pruner sees them: of several members one after the other, in steps of their own.

    Attributes:
        number: of the member among the space's.
        before: those that are fitted, who count in the value of the trial so far.
    """

    space: Space
    trial: Trial
    number: int
    before: list[Judged]

    def __call__(self, row: Mapping[str, Any]) -> None:
        """Take an epoch's row.

        Raises:
            TrialPruned: the training diverged, or is hopeless.
        """
        if not math.isfinite(row.get("val_loss", 0.0)):
            raise TrialPruned(f"diverged: the validation loss of epoch {row['epoch']} is {row['val_loss']}")
        name = self.space.search.objective[0]
        if not self.space.prunes:
            return
        measure = MEASURES[name]
        value = measure.whole([*(measure.of(one) for one in self.before), row[name]])
        members = list(self.space.base.members.values())
        self.trial.report(value, sum(one.train.epochs for one in members[: self.number]) + row["epoch"])
        if self.trial.should_prune():
            raise TrialPruned(f"hopeless after epoch {row['epoch']}: {name} {value:.4g}")


@contextmanager
def _given_up(trial: Trial) -> Iterator[None]:
    """Leaves with a trial that is given up, why."""
    try:
        with _fitting_in_memory():
            yield
    except TrialPruned as pruned:
        trial.set_user_attr(REASON, str(pruned))
        raise


@contextmanager
def _fitting_in_memory() -> Iterator[None]:
    """A network or batch that is too large for the GPU is a poor trial, not the end of a search."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrialPruned("does not fit into the GPU's memory") from error
