"""The student's frames, and that neighbours in a batch do not change them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from tests.encoders import whisper_base, write_encoder

pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")

from tembr.features.encoder import load_encoder
from tembr.features.layers import mean_of_pairs
from tembr.models.student import StudentEncoder, sinusoids


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> torch.nn.Module:
    return load_encoder(write_encoder("Whisper", tmp_path_factory.mktemp("whisper"))).model


def student(encoder: torch.nn.Module, **changes) -> StudentEncoder:
    torch.manual_seed(0)
    sizes = {"blocks": 2, "feedforward": 24, "rank": 5, "size": 32} | changes
    return StudentEncoder(copy.deepcopy(encoder), **sizes).eval()


@torch.inference_mode()
def test_four_frames_of_the_spectrogram_are_one_state(encoder):
    states = student(encoder)(torch.randn(2, 80, 43))
    assert states.shape == (2, 11, 5)


@torch.inference_mode()
@pytest.mark.parametrize("length", [12, 13, 14, 15, 41])
def test_a_recording_in_a_batch_is_as_if_it_were_alone(encoder, length):
    longest, made = 48, student(encoder)
    log_mel = torch.randn(2, 80, longest)
    beside = made(log_mel, torch.tensor([longest, length]))[1]
    alone = made(log_mel[1:, :, :length])[0]
    assert torch.allclose(beside[: len(alone)], alone, atol=1e-5)


@torch.inference_mode()
def test_it_begins_as_the_encoder(encoder):
    made = student(encoder)
    assert torch.equal(made.blocks[1].query.weight, encoder.layers[1].self_attn.q_proj.weight)
    assert torch.equal(made.convolutions[0].linear.bias, encoder.conv1.bias)


def test_the_widest_units_stay(encoder):
    given = copy.deepcopy(encoder)
    with torch.no_grad():
        given.layers[0].fc1.weight[:20] *= 1e-3
    block = student(given, blocks=1, feedforward=4).blocks[0]
    assert torch.equal(block.expand.weight, given.layers[0].fc1.weight[20:])
    assert torch.equal(block.contract.weight, given.layers[0].fc2.weight[:, 20:])


def test_what_it_learns_is_its_own_and_all_of_it(encoder):
    for parameter in encoder.parameters():
        parameter.requires_grad_(True)
    made = student(encoder)
    made(torch.randn(1, 80, 40)).sum().backward()
    assert all(parameter.grad is not None for name, parameter in made.named_parameters() if "widen" not in name)
    assert encoder.conv1.weight.grad is None


def test_positions_are_whispers():
    position, channel = np.arange(7)[:, None], np.arange(8)
    turns = position * np.exp(-np.log(10_000) / 7 * channel)
    expected = np.concatenate([np.sin(turns), np.cos(turns)], axis=1)
    assert np.allclose(sinusoids(7, 16, torch.device("cpu")), expected, atol=1e-6)


def test_pairs_are_averaged_and_an_odd_last_frame_is_left_out():
    states = torch.tensor([[[1.0], [3.0], [5.0], [9.0], [100.0]]])
    assert mean_of_pairs(states).flatten().tolist() == [2, 7]


def test_the_real_encoders_positions_are_these():
    own = load_encoder(str(whisper_base())).model.embed_positions.weight[:500]
    assert torch.allclose(sinusoids(500, own.shape[1], own.device), own, atol=2e-3)  # stored in half precision
