"""The small voice: its length, loudness, pitch and formants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tembr.corpora.voice import HOP_LENGTH, N_FFT, SAMPLE_RATE, Prosody, Speaker, speak

MANNER = Prosody(
    pitch=1, span=0, rise=0, level=-20, tempo=1, breath=0, tilt=1, jitter=0, tremor=0, stress=0, attack=0
)  # fmt: skip
SPEAKER = Speaker("a", "male", 120.0, 1.0, np.ones(N_FFT // 2 + 1), 0.0)


def said(vowels: str = "aaaa", seed: int = 0, speaker: Speaker = SPEAKER, **prosody) -> np.ndarray:
    return speak(vowels, speaker, replace(MANNER, **prosody), np.random.default_rng(seed))


def power_at(wave: np.ndarray, low: float, high: float) -> float:
    """Share of the power between two frequencies in Hz."""
    hertz, power = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE), np.abs(np.fft.rfft(wave)) ** 2
    return power[(hertz >= low) & (hertz < high)].sum() / power.sum()


def fundamental(wave: np.ndarray) -> float:
    """Frequency in Hz at which the wave repeats itself, between 60 and 250 Hz."""
    spectrum = np.abs(np.fft.rfft(wave, 2 * len(wave))) ** 2
    lags = np.arange(SAMPLE_RATE // 250, SAMPLE_RATE // 60)
    return SAMPLE_RATE / lags[np.fft.irfft(spectrum)[lags].argmax()]


def rms(wave: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))


@pytest.mark.parametrize(("vowels", "seconds"), [("a", 0.85), ("a" * 40, 3.45)])
def test_the_shortest_and_the_longest_speech(vowels, seconds):
    wave = said(vowels)
    assert len(wave) == round(seconds * SAMPLE_RATE / HOP_LENGTH) * HOP_LENGTH and wave.dtype == np.float32


def test_twice_the_tempo_takes_half_the_time():
    slow, fast = said("a" * 8), said("a" * 8, tempo=2)
    assert len(fast) / len(slow) == pytest.approx(0.5, abs=0.01)


def test_twenty_decibels_are_ten_times_the_amplitude():
    assert rms(said(level=0)) / rms(said()) == pytest.approx(10, rel=0.05)
    assert rms(said()) == pytest.approx(0.006, rel=0.01)


@pytest.mark.parametrize("pitch", [0.8, 1.0, 1.5])
def test_its_power_lies_at_multiples_of_the_pitch(pitch):
    wave, hertz = said(pitch=pitch), 120 * pitch
    within = sum(power_at(wave, k * hertz - 6, k * hertz + 6) for k in range(1, 60))
    assert within > 0.9


def test_a_drift_of_twelve_semitones_ends_an_octave_above_the_beginning():
    wave = said("a" * 8, rise=12)
    early, late = (fundamental(part) for part in (wave[2_000:5_000], wave[-5_000:-2_000]))
    assert late / early == pytest.approx(2 ** (1 - 7_000 / len(wave)), rel=0.05)


@pytest.mark.parametrize(("vowel", "other", "formant"), [("i", "a", 280), ("a", "i", 780), ("i", "u", 2_250)])
def test_a_vowel_is_louder_than_another_where_it_has_a_formant(vowel, other, formant):
    here, there = (power_at(said(4 * one), formant - 100, formant + 100) for one in (vowel, other))
    assert here > 2 * there


def test_a_shorter_tract_has_higher_formants():
    short = replace(SPEAKER, tract=1.2)
    assert power_at(said(speaker=short), 850, 1_050) > 2 * power_at(said(), 850, 1_050)


def test_it_never_leaves_full_scale():
    assert np.abs(said(level=40)).max() <= 1


def test_the_same_draw_says_the_same():
    assert np.array_equal(said(span=4, jitter=0.02), said(span=4, jitter=0.02))
    assert not np.array_equal(said(span=4), said(span=4, seed=1)[: len(said(span=4))])
