"""Pitch classes and where they lie on the circles of the Tonnetz."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.features.tonal import chroma, normalize_columns, tonnetz, tonnetz_basis

C, E_FLAT, E, G = 0, 3, 4, 7


@pytest.mark.parametrize(
    ("norm", "expected"), [("max", [[0.5, 0, 1], [-1, 0, 0]]), ("l1", [[1 / 3, 0, 1], [-2 / 3, 0, 0]])]
)
def test_a_frame_is_divided_by_its_largest_or_by_its_sum_and_silence_by_nothing(norm, expected):
    values = torch.tensor([[[2.0, 0.0, 3.0], [-4.0, 0.0, 0.0]]])
    torch.testing.assert_close(normalize_columns(values, norm), torch.tensor([expected]))


def test_the_loudest_pitch_class_of_a_frame_is_one():
    power, filters = torch.tensor([[[1.0], [3.0], [2.0]]]), torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert chroma(power, filters).tolist() == [[[1], [0.5]]]


@pytest.mark.parametrize(
    ("pitch", "circle", "degrees"), [(G, 0, 30), (E_FLAT, 2, 90), (E, 4, 120), (C, 0, 0), (C, 2, 0), (C, 4, 0)]
)
def test_a_pitch_class_lies_on_its_circle_by_its_interval_from_c(pitch, circle, degrees):
    x, y = tonnetz_basis(12)[circle : circle + 2, pitch] / (0.5 if circle == 4 else 1)
    assert (x, y) == pytest.approx((np.sin(np.radians(degrees)), np.cos(np.radians(degrees))))


def test_a_finer_scale_has_the_twelve_where_they_were():
    np.testing.assert_allclose(tonnetz_basis(24)[:, ::2], tonnetz_basis(12), atol=1e-12)


def test_the_centroid_does_not_depend_on_the_loudness():
    basis = torch.from_numpy(tonnetz_basis(12)).float()
    pitches = torch.zeros(1, 12, 2)
    pitches[0, C] = torch.tensor([1.0, 5.0])
    pitches[0, G] = torch.tensor([1.0, 5.0])
    found = tonnetz(pitches, basis)
    torch.testing.assert_close(found[0, :, 0], (basis[:, C] + basis[:, G]) / 2)
    torch.testing.assert_close(found[..., 0], found[..., 1])
