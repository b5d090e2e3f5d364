"""scripts/measure_padding.py on a tiny encoder, and on states made by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.features.encoder import load_encoder
from tembr.features.layers import WhisperLayers, states_of
from tembr.models.encoder import EncoderSettings
from tests.encoders import write_encoder
from tests.scripts import loaded


@pytest.fixture(scope="module")
def script():
    with loaded("measure_padding") as module:
        yield module


@pytest.fixture(scope="module")
def layers(tmp_path_factory) -> WhisperLayers:
    encoder = load_encoder(write_encoder("Whisper", tmp_path_factory.mktemp("whisper")))
    return WhisperLayers(encoder.model, encoder.extractor, states_of((1, 2)), 32_000).eval()


def test_silence_after_a_recording_changes_its_states_but_has_no_part_in_their_mean(script, layers):
    waveform = np.random.default_rng(0).normal(size=16_000).astype(np.float32)
    own, _ = script.pooled(layers, [waveform], 0)
    filled, _ = script.pooled(layers, [waveform], 32_000)
    with torch.inference_mode():
        states = layers(torch.from_numpy(waveform)[None])
        longer = layers(torch.nn.functional.pad(torch.from_numpy(waveform), (0, 16_000))[None])
    np.testing.assert_allclose(own[0], [one[0].mean(0) for one in states], atol=1e-5)
    np.testing.assert_allclose(filled[0], [one[0, :50].mean(0) for one in longer], atol=1e-5)
    assert np.abs(own - filled).max() > 1e-3


def test_every_speaker_is_answered_by_what_the_others_taught(script):
    """Emotions lie alike for three speakers and the other way round for the fourth, who alone is answered wrong."""
    classes, speakers = np.tile([0, 1], 40), np.repeat(["a", "b", "c", "d"], 20)
    states = np.random.default_rng(0).normal(scale=0.1, size=(80, 2, 3))
    states[..., 0] += 3 * np.where(speakers == "d", 1 - classes, classes)[:, None]
    settings = EncoderSettings(name="x", layers=(1, 2))
    assert script.unseen_uar(settings, states, classes, speakers) == pytest.approx(3 / 4)
