"""Each recording is normalised by itself."""

from __future__ import annotations

import pytest
import torch

from tembr.features.normalization import normalize_recording

VALUES = torch.tensor([[[1.0, 3.0], [10.0, 2.0]]])
"""One recording of two bins and two frames."""


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("none", [[1, 3], [10, 2]]),
        ("cmn", [[-1, 1], [4, -4]]),
        ("cmvn", [[-1, 1], [1, -1]]),
        ("minmax", [[0, 2 / 9], [1, 1 / 9]]),
    ],
)
def test_what_becomes_of_two_bins(how, expected):
    torch.testing.assert_close(normalize_recording(VALUES, how), torch.tensor([expected], dtype=torch.float32))


@pytest.mark.parametrize("how", ["cmn", "cmvn", "minmax"])
def test_a_constant_is_nothing(how):
    assert not normalize_recording(torch.full((1, 2, 3), 7.0), how).any()


@pytest.mark.parametrize("how", ["none", "cmn", "cmvn", "minmax"])
def test_a_recording_does_not_depend_on_its_neighbour(how):
    both = torch.cat([VALUES, 100 * VALUES])
    torch.testing.assert_close(normalize_recording(both, how)[:1], normalize_recording(VALUES, how))
