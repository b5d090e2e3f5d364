"""Honesty on made-up members: what is measured on decides nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from optuna.storages import InMemoryStorage

from tembr.ensemble.combiners import BEST, CHOICES, UNIFORM
from tembr.ensemble.heldout import HeldOut
from tembr.ensemble.measure import Measured, measure
from tembr.ensemble.part import Part
from tembr.ensemble.search import search
from tembr.ensemble.settings import EnsembleSettings
from tests.ensemble.conftest import draw, draw_heldout


def measured(heldout: HeldOut, **settings) -> tuple[Measured, list[tuple[str, tuple[str, ...], Part]]]:
    """What comes out, and what the searches were shown."""
    chosen, shown, storage = EnsembleSettings(**{"trials": 8} | settings), [], InMemoryStorage()

    def searcher(fold, names, part):
        shown.append((fold, tuple(names), part))
        return search(names, part, chosen, storage, fold)

    return measure(heldout, chosen, searcher, by_speaker=True), shown


def other_test(part: Part) -> Part:
    """The part with all that is measured on changed: other labels and other logits."""
    return Part(-5 * part.logits, (part.classes + 1) % 6, part.speakers, part.indices)


def with_tests(heldout: HeldOut, change, only: str | None = None) -> HeldOut:
    folds = [replace(f, test=change(f.test)) if only in (None, f.name) else f for f in heldout.folds]
    return replace(heldout, folds=tuple(folds))


def weights(outcome: Measured) -> list:
    return [(fold, found.weighting) for fold, found in outcome.found.items()] + [("ship", outcome.shipped.weighting)]


def test_searches_see_validation_parts_and_nothing_else(two_combiners):
    heldout = draw_heldout(1.0, 0.5)
    _, shown = measured(heldout)
    expected = [*(fold.heldout for fold in heldout.folds), heldout.pooled]
    assert [fold for fold, _, _ in shown] == ["F0", "F1", "F2", "all folds"]
    for (_, _, part), whole in zip(shown, expected):
        np.testing.assert_array_equal(part.logits, whole.logits)
        np.testing.assert_array_equal(part.classes, whole.classes)


@pytest.mark.parametrize("best", [0, 2])
def test_no_test_part_changes_a_weight(best):
    heldout = draw_heldout(1.5, 1.0, 0.5)
    plain, _ = measured(heldout, best=best)
    altered, _ = measured(with_tests(heldout, other_test), best=best)
    assert weights(plain) == weights(altered)
    assert [plain.ways[way].uses for way in plain.ways] == [altered.ways[way].uses for way in plain.ways]


def test_no_test_label_changes_an_answer():
    heldout = draw_heldout(1.5, 1.0)
    relabelled = with_tests(heldout, lambda p: replace(p, classes=(p.classes + 1) % 6))
    plain, altered = (measured(one)[0] for one in (heldout, relabelled))
    for way in plain.ways:
        for one, other in zip(plain.ways[way].posteriors, altered.ways[way].posteriors):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kept", [0, 1])
def test_a_folds_own_validation_alone_decides_its_weights_and_answers(kept):
    heldout = draw_heldout(1.5, 1.0, folds=2)
    changed = [f if k == kept else replace(f, heldout=draw(0.0, 3.0, seed=50)) for k, f in enumerate(heldout.folds)]
    plain, altered = (measured(one)[0] for one in (heldout, replace(heldout, folds=tuple(changed))))
    same = [plain.found[f.name].weighting == altered.found[f.name].weighting for f in heldout.folds]
    assert same == [k == kept for k in (0, 1)]
    for way in CHOICES:
        np.testing.assert_array_equal(plain.ways[way].posteriors[kept], altered.ways[way].posteriors[kept])


def test_a_memorising_member_gets_next_to_no_weight_in_any_fold(two_combiners):
    """Its training answers are perfect, but nothing here is given them."""
    outcome, _ = measured(draw_heldout(2.0, 0.0, n=600), trials=60)
    assert all(weighting.weights["b"] <= 0.1 for _, weighting in weights(outcome))


def test_one_fold_ships_what_it_was_measured_with(two_combiners):
    outcome, shown = measured(draw_heldout(1.0, 0.5, folds=1))
    assert len(shown) == 1
    assert outcome.shipped is outcome.found["F0"]


@pytest.mark.parametrize("fewest", [0.0, 0.6, 1.0])
def test_what_ships_is_as_near_to_equal_weights_as_what_was_measured_at_least(two_combiners, monkeypatch, fewest):
    """Folds with too few speakers to judge weights by have equal ones; all of them together may not be bolder."""
    shares = iter([1.0, fewest, 1.0, 0.2])
    monkeypatch.setattr("tembr.ensemble.measure.choose_share", lambda level_one: next(shares))
    outcome, _ = measured(draw_heldout(1.0, 0.5))
    assert outcome.shipped.share == max(fewest, 0.2)
    assert (fewest == 1.0) == (set(outcome.shipped.weighting.weights.values()) == {0.5})


def test_every_way_is_measured_on_every_fold():
    outcome, _ = measured(draw_heldout(1.0, 0.5))
    assert list(outcome.ways) == [*CHOICES, "a", "b"]
    assert all([p.shape for p in way.posteriors] == [(120, 6)] * 3 for way in outcome.ways.values())


def test_the_best_so_many_are_chosen_fold_by_fold(two_combiners):
    heldout = draw_heldout(2.0, 1.5, 0.0)
    last = replace(heldout.folds[2], heldout=draw(0.0, 1.5, 2.0, seed=7))
    outcome, shown = measured(replace(heldout, folds=(*heldout.folds[:2], last)), best=2)
    assert [names for _, names, _ in shown[:3]] == [("a", "b"), ("a", "b"), ("b", "c")]
    assert outcome.ways[UNIFORM].uses[2] == {"b", "c"}
    assert outcome.ways["a"].uses[2] == {"a"}


def test_the_best_member_is_chosen_on_validation(two_combiners):
    """On the test part the other one is better; that must not be known."""
    heldout = draw_heldout(2.0, 0.5, folds=1)
    misleading = with_tests(heldout, lambda part: draw(0.0, 4.0, seed=9))
    assert measured(misleading)[0].ways[BEST].members == {"a"}
