"""The search on made-up members: what it finds, what it cannot be fooled by, how it goes on."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState

from tembr.ensemble.part import Part
from tembr.ensemble.search import Found, search, search_name
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.shrinkage import likeliest_mixture
from tembr.experiment.storage import open_storage
from tests.ensemble.conftest import draw


def find(part: Part, url: str = "", names: tuple[str, ...] = ("a", "b"), **settings) -> Found:
    chosen = EnsembleSettings(**{"trials": 40} | settings)
    with open_storage(url) if url else nullcontext(InMemoryStorage()) as storage:
        return search(names, part, chosen, storage, search_name("test", "", names, chosen))


def test_the_first_trials_are_equal_weights_the_likeliest_mixture_and_each_member_alone():
    part = draw(2.0, 1.0)
    equal, mixture, *alone = [trial.params for trial in find(part, trials=5).trials[:4]]
    assert equal == {"weight a": 1.0, "weight b": 1.0, "temperature": 1.0}
    assert alone == [{"weight a": a, "weight b": 1.0 - a, "temperature": 1.0} for a in (1.0, 0.0)]
    weights, temperature = likeliest_mixture(("a", "b"), part)
    assert mixture == {"weight a": weights["a"], "weight b": weights["b"], "temperature": temperature}


def test_many_members_are_joined_by_those_that_know_something():
    """Of twelve members two know something, each for itself: 30 trials from equal weights do not find them."""
    names = tuple("abcdefghijkl")
    weights = find(draw(*[2.0] * 2, *[0.0] * 10, n=600), names=names, trials=30).weighting.weights
    assert weights["a"] + weights["b"] > 0.9 and weights["a"] == pytest.approx(0.5, abs=0.15)


def test_what_is_found_is_no_worse_than_any_trial():
    found = find(draw(1.0, 0.5), l1=0.0)
    assert found.weighting.objective <= min(trial.value for trial in found.trials)


def test_two_members_with_mistakes_of_their_own_both_get_weight():
    weights = find(draw(2.0, 2.0, n=600), l1=0.0).weighting.weights
    assert weights["a"] == pytest.approx(0.5, abs=0.15)
    assert sum(weights.values()) == pytest.approx(1)


def test_noise_gets_no_weight():
    assert find(draw(2.0, 0.0, n=600)).weighting.weights == {"a": 1.0, "b": 0.0}


def test_a_memorising_member_gets_no_weight():
    """Perfect on what it was trained on, guessing elsewhere: searched on training predictions it would take all."""
    validation, training = draw(2.0, 0.0, n=600, seed=1), draw(2.0, 30.0, n=600, seed=2)
    honest, fooled = (find(part).weighting.weights for part in (validation, training))
    assert honest == {"a": 1.0, "b": 0.0}
    assert fooled == {"a": 0.0, "b": 1.0}


def test_overconfidence_raises_the_temperature():
    part = draw(2.0, n=600)
    loud = Part(3 * part.logits, part.classes, part.speakers, part.indices)
    one, other = (find(p, names=("a",)).weighting.temperature for p in (part, loud))
    assert other == pytest.approx(3 * one, rel=0.2)


def test_a_dear_width_leaves_one_member():
    weights = find(draw(2.0, 2.0), l1=10.0).weighting.weights
    assert sorted(weights.values()) == [0.0, 1.0]


def test_the_same_seed_finds_the_same():
    assert find(draw(1.0, 1.0)).weighting == find(draw(1.0, 1.0)).weighting


def test_an_interrupted_search_counts_what_it_had(tmp_path):
    url, part = f"sqlite:///{tmp_path / 'search.db'}", draw(1.0, 1.0)
    begun = find(part, url, trials=6)
    ended = find(part, url, trials=9)
    assert (len(begun.trials), len(ended.trials)) == (6, 9)
    assert [t.params for t in ended.trials[:6]] == [t.params for t in begun.trials]
    assert len({t.params["temperature"] for t in ended.trials}) == 7  # three at 1.0, no draw twice


def test_a_finished_search_tries_nothing(tmp_path):
    url, part = f"sqlite:///{tmp_path / 'search.db'}", draw(1.0, 1.0)
    assert find(part, url, trials=8).weighting == find(part, url, trials=8).weighting
    assert len(find(part, url, trials=8).trials) == 8


def test_first_trials_lost_to_a_kill_are_tried_again(tmp_path):
    url, part, chosen = f"sqlite:///{tmp_path / 'search.db'}", draw(1.0, 1.0), EnsembleSettings(trials=3)
    name = search_name("test", "", ("a", "b"), chosen)

    def killed(trial):
        optuna.load_study(study_name=name, storage=storage).ask()  # the next one has begun, and never ends
        raise KeyboardInterrupt

    with open_storage(url) as storage, pytest.raises(KeyboardInterrupt):
        search(("a", "b"), part, chosen, storage, name, killed)
    alone = [t.params.get("weight a") for t in find(part, url, trials=3).trials]
    assert sorted(alone) == [0.0, 1.0, 1.0]


class Overtaken(InMemoryStorage):
    """Another process was given trial 2 too, as an SQLite file may do, and finishes it at one step of this one's."""

    def __init__(self, step: str):
        super().__init__()
        setattr(self, step, self.finished_before(getattr(self, step)))

    def finished_before(self, proceed):
        def step(trial_id, *given, **named):
            state = self.get_trial(trial_id).state
            if trial_id == 2 and state is TrialState.RUNNING:
                InMemoryStorage.set_trial_state_values(self, trial_id, TrialState.COMPLETE, [9.0])
            return proceed(trial_id, *given, **named)

        return step


@pytest.mark.parametrize("step", ["set_trial_param", "set_trial_user_attr", "set_trial_state_values"])
def test_a_trial_that_another_process_finished_first_is_left_to_it(step):
    names, settings, tried = ("a", "b"), EnsembleSettings(trials=8), []
    found = search(names, draw(2.0, 1.0), settings, Overtaken(step), "shared", tried.append)
    assert [trial.value == 9.0 for trial in found.trials] == [number == 2 for number in range(8)]
    assert [trial.number for trial in tried] == [0, 1, 3, 4, 5, 6, 7]


def test_other_data_members_or_settings_are_another_search():
    settings = EnsembleSettings()
    names = {
        search_name("random · all", "x", ("a", "b"), settings),
        search_name("random · all", "y", ("a", "b"), settings),
        search_name("random · all", "x", ("a", "c"), settings),
        search_name("speaker · all", "x", ("a", "b"), settings),
        search_name("random · all", "x", ("a", "b"), EnsembleSettings(l1=0.5)),
        search_name("random · all", "x", ("a", "b"), EnsembleSettings(seed=1)),
    }
    assert len(names) == 6
    assert search_name("random · all", "x", ("a", "b"), EnsembleSettings(trials=3)) in names


def test_a_time_limit_ends_after_the_first_trials():
    part, chosen = draw(1.0, 1.0), EnsembleSettings(trials=10_000)
    found = search(("a", "b"), part, chosen, InMemoryStorage(), "timed", seconds=0.0)
    assert len(found.trials) == 4


def test_optuna_keeps_its_voice():
    before = optuna.logging.get_verbosity()
    find(draw(1.0, 1.0), trials=3)
    assert optuna.logging.get_verbosity() == before
    assert np.isfinite(before)
