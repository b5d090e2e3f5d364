"""What is unlike all that was learnt from gets less sure answers, by the t distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_t

from tembr.models import precision
from tembr.models.precision import ExpectedPrecision

RNG = np.random.default_rng(0)
MIXED = RNG.normal(size=(4, 4)) + 2 * np.eye(4)
VALUES = (RNG.standard_t(20, size=(4_000, 4)) @ MIXED + [1.0, -2, 30, 0.5]).astype(np.float32)
MEAN, COVARIANCE = VALUES.mean(0), np.cov(VALUES.T)


def fitted(degrees: float = 5.0) -> ExpectedPrecision:
    made = ExpectedPrecision(4, degrees)
    made.fit(MEAN, COVARIANCE, len(VALUES))
    return made


def said(made: ExpectedPrecision, values: np.ndarray) -> np.ndarray:
    return made(torch.from_numpy(np.asarray(values, np.float32))).numpy()[:, 0]


@pytest.mark.parametrize("degrees", [1.0, 5.0, 80.0])
def test_it_is_what_a_t_distribution_s_slope_is_of_a_gaussian_s(degrees):
    """The slope of its log density is the precision's mean times that of a Gaussian."""
    t = multivariate_t(MEAN.astype(float), COVARIANCE, df=degrees)
    for place in VALUES[:20].astype(float):
        step = 1e-4 * np.eye(4)
        slope = [(t.logpdf(place + one) - t.logpdf(place - one)) / 2e-4 for one in step]
        gaussian = -np.linalg.solve(COVARIANCE, place - MEAN)
        assert said(fitted(degrees), place[None])[0] * gaussian == pytest.approx(np.array(slope), rel=0.02, abs=2e-3)


def test_it_is_about_one_for_what_was_learnt_from_and_falls_with_the_distance():
    assert said(fitted(), VALUES).mean() == pytest.approx(1.1, abs=0.15)
    direction = np.linalg.cholesky(COVARIANCE)[:, 1]
    further = said(fitted(), MEAN + np.arange(5)[:, None] * direction)
    assert further == pytest.approx((5 + 4) / (5 + np.arange(5.0) ** 2), rel=0.01)


def test_the_more_degrees_the_less_it_heeds_the_distance():
    far = MEAN + 4 * np.sqrt(np.diag(COVARIANCE))
    found = [said(fitted(degrees), far[None])[0] for degrees in (1, 10, 1e6)]
    assert found[0] < found[1] < found[2] and found[2] == pytest.approx(1, abs=1e-3)


def test_the_axes_of_the_greatest_variance_count(monkeypatch):
    monkeypatch.setattr(precision, "AXES", 1)
    made = ExpectedPrecision(2, 3.0)
    made.fit(np.zeros(2), np.array([[4.0, 1.8], [1.8, 1.0]]), 100)  # of standardised values, (1, 1) and (1, -1)
    along, across = said(made, [[4.0, 2.0], [4.0, -2.0]])
    assert across == pytest.approx(4 / 3, rel=1e-3) and along == pytest.approx(4 / (3 + 8 / 1.9), rel=1e-3)


def test_a_value_far_out_counts_as_six_deviations():
    assert said(fitted(), np.full((1, 4), 1e4)) == said(fitted(), np.full((1, 4), 1e7)) > 0


def test_what_never_varied_is_no_reason_to_be_unsure():
    made = ExpectedPrecision(2, 3.0)
    made.fit(np.zeros(2), np.diag([1.0, 0.0]), 100)
    assert said(made, [[1.0, 0.0], [1.0, 0.01], [1.0, 9.0]]) == pytest.approx(1, rel=1e-2)


@pytest.mark.parametrize("count", [3, 40, 100, 400])
def test_of_few_recordings_no_more_axes_count_than_they_tell(count):
    """Others of the same kind are answered as surely, however few were learnt from."""
    values = np.random.default_rng(1).normal(size=(count + 500, 384))
    made = ExpectedPrecision(384, 256.0)
    made.fit(values[:count].mean(0), np.cov(values[:count].T), count)
    assert int(made.dimensions) == min(precision.AXES, count // precision.RECORDINGS)
    assert 0.7 < said(made, values[count:]).mean() < 1.3


def test_copies_of_a_recording_tell_no_more_than_it():
    """Six of each, hardly different: as sure of others as where each is there once."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(560, 384))
    copies = np.repeat(values[:60], 6, axis=0) + 0.1 * rng.normal(size=(360, 384))
    surely = []
    for count in (60, 360):
        made = ExpectedPrecision(384, 256.0)
        made.fit(copies.mean(0), np.cov(copies.T), count)
        surely.append(said(made, values[60:]).mean())
    assert surely[0] > 0.7 and surely[1] < 0.4  # as they must not be counted


def test_the_projection_is_whole_in_half_precision():
    """So that a graph stores it in half the bytes (`tembr.export.quantize.exact_halves`)."""
    projection = fitted().projection
    assert torch.equal(projection, projection.half().float()) and projection.abs().max() > 0
