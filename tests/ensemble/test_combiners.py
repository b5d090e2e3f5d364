"""The contract of every way of joining, and what happens to one whose package is missing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tembr.ensemble.combiners import BEST, BOOSTING, COMBINERS, Combiner, fit_best, fit_uniform
from tembr.ensemble.levelone import Posteriors
from tembr.ensemble.run import _say_missing
from tembr.ensemble.settings import EnsembleSettings
from tembr.errors import MissingExtraError
from tembr.progress import Progress
from tests.ensemble.conftest import draw, draw_heldout, level_one
from tests.ensemble.test_measure import measured

EVERY = pytest.mark.parametrize("name", COMBINERS)
PART = draw(2.0, 1.0, 0.5, n=240)


@cache
def fitted(name: str) -> Posteriors:
    return COMBINERS[name].fit(level_one(PART))


@EVERY
def test_posteriors_are_shares_of_the_emotions(name):
    for fit in (fitted(name), COMBINERS[name].fit(level_one(PART, by_speaker=True))):
        posteriors = fit(draw(2.0, 1.0, 0.5, n=30, seed=5).logits)
        assert posteriors.shape == (30, 6) and (posteriors >= 0).all()
        np.testing.assert_allclose(posteriors.sum(1), 1, atol=1e-5)


@EVERY
def test_a_recording_is_answered_alike_whatever_is_asked_beside_it(name):
    """Nothing is learnt of what is answered: neither of its number nor of its neighbours in a batch."""
    posteriors = fitted(name)
    asked = draw(2.0, 1.0, 0.5, n=30, seed=5).logits
    alone = np.concatenate([posteriors(asked[:, [k]]) for k in range(30)])
    np.testing.assert_allclose(posteriors(asked), alone, atol=1e-6)


@EVERY
def test_what_it_was_fitted_on_stays_as_it_was(name):
    fitted(name)(PART.logits)
    np.testing.assert_array_equal(PART.logits, draw(2.0, 1.0, 0.5, n=240).logits)


@EVERY
def test_it_says_which_members_it_uses(name):
    """The answers change with a used member's logits, and with no other's."""
    one, asked = level_one(PART), draw(2.0, 1.0, 0.5, n=60, seed=5).logits
    posteriors, used = fitted(name), COMBINERS[name].uses(one)
    for position, member in enumerate(one.names):
        changed = asked.copy()
        changed[position] = -3 * changed[position]
        assert (not np.allclose(posteriors(changed), posteriors(asked))) == (member in used)


def test_equal_weights_by_hand():
    posteriors = np.exp(PART.logits) / np.exp(PART.logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(fit_uniform(level_one(PART))(PART.logits), posteriors.mean(0), atol=1e-6)


def test_the_best_member_answers_alone():
    posteriors = np.exp(PART.logits[0]) / np.exp(PART.logits[0]).sum(-1, keepdims=True)
    np.testing.assert_allclose(fit_best(level_one(PART))(PART.logits), posteriors, atol=1e-6)
    assert COMBINERS[BEST].uses(level_one(PART)) == {"a"}


@pytest.fixture
def without_package(monkeypatch) -> str:
    """Boosting, as if its package were not installed."""
    monkeypatch.setitem(COMBINERS, BOOSTING, replace(COMBINERS[BOOSTING], package="not_there"))
    return BOOSTING


def test_without_its_package_a_combiner_is_left_out(without_package):
    outcome, _ = measured(draw_heldout(1.0, 0.5, folds=1), trials=3)
    assert without_package not in outcome.ways and len(outcome.ways) == len(COMBINERS) + 2


def test_what_is_left_out_is_said_in_a_line(without_package):
    said: list[str] = []
    _say_missing(EnsembleSettings(), Progress(said.append))
    assert len(said) == 1 and said[0].startswith("boosting: left out, it needs not_there; ")


def test_a_combiner_that_is_asked_for_needs_its_package(without_package):
    with pytest.raises(MissingExtraError, match=r"--combiner boosting needs not_there; .*train"):
        _say_missing(EnsembleSettings(combiner=without_package), Progress())


def test_a_new_combiner_needs_no_more_than_its_line(monkeypatch):
    monkeypatch.setitem(COMBINERS, "new", Combiner(fit_uniform))
    assert "new" in measured(draw_heldout(1.0, 0.5, folds=1), trials=3)[0].ways
