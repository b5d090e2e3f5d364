"""Crossings, energy, onsets, tempo and slopes of a few samples."""

from __future__ import annotations

import pytest
import torch

from tembr.errors import TembrError
from tembr.features.temporal import delta, onset_strength, ramp_padded, rms, tempogram, zero_crossing_rate


def test_a_crossing_is_a_change_of_sign_within_the_frame():
    waveform = torch.tensor([[1.0, -1.0] * 4])
    assert zero_crossing_rate(waveform, 4, 2).tolist() == [[[0.25, 0.75, 0.75, 0.75, 0.25]]]


def test_zero_and_what_is_next_to_it_are_positive():
    waveform = torch.tensor([[1.0, 0.0, 1e-11, -1e-11, 1.0, -1e-9, 1.0, 1.0]])
    assert zero_crossing_rate(waveform, 4, 4).tolist() == [[[0, 0.25, 0]]]


def test_energy_is_the_root_of_the_mean_square_with_silence_around():
    assert rms(torch.full((1, 4), -2.0), 4, 2).flatten().tolist() == pytest.approx([2**0.5, 2, 2**0.5])


@pytest.mark.parametrize("samples", [1, 5, 29, 30, 31, 64])
@pytest.mark.parametrize(("length", "hop"), [(4, 2), (6, 3), (8, 8), (5, 2), (12, 8), (12, 18)])
def test_energy_is_that_of_every_frame(samples, length, hop):
    waveform = torch.randn(2, samples, generator=torch.Generator().manual_seed(samples))
    padded = torch.nn.functional.pad(waveform, (length // 2, length // 2 + length))
    frames = 1 + (samples + length // 2 * 2 - length) // hop
    expected = padded.unfold(1, length, hop)[:, :frames].square().mean(-1).sqrt()
    torch.testing.assert_close(rms(waveform, length, hop)[:, 0], expected)


def test_energy_is_the_same_where_the_hop_does_not_divide_the_frame():
    waveform = torch.tensor([[0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0]])
    assert rms(waveform, 4, 6).square().flatten().tolist() == pytest.approx([9 / 4, 16 / 4])


def test_an_onset_is_the_mean_rise_half_a_frame_later():
    log_mel = torch.tensor([[[0.0, 2.0, 1.0, 5.0], [0.0, 0.0, 4.0, 4.0]]])
    assert onset_strength(log_mel, n_fft=4, hop_length=2).tolist() == [[0, 0, 1, 2]]


def test_a_steady_beat_correlates_by_how_much_of_the_window_is_left():
    column = tempogram(torch.ones(1, 12), torch.ones(4, dtype=torch.float64))[0, :, 5]
    assert column.tolist() == pytest.approx([1, 0.75, 0.5, 0.25])


def test_without_an_onset_there_is_no_tempo():
    assert not tempogram(torch.zeros(1, 12), torch.ones(4, dtype=torch.float64)).any()


def test_a_slope_is_that_of_the_line_through_the_frames_and_goes_on_at_the_ends():
    assert delta(torch.tensor([[[0.0, 1.0, 4.0, 9.0]]]), 3).tolist() == [[[2, 2, 4, 4]]]


def test_a_slope_needs_as_many_frames_as_its_width():
    with pytest.raises(TembrError, match="at least 5 frames, here are 4; give a longer recording"):
        delta(torch.zeros(1, 1, 4), 5)


def test_the_onset_is_led_in_from_nothing_and_out_to_it():
    assert ramp_padded(torch.tensor([[4.0, 8.0]]), 2).tolist() == [[0, 2, 4, 8, 4, 0]]
