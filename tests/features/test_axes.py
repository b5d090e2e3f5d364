"""Rows of representations as axes: a sound of known frequency or tempo lies where the axis says it."""

import numpy as np
import pytest
import torch

from tembr.features import REGISTRY, FeatureSettings, extract
from tembr.features.analysis import constants
from tembr.features.axes import LEVEL, STANDARDISED

RATE = 16_000
OTHERS = FeatureSettings(sample_rate=22_050, n_fft=1024, hop_length=256, n_mels=80, n_chroma=24, contrast_bands=5)


def tone(hertz: float, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(2 * rate) / rate)).astype(np.float32)


def place_of_maximum(name: str, waveform: np.ndarray, settings: FeatureSettings) -> float:
    """Where on its axis the strongest row of a representation lies."""
    rows = REGISTRY[name].rows(settings)
    values = extract(waveform[None], settings.sample_rate, name, settings=settings)[0]
    strongest = int(values.mean(-1)[rows.first :].argmax())
    return float(rows.edges[strongest : strongest + 2].mean())


def place_of_tick(name: str, text: str, settings: FeatureSettings) -> float:
    (place,) = (place for place, said in REGISTRY[name].rows(settings).ticks if said == text)
    return float(place)


@pytest.mark.parametrize("settings", [FeatureSettings(), OTHERS])
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_drawn_row_has_a_place(name, settings):
    rows = REGISTRY[name].rows(settings)
    assert len(rows.edges) == REGISTRY[name].bins(settings) - rows.first + 1
    assert len({*np.sign(np.diff(rows.edges))}) == 1
    assert all(min(rows.edges) <= place <= max(rows.edges) for place, _ in rows.ticks)


@pytest.mark.parametrize("settings", [FeatureSettings(), OTHERS])
@pytest.mark.parametrize(("hertz", "text"), [(500, "500"), (1000, "1,000"), (4000, "4,000")])
def test_a_tone_lies_at_its_hertz_among_mel_bands(hertz, text, settings):
    found = place_of_maximum("melspectrogram", tone(hertz, settings.sample_rate), settings)
    assert found == pytest.approx(place_of_tick("melspectrogram", text, settings), abs=0.75)


def test_a_tone_lies_at_its_hertz_among_bins():
    found = place_of_maximum("spectrogram", tone(2000), FeatureSettings())
    assert found == place_of_tick("spectrogram", "2,000", FeatureSettings()) == 2000


@pytest.mark.parametrize("settings", [FeatureSettings(), OTHERS])
@pytest.mark.parametrize(("hertz", "text"), [(440, "A"), (523.25, "C"), (739.99, "F♯")])
def test_a_note_lies_at_its_name(hertz, text, settings):
    found = place_of_maximum("chroma", tone(hertz, settings.sample_rate), settings)
    assert found == pytest.approx(place_of_tick("chroma", text, settings), abs=0.5)


def test_clicks_lie_at_their_tempo():
    """Every 16 frames: 60 · 16,000 / (512 · 16) = 117.2 beats a minute; or an octave of it, which is as periodic."""
    clicks = np.zeros(20 * RATE, np.float32)
    clicks[:: 16 * 512] = 1.0
    found = place_of_maximum("tempogram", clicks, FeatureSettings())
    assert found == pytest.approx(np.log2(117.19), abs=0.1)


def test_bands_of_contrast_end_at_the_hertz_of_their_bins():
    settings = FeatureSettings()
    said = [float(text.replace(",", "")) for _, text in REGISTRY["spectral_contrast"].rows(settings).ticks]
    assert said == [0, 200, 400, 800, 1600, 3200, 6400, 8000]
    first = np.array([band[0] for band in constants(settings).contrast]) * RATE / settings.n_fft
    np.testing.assert_allclose(first, said[:-1], atol=RATE / settings.n_fft)


def test_the_pitch_class_c_is_on_the_y_axes_of_the_tonal_circles():
    """Sines of 0 on x, cosines of 0, times the circles' radii, on y (Harte et al., 2006)."""
    names = [text for _, text in REGISTRY["tonnetz"].rows(FeatureSettings()).ticks]
    of_c = dict(zip(names, constants(FeatureSettings()).tonnetz[:, 0].tolist()))
    expected = {"fifth x": 0, "fifth y": 1, "minor 3rd x": 0, "minor 3rd y": 1, "major 3rd x": 0, "major 3rd y": 0.5}
    assert of_c == pytest.approx(expected, abs=1e-6)


def test_a_level_is_in_decibels_of_full_scale():
    shown = LEVEL.transform(torch.tensor([[[1.0, 0.1, 0.0]]]), FeatureSettings())
    torch.testing.assert_close(shown, torch.tensor([[[0.0, -20.0, -80.0]]]))


def test_standardised_rows_are_alike_however_large():
    row = torch.tensor([-1.0, 0.0, 1.0])
    shown = STANDARDISED.transform(torch.stack([row, 500 + 100 * row])[None], FeatureSettings())[0]
    torch.testing.assert_close(shown[0], shown[1])
