"""The search for settings, from a space to its best trial: read `run_search` from top to bottom."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import numpy as np
import optuna
from filelock import FileLock, Timeout
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import MaxTrialsCallback
from optuna.trial import FrozenTrial

from tembr.corpora.corpus import Corpus
from tembr.errors import ConfigError, StoreError
from tembr.experiment.found import DONE, FoundSettings, trial_line, write_found, write_trials
from tembr.experiment.measures import MEASURES
from tembr.experiment.recordings import usable_corpus
from tembr.experiment.space import Space, load_space, longest
from tembr.experiment.storage import explained, open_storage, quietly
from tembr.experiment.tracking import Tracker, tracked
from tembr.experiment.trial import REASON, Objective
from tembr.extras import require
from tembr.files import atomic_write, digest
from tembr.lock import only_process
from tembr.outputs import LOCK
from tembr.progress import Progress
from tembr.splits import Fold, make_folds


def run_search(
    space: Space,
    folder: Path,
    trials: int,
    storage: str = "",
    seconds: float | None = None,
    progress: Progress | None = None,
) -> FoundSettings:
    """Try settings of a space until `trials` are finished, by this and all other processes that share the storage.

    A trial sees the training and validation part of one fold; the fold's test part is never answered. A process that
    is killed loses the trial it was in, which another tries again; the same call goes on.

    Args:
        folder: of the search: `search.toml`, `trials.csv`, `best.toml`, pictures and a page.
        trials: finished or given up; processes that end together may do one more each.
        storage: URL of Optuna's storage (see `open_storage`); '' is `search.db` in the folder.
        seconds: after which no trial is begun.
        progress: how the work is followed; silent by default.

    Raises:
        ConfigError: the folder holds another search, or the fold does not exist.
        StoreError: storage, disk or tracking fail, or no trial came to an end.
    """
    progress, folder = progress or Progress(), Path(folder)
    target = usable_corpus(space.base.corpus, space.base.features.window, progress)
    fold = _fold(space, target, progress)
    _claim(space, folder)
    url = storage or f"sqlite:///{(folder / 'search.db').resolve()}"
    with ExitStack() as open_:
        open_.enter_context(explained())
        number, place = open_.enter_context(_workplace(folder))
        kept = open_.enter_context(open_storage(url, one_machine=not storage, beating=True))
        study = _open(space, target, fold, kept, alone=number == 1 and not storage)
        together = FileLock(folder / ".together.lock")
        tracker = open_.enter_context(_tracked(space, folder, together))
        report = _TrialReport(study, space, folder, trials, tracker, together, progress)
        if report.finished() < trials:
            objective = Objective(space, target, fold, place, progress)
            limit = MaxTrialsCallback(trials, states=DONE)
            open_.enter_context(quietly())
            _optimize(study, objective, seconds, [report, limit])
        report(study)
        return write_found(study, space, folder, fold.name)


def _optimize(study: optuna.Study, objective: Objective, seconds: float | None, callbacks: list[Callable]) -> None:
    """A process that was asleep finds its trial taken for dead and given to another: it goes on with a new one.

    Optuna has no word for that: it says that what it checks itself does not hold.
    """
    while True:
        try:
            return study.optimize(objective, timeout=seconds, callbacks=callbacks)
        except (ValueError, AssertionError):
            if objective.broken:
                raise
            objective.progress.say("a trial of this process was taken over by another; going on")


def _fold(space: Space, target: Corpus, progress: Progress) -> Fold:
    """The fold that is searched in.

    Its training and validation parts are other folds' test parts, so that settings which several folds chose would
    have seen every recording.
    """
    folds = {fold.name: fold for fold in make_folds(target, space.protocol, space.base.split)}
    name = space.search.fold or next(iter(folds))
    if name not in folds:
        raise ConfigError(f"{space.path}: search.fold = {name!r}: there are {', '.join(folds)}")
    fold = folds[name]
    progress.say(
        f"{space.protocol} · fold {name}: {len(fold.train)} recordings to learn from, {len(fold.validation)} to judge "
        f"by; its {len(fold.test)} test recordings are never answered"
    )
    return fold


def _claim(space: Space, folder: Path) -> None:
    """Write what the folder searches, or hold this search to what is there."""
    import tomli_w

    path = folder / "search.toml"
    if path.exists() and load_space(path).identity != space.identity:
        raise ConfigError(f"{folder} holds the search of another space; choose another --out")
    with atomic_write(path) as temporary:
        temporary.write_text(tomli_w.dumps(space.plain()), encoding="utf-8")


@contextmanager
def _workplace(folder: Path) -> Iterator[tuple[int, Path]]:
    """A folder that no other process works in, without what one that was killed there left, and its number from 1."""
    for number in count(1):
        place = folder / ".workers" / str(number)
        with ExitStack() as held:
            try:
                held.enter_context(only_process(place))
            except StoreError as error:
                if isinstance(error.__cause__, Timeout):
                    continue
                raise
            for left in place.iterdir():
                if left.name != LOCK:
                    shutil.rmtree(left, ignore_errors=True)
            yield number, place
            return


def _open(space: Space, target: Corpus, fold: Fold, storage: BaseStorage, alone: bool) -> optuna.Study:
    """The study of these very recordings and settings in the storage.

    Only one that begins alone draws by the space's seed: others would draw the same.
    """
    parts = list(zip([(u.key, u.emotion, u.speaker) for u in target.utterances], fold.part_of(len(target))))
    name = f"{space.path.stem} · {digest(space.identity.encode(), repr(parts).encode())[:12]}"
    directions = [MEASURES[one].direction for one in space.search.objective]
    study = optuna.create_study(
        storage=storage, study_name=name, directions=directions, load_if_exists=True, pruner=_pruner(space)
    )
    new = not study.get_trials(deepcopy=False)
    seed = space.search.seed if alone and new else int(np.random.SeedSequence().generate_state(1)[0])
    study.sampler = _sampler(space.search.sampler, seed)
    return study


def _sampler(name: str, seed: int) -> BaseSampler:
    with quietly():
        if name == "tpe":
            return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        if name == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=seed)
        if name == "cmaes":
            require("sampler cmaes", "train", "cmaes")
            return optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        return optuna.samplers.RandomSampler(seed=seed)


def _pruner(space: Space) -> BasePruner:
    return HyperbandPruner(max_resource=longest(space)) if space.prunes else NopPruner()


@contextmanager
def _tracked(space: Space, folder: Path, together: FileLock) -> Iterator[Tracker]:
    """MLflow's run of the search; its store is made by one process at a time."""
    params = {"objective": ", ".join(space.search.objective), "sampler": space.search.sampler, **space.plain()["space"]}
    with ExitStack() as open_:
        with together:
            track = space.base.track
            tracker = open_.enter_context(tracked(track, f"search {folder.name}", params, folder))
        yield tracker


class _TrialReport:
    """What is said, written and recorded after every trial.

    Args:
        together: held while the folder's table and record are written, which processes may share.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: Space,
        folder: Path,
        trials: int,
        tracker: Tracker,
        together: FileLock,
        progress: Progress,
    ):
        self.study, self.space, self.folder, self.trials = study, space, folder, trials
        self.tracker, self.together, self.progress = tracker, together, progress

    def finished(self) -> int:
        return len(self.study.get_trials(deepcopy=False, states=DONE))

    def __call__(self, study: optuna.Study, trial: FrozenTrial | None = None) -> None:
        if trial is not None:
            self.progress.say(trial_line(trial, study, self.space))
        self.progress.count("trials", min(self.finished(), self.trials), self.trials)
        with self.together:
            write_trials(study, self.space, self.folder)
            self._record()

    def _record(self) -> None:
        """Every trial that is over, also of a process that was killed before it could tell."""
        known = self.tracker.recorded()
        over = [one for one in self.study.get_trials(deepcopy=False) if one.state.is_finished()]
        for trial in over:
            name = f"trial {trial.number}"
            if name not in known:
                measured = dict(zip(self.space.search.objective, trial.values or ()))
                facts = {"state": trial.state.name.lower(), REASON: trial.user_attrs.get(REASON, "")}
                self.tracker.record(name, trial.params | facts, trial.user_attrs.get("measures", {}) | measured)
