"""Layers of encoders, each against PyTorch's or `transformers`' own."""

from __future__ import annotations

import pytest
import torch

from tembr.features.encoder import load_encoder
from tembr.features.layers import (
    LOUDEST,
    AttentionBlock,
    EncoderStates,
    FrameConvolution,
    LogMel,
    WaveformLayers,
    WhisperLayers,
    states_of,
)
from tests.encoders import NORMALIZED, write_encoder

pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    return load_encoder(write_encoder("Whisper", tmp_path_factory.mktemp("whisper")))


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_log_mel_is_that_of_transformers_but_for_its_level(whisper):
    waveform = noise(30 * 16_000) / 10  # as long as theirs, so that nothing is padded
    theirs = whisper.extractor(waveform.numpy(), sampling_rate=16_000, return_tensors="pt")["input_features"]
    ours = LogMel(torch.from_numpy(whisper.extractor.mel_filters.T).float())(waveform[None])
    torch.testing.assert_close(ours - LOUDEST, theirs - theirs.max(), atol=2e-4, rtol=0)


def test_level_does_not_move_a_log_mel(whisper):
    log_mel = LogMel(torch.from_numpy(whisper.extractor.mel_filters.T).float())
    waveforms = torch.stack([noise(16_000), noise(16_000)[torch.randperm(16_000)]]) / 10
    fainter = torch.tensor([[0.01], [0.3]])
    expected = log_mel(waveforms)
    assert expected.amax((1, 2)).tolist() == pytest.approx([LOUDEST] * 2)
    torch.testing.assert_close(log_mel(fainter * waveforms), expected, atol=1e-4, rtol=0)
    assert log_mel(torch.zeros(1, 16_000)).isfinite().all()


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_over_frames_is_pytorchs(stride):
    torch.manual_seed(0)
    convolution = torch.nn.Conv1d(5, 7, 3, stride=stride, padding=1)
    for frames in (1, 8, 9):
        given = noise(2, frames, 5)
        expected = convolution(given.transpose(1, 2)).transpose(1, 2)
        torch.testing.assert_close(FrameConvolution(convolution)(given), expected)


def test_a_block_is_that_of_transformers(whisper):
    states, layer = noise(2, 9, 16), whisper.model.layers[1]
    theirs = layer(states, None)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    torch.testing.assert_close(AttentionBlock(layer)(states)[0], theirs, atol=1e-5, rtol=1e-5)


def test_layers_come_in_the_order_asked_for_and_later_ones_are_not_kept(whisper):
    waveform = noise(1, 16_000) / 10
    both = WhisperLayers(whisper.model, whisper.extractor, states_of((2, 1)), 16_000)
    second, first = both(waveform)
    assert first.shape == second.shape == (1, 50, 16)
    alone = WhisperLayers(whisper.model, whisper.extractor, states_of([1]), 16_000)
    assert len(alone.blocks) == 1
    torch.testing.assert_close(alone(waveform)[0], first)


def test_units_and_values_are_those_of_transformers(whisper):
    """Of the layer below the last, whose values the last takes, in any order."""
    states = noise(1, 50, 16)
    lower, upper = whisper.model.layers
    theirs = lower(states, None)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    seen = {"values": upper.self_attn.v_proj(upper.self_attn_layer_norm(theirs))}
    hook = lower.fc1.register_forward_hook(lambda _, given, found: seen.update(units=found))
    lower(states, None)
    hook.remove()
    wanted = [(1, "values"), (1, "units"), (1, "states")]
    layers = WhisperLayers(whisper.model, whisper.extractor, wanted, 16_000)
    found = dict(zip(wanted, layers.above(0, states)))
    assert len(layers.blocks) == 1 and found[1, "states"].shape == (1, 50, 16)
    for part in ("units", "values"):
        torch.testing.assert_close(found[1, part], torch.nn.functional.gelu(seen[part]), atol=1e-5, rtol=1e-5)
    both = WhisperLayers(whisper.model, whisper.extractor, [*wanted, (2, "states")], 16_000).above(0, states)
    torch.testing.assert_close(both[:3], [found[one] for one in wanted])


def test_states_are_means_over_time_of_what_is_taken(whisper):
    waveform = noise(1, 16_000) / 10
    layers = WhisperLayers(whisper.model, whisper.extractor, states_of((1, 2)), 8_000)
    for found, states in zip(EncoderStates(layers, 8_000)(waveform), layers(waveform[:, :8_000])):
        torch.testing.assert_close(found, states.mean(1)[..., None])


def test_a_layer_below_the_last_is_normalised_where_the_encoder_ends_so(tmp_path):
    encoder = load_encoder(write_encoder(NORMALIZED, tmp_path))
    first, second = WaveformLayers(encoder.model, encoder.extractor, states_of((1, 2)), 16_000)(noise(1, 16_000))
    norm = encoder.model.encoder.layer_norm
    for states in (first, second):
        plain = (states - norm.bias) / norm.weight
        torch.testing.assert_close(plain.mean(-1), torch.zeros(plain.shape[:2]), atol=1e-5, rtol=0)
