"""From a waveform to the power in its frames, by hand."""

from __future__ import annotations

import pytest
import torch

from tembr.features.stft import (
    apply_banded,
    apply_filters,
    banded,
    frame,
    pad_centred,
    power_spectrogram,
    squared_magnitude,
)


def test_frames_overlap_and_end_with_the_last_whole_one():
    assert frame(torch.arange(6.0)[None], 3, 2).tolist() == [[[0, 1, 2], [2, 3, 4]]]


def test_half_a_frame_is_put_on_either_side():
    assert pad_centred(torch.tensor([[1.0, 2.0, 3.0]]), 4).tolist() == [[0, 0, 1, 2, 3, 0, 0]]


def test_the_power_of_a_constant_lies_at_zero_hertz_and_at_its_edges():
    power = power_spectrogram(torch.ones(1, 4), torch.ones(4, dtype=torch.float64), 2)
    assert power.dtype == torch.float32
    assert power.tolist() == [[[4, 16, 4], [2, 0, 2], [0, 0, 0]]]


def test_every_sample_is_weighed_by_the_window():
    power = power_spectrogram(torch.ones(1, 4), torch.tensor([0.0, 1.0, 2.0, 0.0], dtype=torch.float64), 2)
    assert power[0, 0].tolist() == [4, 9, 1]


def test_a_valley_beside_a_loud_tone_is_no_rounding():
    time = torch.arange(1024)
    tone = torch.sin(2 * torch.pi * 8 / 64 * time.double()).float()[None]
    power = power_spectrogram(tone, torch.hann_window(64, dtype=torch.float64), 64)[0, :, 5]
    assert power[8] == pytest.approx(16**2, rel=1e-5) and power[20] < 1e-10


def test_a_magnitude_is_squared_over_both_parts():
    assert squared_magnitude(torch.tensor([3 + 4j, -2j])).tolist() == [25, 4]


def test_filters_in_groups_are_multiplied_with_the_bins_they_cover():
    filters = torch.tensor([[1.0, 2.0, 0, 0, 0], [0, 3.0, 1.0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 4.0, 5.0]])
    values = torch.arange(30.0).reshape(2, 5, 3)
    groups = banded(filters, 2)
    assert [(first, stop, tuple(rows.shape)) for first, stop, rows in groups] == [(0, 3, (2, 3)), (3, 5, (2, 2))]
    for count in (1, 2, 3, 4, 9):
        torch.testing.assert_close(apply_banded(banded(filters, count), values), filters @ values)


def test_filters_are_multiplied_with_every_frame():
    filters, values = torch.tensor([[1.0, 2.0], [0.0, -1.0], [1.0, 1.0]]), torch.tensor([[[1.0, 3.0], [10.0, 20.0]]])
    assert apply_filters(filters, values).tolist() == [[[21, 43], [-10, -20], [11, 23]]]
