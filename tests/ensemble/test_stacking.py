"""Stacking on made-up members."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.ensemble.part import Part
from tembr.ensemble.stacking import fit_stacking
from tests.ensemble.conftest import draw, level_one


@pytest.mark.parametrize("by_speaker", [True, False])
def test_it_reads_members_that_mix_up_their_labels(by_speaker):
    """Every answer of this member is off by one class: useless to a weighted sum, plain to who learns to read it."""
    learnt, asked = (draw(4.0, n=240, seed=seed) for seed in (1, 2))
    shifted = [Part(np.roll(p.logits, 1, axis=2), p.classes, p.speakers, p.indices) for p in (learnt, asked)]
    posteriors = fit_stacking(level_one(shifted[0], by_speaker))(shifted[1].logits)
    assert (posteriors.argmax(1) == asked.classes).mean() > 0.9
    np.testing.assert_allclose(posteriors.sum(1), 1)


def test_noise_is_answered_with_the_prior():
    posteriors = fit_stacking(level_one(draw(0.0, n=600)))(draw(0.0, seed=5).logits)
    assert np.abs(posteriors - 1 / 6).max() < 0.15


@pytest.mark.parametrize("present", [[2], [1, 4], [0, 1, 2, 3, 5]])
def test_a_class_that_validation_lacks_gets_nothing(present):
    part = draw(2.0)
    kept = np.isin(part.classes, present)
    fewer = Part(part.logits[:, kept], part.classes[kept], part.speakers[kept], part.indices[kept])
    posteriors = fit_stacking(level_one(fewer, by_speaker=True))(part.logits)
    absent = [k for k in range(6) if k not in present]
    assert posteriors.shape == (120, 6)
    assert np.all(posteriors[:, absent] == 0)
    np.testing.assert_allclose(posteriors.sum(1), 1)


def test_the_same_seed_gives_the_same_answers():
    part, asked = draw(1.0, 0.5), draw(1.0, 0.5, seed=9)
    one, other = (fit_stacking(level_one(part))(asked.logits) for _ in range(2))
    np.testing.assert_array_equal(one, other)
