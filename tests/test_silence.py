"""Silence around speech is cut, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.silence import BELOW, trimmed

RATE = 16_000


def tone(seconds: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def quiet(seconds: float, decibels: float = -BELOW - 5) -> np.ndarray:
    return tone(seconds, 0.5 * 10 ** (decibels / 20))


@pytest.mark.parametrize("below", [-BELOW - 5, -200.0])
def test_a_margin_is_left_on_either_side(below):
    speech = np.concatenate([tone(0.4), quiet(0.6, below), tone(0.4)])
    found = trimmed(np.concatenate([quiet(1.0, below), speech, quiet(2.0, below)]), RATE)
    expected = np.concatenate([quiet(1.0, below)[-1_600:], speech, quiet(2.0, below)[:1_600]])
    np.testing.assert_array_equal(found, expected)


def test_what_is_less_than_that_fainter_stays():
    waveform = np.concatenate([quiet(1.0, -BELOW + 5), tone(0.4)])
    assert len(trimmed(waveform, RATE)) == len(waveform)


def test_what_is_cut_once_is_not_cut_again():
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = rng.uniform(0.05, 1.0, 3)
        once = trimmed(np.concatenate([quiet(lengths[0]), tone(lengths[1]), quiet(lengths[2])]), RATE)
        np.testing.assert_array_equal(trimmed(once, RATE), once)


@pytest.mark.parametrize("waveform", [np.zeros(RATE), tone(0.01), np.full(RATE, np.nan), np.zeros(0)])
def test_where_there_is_no_sound_all_stays(waveform):
    assert len(trimmed(waveform, RATE)) == len(waveform)


def test_level_does_not_matter():
    waveform = np.concatenate([quiet(1.0), tone(0.4), quiet(1.0)])
    assert len(trimmed(0.001 * waveform, RATE)) == len(trimmed(waveform, RATE))
