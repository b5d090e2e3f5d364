"""Sounds without a voice are what their names say."""

from __future__ import annotations

import numpy as np
import pytest

from tembr.corpora.sounds import PEAK, SAMPLE_RATE, SOUNDS, synthesize


def spectrum(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz, and the power there."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)))) ** 2
    return np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE), power


@pytest.mark.parametrize("kind", SOUNDS)
def test_every_kind_is_of_the_length_and_loudness_asked_for(kind):
    wave = synthesize(kind, 3, 0.4)
    assert (wave.shape, wave.dtype) == ((6_400,), np.float32)
    assert PEAK[0] - 0.01 <= 20 * np.log10(np.abs(wave).max()) <= PEAK[1] + 0.01


@pytest.mark.parametrize("kind", ["white noise", "melody", "drums"])
def test_every_seed_is_another_sound_and_always_the_same(kind):
    one = synthesize(kind, 1, 0.2)
    assert np.array_equal(one, synthesize(kind, 1, 0.2)) and not np.array_equal(one, synthesize(kind, 2, 0.2))


@pytest.mark.parametrize(("kind", "decibels"), [("white noise", 0), ("pink noise", 10), ("brown noise", 20)])
def test_noise_falls_by_its_decibels_a_decade(kind, decibels):
    hertz, power = spectrum(synthesize(kind, 0, 4.0))
    low, high = (power[(hertz > at) & (hertz < 1.2 * at)].mean() for at in (500, 5_000))
    assert 10 * np.log10(low / high) == pytest.approx(decibels, abs=2)


def test_a_tone_is_all_at_one_frequency():
    _, power = spectrum(synthesize("tone", 5, 1.0))
    at = power.argmax()
    assert power[at - 2 : at + 3].sum() > 0.999 * power.sum()


def test_a_telephone_rings_at_425_hertz():
    hertz, power = spectrum(synthesize("ringing", 0, 2.0))
    assert hertz[power.argmax()] == pytest.approx(425, abs=1)


def test_a_key_of_a_telephone_is_one_tone_of_each_group():
    hertz, power = spectrum(synthesize("dtmf", 1, 0.05))
    lower, upper = (hertz[within][power[within].argmax()] for within in (hertz < 1_075, hertz > 1_075))
    assert min(abs(np.array([697, 770, 852, 941]) - lower)) < 25
    assert min(abs(np.array([1_209, 1_336, 1_477, 1_633]) - upper)) < 25


def test_a_square_wave_has_two_values():
    assert len(np.unique(synthesize("square wave", 2, 0.3))) == 2
