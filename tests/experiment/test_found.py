"""Which trial is the best, whichever way is better."""

from __future__ import annotations

import optuna
import pytest

from tembr.experiment.found import _ranked


@pytest.mark.parametrize(("direction", "order"), [("maximize", [1, 3, 2, 0]), ("minimize", [0, 2, 1, 3])])
def test_trials_stand_by_the_first_objective_and_of_equals_the_earliest_first(direction, order):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(directions=[direction, "minimize"])
    for values in ((0.2, 5.0), (0.9, 9.0), (0.5, 1.0), (0.9, 2.0)):
        study.add_trial(optuna.create_trial(values=values))
    assert [trial.number for trial in _ranked(study, study.trials)] == order
