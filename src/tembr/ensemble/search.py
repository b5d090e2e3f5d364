"""Optuna's search for weights and temperature on predictions that no member was trained on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from tembr.ensemble.part import Part
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.shrinkage import likeliest_mixture
from tembr.ensemble.weighting import OBJECTIVE, TEMPERATURES, Weighting, weigh, without_small
from tembr.experiment.storage import explained, quietly
from tembr.files import digest

FIRST = "begun at equal weights, the likeliest mixture, each member alone"
"""In the names of searches: one that was begun otherwise is not gone on with."""


@dataclass(frozen=True, eq=False)
class Found:
    """Outcome of a search.

    Attributes:
        weighting: the best trial's, small weights dropped; once it is shrunk towards equal weights, the outcome.
        trials: the finished ones, in order.
        study: Optuna's, for its plots.
        searched: the weighting before it was shrunk; None where it was not.
        share: of equal weights in the outcome, see `tembr.ensemble.shrinkage`.
    """

    weighting: Weighting
    trials: tuple[FrozenTrial, ...]
    study: optuna.Study
    searched: Weighting | None = None
    share: float = 0.0


def search(
    names: Sequence[str],
    part: Part,
    settings: EnsembleSettings,
    storage: BaseStorage,
    name: str,
    on_trial: Callable[[FrozenTrial], None] = lambda trial: None,
    seconds: float | None = None,
) -> Found:
    """Find weights and a temperature that make `part` likeliest, at `settings.l1` for width.

    The first trials are equal weights, the likeliest mixture, which a search over many members would not come near,
    and each member alone. Finished trials of an earlier or another process with the same `name` in `storage` count
    among `settings.trials`; processes that end together may do one more each.

    Args:
        names: of the members, in the order of `part.logits`.
        part: what is seen; nothing else is.
        name: of Optuna's study; it must tell apart whatever changes a trial's value, `search_name` does.
        on_trial: called with every trial that this process finishes.
        seconds: limit; the first trials are done in any case.

    Raises:
        StoreError: the storage fails.
    """
    with explained():
        first = _first(names, part)
        study = _open(first, settings, storage, name)
        started = time.monotonic()
        while (done := len(finished(study))) < settings.trials:
            if seconds is not None and done >= len(first) and time.monotonic() - started > seconds:
                break
            with suppress(UpdateFinishedTrialError):  # of an SQLite file two processes can be given one waiting trial
                on_trial(_try(study, names, part, settings))
        trials = tuple(finished(study))
    best = min(trials, key=lambda trial: trial.value)
    found = weigh(*_proposed(best.params, names), part, settings.l1)
    return Found(without_small(found, part, settings.l1), trials, study)


def search_name(where: str, identity: str, names: Sequence[str], settings: EnsembleSettings) -> str:
    """Name of a search in its storage: two that could disagree about a trial never share one.

    Args:
        where: words: protocol and fold.
        identity: digest of the predictions searched on.
    """
    facts = [identity, where, *names, settings.seed, settings.l1, TEMPERATURES, OBJECTIVE, FIRST]
    return f"{where} · {digest(repr(facts).encode())[:12]}"


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials with a value, in order."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def weighting_of(trial: FrozenTrial, names: Sequence[str]) -> dict[str, float]:
    """Weight of each member in a trial, summing to one."""
    weights, _ = _proposed(trial.params, names)
    total = sum(weights.values())
    return {name: weight / total if total else 1 / len(names) for name, weight in weights.items()}


def _open(first: Sequence[dict], settings: EnsembleSettings, storage: BaseStorage, name: str) -> optuna.Study:
    shared = bool(settings.storage)
    sampler = _sampler(settings.seed, shared)
    study = optuna.create_study(storage=storage, study_name=name, sampler=sampler, load_if_exists=True)
    known = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.WAITING))
    tried = [trial.params or trial.system_attrs.get("fixed_params") for trial in known]
    for params in first:
        if params not in tried:
            study.enqueue_trial(params)
    if len(known):  # continued or shared: not the same draws again
        fresh = np.random.SeedSequence([settings.seed, len(known), os.getpid()])
        study.sampler = _sampler(int(fresh.generate_state(1)[0]), shared)
    return study


def _sampler(seed: int, shared: bool) -> optuna.samplers.TPESampler:
    """Multivariate, since weights and temperature act together: it needs a third of the trials."""
    with quietly():
        return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=shared)


def _first(names: Sequence[str], part: Part) -> list[dict[str, float]]:
    """Equal weights, the likeliest mixture, then each member alone."""
    if len(names) < 2:
        return [{"temperature": 1.0}]
    alone = [{name: float(name == chosen) for name in names} for chosen in names]
    equal, *others = (_params(weights, 1.0) for weights in [dict.fromkeys(names, 1.0), *alone])
    return [equal, _params(*likeliest_mixture(names, part)), *others]


def _params(weights: dict[str, float], temperature: float) -> dict[str, float]:
    return {f"weight {name}": weight for name, weight in weights.items()} | {"temperature": temperature}


def _proposed(params: dict[str, float], names: Sequence[str]) -> tuple[dict[str, float], float]:
    return {name: params.get(f"weight {name}", 1.0) for name in names}, params["temperature"]


def _try(study: optuna.Study, names: Sequence[str], part: Part, settings: EnsembleSettings) -> FrozenTrial:
    trial: Trial = study.ask()
    if len(names) > 1:
        for name in names:
            trial.suggest_float(f"weight {name}", 0.0, 1.0)
    trial.suggest_float("temperature", *TEMPERATURES, log=True)
    tried = weigh(*_proposed(trial.params, names), part, settings.l1)
    trial.set_user_attr("nll", tried.nll)
    return study.tell(trial, tried.objective, skip_if_finished=True)
