"""A narrow encoder that begins as the nearest to a wide one's first layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tembr.corpora import load_corpus
from tests.encoders import whisper_base, write_encoder

pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")

from tembr.features.encoder import load_encoder
from tembr.features.layers import WhisperLayers, states_of
from tembr.models.student import begin, most_telling, narrow_whisper, solve, whisper_state


def layers_of(folder: str, *wanted: int) -> WhisperLayers:
    encoder = load_encoder(folder)
    return WhisperLayers(encoder.model, encoder.extractor, states_of(wanted), 32_000).eval()


def student_of(folder: str, layers: int, hidden: int, feedforward: int) -> WhisperLayers:
    torch.manual_seed(0)
    encoder = load_encoder(folder)
    narrow = narrow_whisper(encoder.model, layers, hidden, feedforward)
    return WhisperLayers(narrow, encoder.extractor, states_of(range(1, layers + 1)), 32_000).eval()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    return write_encoder("Whisper", tmp_path_factory.mktemp("whisper"))


@torch.inference_mode()
def test_of_the_same_size_it_is_the_encoder(tiny):
    student, log_mel = student_of(tiny, 2, 16, 24), torch.randn(40, 80, 60)
    teacher = layers_of(tiny, 1, 2)
    begin(student, teacher, log_mel)
    for found, given in zip(student.from_log_mel(log_mel), teacher.from_log_mel(log_mel), strict=True):
        assert (found - given).square().mean() < 0.01 * given.var()


@torch.inference_mode()
def test_half_of_the_real_one_says_most_of_what_it_says():
    folder = str(whisper_base())
    student, teacher = student_of(folder, 1, 256, 512), layers_of(folder, 1)
    speech = [u.read(16_000)[:24_000] for u in load_corpus("demo").utterances[:120:2]]
    log_mel = teacher.log_mel(torch.from_numpy(np.stack([one for one in speech if len(one) == 24_000])))
    untaught = distance(student, teacher, log_mel)
    begin(student, teacher, log_mel[::2])
    assert distance(student, teacher, log_mel) < 0.7 * untaught


def distance(student: WhisperLayers, teacher: WhisperLayers, log_mel: torch.Tensor) -> float:
    """What a linear layer, fitted on every other recording, does not tell of each channel from the student's states."""
    found, given = (one.from_log_mel(log_mel)[-1] for one in (student, teacher))
    readout = torch.nn.Linear(found.shape[-1], given.shape[-1])
    solve(readout, found[::2], given[::2])
    off = (readout(found[1::2]) - given[1::2]).flatten(0, 1)
    return float((off.var(0) / given[1::2].flatten(0, 1).var(0)).mean())


@torch.inference_mode()
def test_as_a_file_it_is_the_same_again(tiny):
    encoder = load_encoder(tiny)
    narrow = narrow_whisper(encoder.model, 2, 8, 12)
    student = WhisperLayers(narrow, encoder.extractor, states_of([2]), 16_000).eval()
    begin(student, layers_of(tiny, 2), torch.randn(40, 80, 60))
    state = {name.removeprefix("encoder."): values.clone() for name, values in whisper_state(narrow, student).items()}
    narrow.load_state_dict(state)
    again = WhisperLayers(narrow, encoder.extractor, states_of([2]), 16_000).eval()
    log_mel = torch.randn(2, 80, 30)
    assert torch.equal(again.from_log_mel(log_mel)[0], student.from_log_mel(log_mel)[0])
    assert narrow.config.encoder_attention_heads == 1  # of eight channels, as the given ones


def test_what_the_others_tell_is_left_out():
    own = torch.randn(1, 500, 3, generator=torch.Generator().manual_seed(0))
    values = torch.cat([own[..., :1] + own[..., 1:2], own, 5 * own[..., 2:]], dim=-1)
    kept = most_telling(values, 3).tolist()
    assert len({0, 1, 2} & set(kept)) == 2 and len({3, 4} & set(kept)) == 1


def test_a_layer_without_a_bias_is_solved_on_what_is_centred():
    given = torch.randn(50, 4) + 3
    wanted = given @ torch.randn(4, 2) + 7
    layer = torch.nn.Linear(4, 2, bias=False).requires_grad_(False)
    solve(layer, given, wanted)
    off = layer(given) - wanted
    assert (off - off.mean(0)).abs().max() < 0.05
