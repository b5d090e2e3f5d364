"""Pretrained encoders: their states are `transformers`' own, at a recording's own length."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tembr.errors import ConfigError
from tembr.features.encoder import EncoderInput, encoder_input, load_encoder
from tembr.features.inputs import together
from tembr.features.layers import LOUDEST, WhisperLayers, states_of
from tembr.features.log_mel import LogMelInput, encoder_values_input
from tembr.silence import trimmed
from tests.encoders import KINDS, MASKING, NORMALIZED, whisper_base, write_encoder

transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    return {kind: write_encoder(kind, tmp_path_factory.mktemp(kind)) for kind in (*KINDS, NORMALIZED)}


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(round(16_000 * seconds)) * 0.1).astype(np.float32)


def states(folder: str, waveform: np.ndarray, layer: int = 1, window: float = 0.0) -> np.ndarray:
    ((values,),) = EncoderInput.compute([encoder_input(folder, layer, window)], [waveform])
    return values


def leveled(log_mel):
    """A spectrogram of `transformers` with its maximum where ours has it."""
    return log_mel - log_mel.max() + LOUDEST


def own_states(folder: str, waveform: np.ndarray, layer: int) -> np.ndarray:
    """Mean over time of `transformers`' hidden states; of Whisper those of the recording's own positions."""
    loaded = load_encoder(folder)
    whisper = loaded.model.config.model_type == "whisper"
    values = loaded.extractor(waveform, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        if not whisper:
            return loaded.model(**values, output_hidden_states=True).hidden_states[layer][0].mean(0).numpy()
        mel = leveled(values["input_features"][:, :, : len(waveform) // 160])
        hidden = torch.nn.functional.gelu(loaded.model.conv1(mel))
        hidden = torch.nn.functional.gelu(loaded.model.conv2(hidden)).transpose(1, 2)
        hidden = hidden + loaded.model.embed_positions.weight[: hidden.shape[1]]
        for block in loaded.model.layers[:layer]:
            given = block(hidden, None)
            hidden = given[0] if isinstance(given, tuple) else given
        return hidden[0].mean(0).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_transformers(folders, kind):
    values = states(folders[kind], sound(1.3))
    assert values.shape == (16, 1) and values.dtype == np.float32
    np.testing.assert_allclose(values[:, 0], own_states(folders[kind], sound(1.3), 1), atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_recording_is_taken_at_its_own_length(folders, kind):
    short, long = sound(0.7), np.concatenate([sound(0.7), sound(1.0, seed=1)])
    assert not np.allclose(states(folders[kind], short), states(folders[kind], long), atol=1e-4)
    np.testing.assert_array_equal(states(folders[kind], long, window=0.7), states(folders[kind], short))


@pytest.mark.parametrize("kind", KINDS)
def test_silence_around_a_recording_is_not_taken(folders, kind):
    silence = np.zeros(16_000, np.float32)
    edges = np.zeros(1_600, np.float32)  # of it a tenth of a second stays
    expected = states(folders[kind], np.concatenate([edges, sound(1.3), edges]))
    np.testing.assert_array_equal(states(folders[kind], np.concatenate([silence, sound(1.3), silence])), expected)


@pytest.mark.parametrize("kind", [*KINDS, NORMALIZED])
def test_layers_in_one_pass_are_those_alone(folders, kind):
    first, second = (encoder_input(folders[kind], layer, 0.0) for layer in (1, 2))
    assert together([second, first]) == [[second, first]]
    found = EncoderInput.compute([second, first], [sound(1.3), sound(0.6)])
    for values, layer in zip(found, (2, 1)):
        np.testing.assert_allclose(values[0], states(folders[kind], sound(1.3), layer), atol=1e-6)
        np.testing.assert_allclose(values[1], states(folders[kind], sound(0.6), layer), atol=1e-6)


def test_layers_on_other_stretches_are_computed_apart(folders):
    pair = [encoder_input(folders["Whisper"], 1, window) for window in (0.0, 2.0)]
    assert together(pair) == [[pair[0]], [pair[1]]]


def test_nothing_and_half_a_minute_are_answered(folders):
    assert np.isfinite(states(folders["Whisper"], np.zeros(0, np.float32))).all()
    assert np.isfinite(states(folders["Whisper"], sound(31))).all()


def test_a_layer_it_does_not_have_is_said(folders):
    with pytest.raises(ConfigError, match="it has 2 layers, not 3"):
        encoder_input(folders["Whisper"], 3, 0.0)


def test_units_are_wider_than_states_and_a_part_has_a_name_and_facts_of_its_own(folders):
    inputs = [encoder_input(folders["Whisper"], 1, 0.0, part) for part in ("states", "units", "values")]
    found = [values[0].shape for values in EncoderInput.compute(inputs, [np.zeros(16_000, np.float32)])]
    assert found == [(one.bins, 1) for one in inputs] == [(16, 1), (24, 1), (16, 1)]
    assert [one.name.rpartition("/")[2].partition(".")[2] for one in inputs] == ["1", "1.units", "1.values"]
    assert len({str(one.facts()) for one in inputs}) == 3 and "part" not in inputs[0].facts()


def test_values_of_the_last_layer_and_units_of_other_kinds_are_refused(folders):
    with pytest.raises(ConfigError, match="no layer above the last takes values from it; choose lower ones"):
        encoder_input(folders["Whisper"], 2, 0.0, "values")
    other = next(kind for kind in folders if kind != "Whisper")
    with pytest.raises(ConfigError, match="units are taken of Whisper encoders alone; choose states"):
        encoder_input(folders[other], 1, 0.0, "units")


def test_what_is_no_encoder_is_said_and_a_path_is_never_asked_of_the_hub(tmp_path, monkeypatch, folders):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked of a hub"))
    for name in (str(tmp_path / "nowhere" / "at" / "all"), "./nowhere/model", "nowhere"):
        with pytest.raises(ConfigError, match="no such folder, and no name of the hub"):
            load_encoder(name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_encoder(str(tmp_path / "empty"))


def test_pickled_weights_are_not_read(folders, tmp_path):
    folder = Path(shutil.copytree(folders["Whisper"], tmp_path / "pickled"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="cannot be loaded"):
        load_encoder(str(folder))


def test_the_real_encoder_gives_transformers_states():
    folder = whisper_base()
    values = states(str(folder), sound(1.7), layer=3)
    assert values.shape == (512, 1)
    np.testing.assert_allclose(values[:, 0], own_states(str(folder), sound(1.7), 3), atol=1e-3)


def log_mel(encoder: str, waveform: np.ndarray, window: float = 2.0) -> np.ndarray:
    return LogMelInput.compute([encoder_values_input(encoder, window)], [waveform])[0][0]


def test_the_spectrogram_of_a_full_window_is_that_of_transformers(folders):
    extractor = transformers.WhisperFeatureExtractor(chunk_length=2)
    expected = extractor(sound(2.0), sampling_rate=16_000, return_tensors="np").input_features[0]
    np.testing.assert_allclose(log_mel(folders["Whisper"], sound(2.0)), leveled(expected), atol=1e-4)


@pytest.mark.parametrize(("seconds", "frames"), [(0.01, 10), (1.234, 123), (7.0, 200)])
def test_a_spectrogram_has_its_recordings_length(folders, seconds, frames):
    assert log_mel(folders["Whisper"], sound(seconds)).shape == (80, frames)


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_encoder_takes_is_a_spectrogram_or_samples_without_the_silence_around_them(folders, kind):
    taken = encoder_values_input(folders[kind], 1.5)
    padded = np.concatenate([np.zeros(16_000, np.float32), sound(1.0), np.zeros(16_000, np.float32)])
    for waveform in (padded, sound(3.0), sound(0.01)):
        ((values,),) = taken.compute([taken], [waveform])
        if kind == "Whisper":
            np.testing.assert_array_equal(values, log_mel(folders[kind], waveform, 1.5))
            continue
        cut = trimmed(np.pad(waveform, (0, max(0, 1_600 - len(waveform)))), 16_000)
        assert values.tolist() == [cut[:24_000].tolist()] and taken.samples == 24_000
    assert taken == encoder_values_input(folders[kind], 1.5) != encoder_values_input(folders[kind], 2.5)


@torch.inference_mode()
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Whisper"])
def test_states_of_samples_in_a_batch_are_as_if_they_were_alone_where_the_encoder_masks(tmp_path, kind):
    loaded = load_encoder(write_encoder(kind, tmp_path, feat_extract_norm="layer", add_adapter=True))
    layers, samples = loaded.first_layers(states_of((1, 2)), 32_000), 9_001
    values = torch.from_numpy(np.stack([sound(0.8, seed) for seed in (1, 2)]))[:, None] + 0.05
    counts = torch.tensor([values.shape[-1], samples])
    values[1, :, samples:] = 7.0  # of no recording
    together, alone = layers.from_values(values, counts), layers.from_values(values[1:, :, :samples])
    for batch, single in zip(together, alone):
        assert single.shape[1] == layers.frames_of(counts)[1] < batch.shape[1]
        assert torch.allclose(batch[1, : single.shape[1]], single[0], atol=1e-4) == layers.masks
    assert layers.masks == (kind in MASKING)
    np.testing.assert_allclose(layers.from_values(values[:1])[0], layers(values[:1, 0])[0])


def test_nothing_is_left_out_at_random_in_training(folders):
    layers = load_encoder(folders["WavLM"]).first_layers(states_of((2,)), 32_000).train()
    layers.model.config.layerdrop = 0.9
    values, count = torch.from_numpy(sound(0.8))[None, None], torch.tensor([12_800])
    first, again = (layers.from_values(values, count)[0] for _ in range(2))
    assert torch.equal(first, again)


@torch.inference_mode()
@pytest.mark.parametrize("frames", [60, 61, 63, 99])
def test_states_of_a_recording_in_a_batch_are_as_if_it_were_alone(folders, frames):
    loaded = load_encoder(folders["Whisper"])
    layers = WhisperLayers(loaded.model, loaded.extractor, states_of((1, 2)), 32_000).eval()
    spectrograms = torch.randn(2, 80, 100)
    together, alone = (
        layers.from_values(spectrograms, torch.tensor([100, frames])),
        layers.from_values(spectrograms[1:, :, :frames]),
    )
    for batch, single in zip(together, alone):
        assert torch.allclose(batch[1, : single.shape[1]], single[0], atol=1e-5)
