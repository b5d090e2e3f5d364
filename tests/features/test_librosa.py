"""Each representation is held to librosa's own numbers, on real and on synthetic signals."""

from __future__ import annotations

import numpy as np
import pytest

from tembr import audio
from tembr.features import REPRESENTATIONS, FeatureSettings, extract
from tests.features.conftest import RATE, SAMPLES, reference, synthetic

TOLERANCE = 1e-4

ROUNDING = {
    "spectral_contrast": 1e-4,  # dB
    "delta_mfcc": 1e-5,  # dB a frame
    "delta_tempogram": 1e-5,  # a frame
}
"""Where a signal's true value is 0 (the contrast of an impulse, the slope of silence), librosa's own result is
rounding; there the difference is held to this root mean square instead."""


def assert_agrees(name: str, signal: np.ndarray, **settings) -> None:
    expected = reference(name, signal, **settings)
    chosen = FeatureSettings(n_fft=settings.get("n_fft", 2048), hop_length=settings.get("hop", 512))
    ours = extract(signal[None], RATE, name, settings=chosen)[0].numpy()
    assert ours.shape == expected.shape
    difference = np.linalg.norm(ours - expected)
    allowed = max(TOLERANCE * np.linalg.norm(expected), ROUNDING.get(name, 0) * np.sqrt(expected.size))
    assert difference <= allowed, f"{difference / max(np.linalg.norm(expected), 1e-30):.1e}"


@pytest.mark.parametrize("signal", synthetic())
@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_synthetic_signals_agree_with_librosa(name, signal):
    assert_agrees(name, synthetic()[signal])


@pytest.mark.filterwarnings("ignore:n_fft")
@pytest.mark.parametrize("name", [name for name in REPRESENTATIONS if not name.startswith("delta")])
def test_a_tenth_of_a_second_alone_agrees_with_librosa(name):
    assert_agrees(name, synthetic()["short"][: RATE // 10])


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_other_frame_sizes_agree_with_librosa(name):
    assert_agrees(name, synthetic()["clipped"], n_fft=1024, hop=256)


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_real_recordings_agree_with_librosa(name, corpora_dir):
    files = sorted((corpora_dir / "nemo" / "samples").glob("*.wav"))[::400]
    files += sorted((corpora_dir / "ravdess").glob("*/*.wav"))[::700]
    for file in files:
        signal = audio.fit_length(audio.read(file), SAMPLES)
        expected = reference(name, signal)
        ours = extract(signal[None], RATE, name)[0].numpy()
        assert np.linalg.norm(ours - expected) <= TOLERANCE * np.linalg.norm(expected), file.name
