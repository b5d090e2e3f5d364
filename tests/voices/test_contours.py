from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.errors import ConfigError
from tembr.features import REPRESENTATIONS, FeatureSettings, extract
from tembr.features.voice import ENERGY, PITCH, VOICING
from tembr.voices.functionals import OF_A_CURVE, functionals
from tembr.voices.level import heard, own_level, relative
from tembr.voices.settings import CONTOURS
from tests.voices.conftest import RATE, voice


def contours(waveform: np.ndarray) -> torch.Tensor:
    return extract(CONTOURS.fit(waveform)[None], RATE, "contours", settings=CONTOURS)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize("frequency", [75.0, 120.0, 220.0, 440.0])
def test_pitch_is_the_fundamental(frequency, rng):
    values = contours(voice(frequency, 0.0, 1.0, 2.0, rng))[0]
    inside = slice(10, 110)
    assert values[VOICING, inside].median() > 0.9
    assert values[PITCH, inside].median() == pytest.approx(12 * np.log2(frequency / 100), abs=0.35)


def test_noise_has_no_voice_and_energy_is_in_decibels(rng):
    noise = rng.standard_normal(2 * RATE).astype(np.float32)
    quiet, loud = contours(0.01 * noise)[0], contours(0.1 * noise)[0]
    assert quiet[VOICING, 10:100].median() < 0.5
    assert (loud - quiet)[ENERGY, 10:100].mean() == pytest.approx(20, abs=0.1)


def test_librosa_finds_the_same_pitch(rng):
    import librosa

    sound = voice(150.0, 0.8, 1.0, 2.0, rng)
    found, _, _ = librosa.pyin(sound, fmin=65, fmax=500, sr=RATE, frame_length=1024, hop_length=256)
    ours = 100 * 2 ** (contours(sound)[0, PITCH].numpy()[: len(found)] / 12)
    both = np.isfinite(found)
    assert np.median(np.abs(np.log2(ours[both] / found[both]))) < 0.03


def test_the_eleven_are_still_eleven():
    assert len(REPRESENTATIONS) == 11 and "contours" not in REPRESENTATIONS


def test_a_window_too_short_for_a_low_voice_is_refused(rng):
    with pytest.raises(ConfigError, match="n_fft 256"):
        extract(rng.standard_normal((1, RATE)), RATE, "contours", settings=FeatureSettings(n_fft=256))


def test_silence_around_the_speech_changes_nothing(rng):
    sound = voice(130.0, 0.4, 1.0, 1.2, rng)
    plain = contours(sound)
    padded = contours(np.concatenate([np.zeros(RATE // 2 // 256 * 256, np.float32), sound]))
    one, other = (own_level(c, heard(c)) for c in (plain, padded))
    torch.testing.assert_close(one, other, rtol=0, atol=1.0)  # a frame or two more at the edge
    numbers = [functionals(c, heard(c)) for c in (plain, padded)]
    assert (numbers[0] - numbers[1]).abs().median() < 0.2


def test_only_voiced_frames_count_for_the_pitch(rng):
    sound = voice(130.0, 0.0, 1.0, 1.0, rng)
    hiss = 0.05 * rng.standard_normal(RATE // 2).astype(np.float32)
    values = contours(np.concatenate([sound, hiss]))
    counts = heard(values)
    assert counts[0, PITCH].sum() < 0.8 * counts[0, ENERGY].sum()
    assert own_level(values, counts)[0, PITCH] == pytest.approx(12 * np.log2(1.3), abs=0.6)


def test_a_louder_and_a_higher_voice_are_the_same_relative_to_their_own_level(rng):
    sound = voice(130.0, 0.4, 1.0, 1.2, rng)
    one, other = contours(sound), contours(2 * sound)
    changed = [relative(c, heard(c), own_level(c, heard(c))) for c in (one, other)]
    torch.testing.assert_close(
        changed[0], changed[1], rtol=0, atol=0.1
    )  # the floor of silent bands does not rise with the voice
    loudness = [own_level(c, heard(c))[0, ENERGY] for c in (one, other)]
    assert loudness[1] - loudness[0] == pytest.approx(20 * np.log10(2), abs=0.2)


def test_functionals_are_what_they_are_called():
    frames = torch.linspace(-1, 1, 101)
    values = torch.zeros(1, 43, 101)
    values[0, PITCH] = 3 * frames
    values[0, VOICING] = 1.0
    counts = torch.ones_like(values)
    of_pitch = dict(zip(OF_A_CURVE, functionals(values, counts)[0, : 11 * len(OF_A_CURVE) : 11]))
    assert of_pitch["mean"] == pytest.approx(0, abs=1e-5)
    assert of_pitch["deviation"] == pytest.approx(3 / np.sqrt(3), rel=0.02)
    assert of_pitch["slope"] == pytest.approx(3, rel=0.03)
    assert of_pitch["rise"] == pytest.approx(3, rel=0.01) and of_pitch["fall"] == pytest.approx(3, rel=0.01)
    assert of_pitch["beginning"] == pytest.approx(-2, rel=0.05) and of_pitch["end"] == pytest.approx(2, rel=0.05)
    assert of_pitch["change"] == pytest.approx(0.06, rel=0.01)
    assert torch.isfinite(functionals(values, torch.zeros_like(values))).all()
