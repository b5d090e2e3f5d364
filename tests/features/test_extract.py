"""Representations with known answers, and the contract of `extract` for every one of them."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from tembr.errors import ConfigError, TembrError
from tembr.features import REGISTRY, REPRESENTATIONS, FeatureSettings, extract, extract_many
from tests.features.conftest import RATE, SAMPLES


def tone(frequency: float) -> torch.Tensor:
    return (0.5 * torch.sin(2 * torch.pi * frequency * torch.arange(SAMPLES) / RATE))[None].float()


def test_there_are_the_eleven_in_the_agreed_order():
    assert REPRESENTATIONS == (
        "melspectrogram", "spectrogram", "mfcc", "chroma", "spectral_contrast", "zcr", "rms", "tempogram",
        "tonnetz", "delta_mfcc", "delta_tempogram",
    )  # fmt: skip


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_shape_is_batch_bins_frames(name):
    values = extract(torch.randn(3, SAMPLES), RATE, name)
    assert values.shape == (3, REGISTRY[name].bins(FeatureSettings()), 1 + SAMPLES // 512)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_a_recording_does_not_depend_on_its_neighbours(name):
    loudness = torch.tensor([0.01, 1, 0.1, 3, 0.001, 1, 0.1, 1, 0.02, 2])[:, None]
    batch = torch.randn(10, SAMPLES, generator=torch.Generator().manual_seed(0)) * loudness
    together = extract(batch, RATE, name)
    for number in (0, 7, 8, 9):
        torch.testing.assert_close(together[number], extract(batch[number : number + 1], RATE, name)[0])


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_computed_together_is_computed_alone(name, voice):
    assert torch.equal(extract_many(voice[None])[name], extract(voice[None], RATE, name))


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_silence_gives_finite_values(name):
    assert torch.isfinite(extract(torch.zeros(1, SAMPLES), RATE, name)).all()


def test_a_tone_is_loudest_in_its_own_bin():
    values = extract(tone(1000.0), RATE, "spectrogram")[0, :, 40]
    assert values.argmax() == round(1000 * 2048 / RATE)
    assert values.max() == pytest.approx(0, abs=0.1)


def test_concert_a_is_pitch_class_nine():
    assert extract(tone(440.0), RATE, "chroma")[0, :, 40].argmax() == 9


def test_rms_of_a_sine_is_its_amplitude_over_root_two():
    assert extract(tone(500.0), RATE, "rms")[0, 0, 40] == pytest.approx(0.5 / 2**0.5, rel=1e-3)


def test_zero_crossing_rate_of_a_sine_is_twice_its_frequency():
    assert extract(tone(500.0), RATE, "zcr")[0, 0, 40] * RATE == pytest.approx(2 * 500, rel=0.01)


def test_decibels_fall_no_deeper_than_the_floor():
    values = extract(torch.randn(1, SAMPLES) * torch.linspace(0, 1, SAMPLES).pow(8), RATE, "melspectrogram")
    assert values.min() == -80
    assert values.max() == 0


def test_clicks_beat_at_their_own_lag_in_the_tempogram():
    clicks = torch.zeros(1, SAMPLES)
    clicks[0, :: 512 * 10] = 1.0
    column = extract(clicks, RATE, "tempogram")[0, :, 47]
    assert column[5:15].argmax() + 5 == 10


def test_the_slope_of_a_ramp_is_constant():
    from tembr.features.temporal import delta

    ramp = torch.arange(20.0).expand(1, 2, 20) * 3
    torch.testing.assert_close(delta(ramp, 9), torch.full((1, 2, 20), 3.0))


def test_other_sample_rates_use_their_own_filters():
    values = extract(tone(1000.0), 8_000, "spectrogram")[0, :, 40]
    assert values.argmax() == round(1000 * 2048 / RATE)


def test_contrast_bands_above_half_the_sample_rate_are_refused():
    with pytest.raises(ConfigError, match="lower contrast_bands"):
        extract(tone(1000.0), 8_000, "spectral_contrast")


def test_numpy_arrays_are_taken():
    assert extract(np.zeros((1, 16_000), np.float32), RATE, "rms").shape == (1, 1, 32)


def test_unknown_representation_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean mfcc"):
        extract(torch.zeros(1, 16_000), RATE, "mfccs")


def test_a_missing_batch_axis_is_said():
    with pytest.raises(TembrError, match="add a batch axis"):
        extract(torch.zeros(16_000), RATE, "mfcc")


def test_nan_samples_are_refused():
    with pytest.raises(TembrError, match="NaN"):
        extract(torch.full((1, 16_000), float("nan")), RATE, "mfcc")


def test_too_short_for_a_delta_is_said():
    with pytest.raises(TembrError, match="at least 9 frames"):
        extract(torch.zeros(1, 1_600), RATE, "delta_mfcc")


def test_contradicting_sample_rates_are_refused():
    with pytest.raises(ConfigError, match="resample"):
        extract(torch.zeros(1, 16_000), 8_000, "mfcc", settings=FeatureSettings())


def test_constants_are_librosas():
    from tembr.features.analysis import constants

    assert np.array_equal(constants(FeatureSettings()).mel.numpy(), librosa.filters.mel(sr=RATE, n_fft=2048))
