"""Pretrained encoders, tiny and untrained here: by a folder, as others take them by their name on the hub."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tembr.errors import ConfigError
from tembr.export.voice_bundle import export_voices
from tembr.voices.encoder import Encoder, embeddings
from tembr.voices.experiment import run_experiment
from tembr.voices.recipe import MemberSettings, Recipe, read_recipe

transformers = pytest.importorskip("transformers", reason="transformers is not installed (extra encoders)")

SMALL = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "conv_dim": (8, 8),
    "conv_kernel": (10, 8), "conv_stride": (10, 32), "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
KINDS = ("WavLM", "Hubert", "Wav2Vec2", "Whisper")


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, str]:
    """Kind → folder of a random model of it, as `save_pretrained` writes it."""
    return {kind: write(kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}


def write(kind: str, folder: Path) -> str:
    torch.manual_seed(0)
    if kind == "Whisper":
        config = transformers.WhisperConfig(
            d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=24, decoder_ffn_dim=24, vocab_size=32, num_mel_bins=80, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
        )  # fmt: skip
        extractor = transformers.WhisperFeatureExtractor()
    else:
        config = getattr(transformers, f"{kind}Config")(**SMALL)
        extractor = transformers.Wav2Vec2FeatureExtractor()
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    extractor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(params=KINDS)
def encoder(request, folders) -> str:
    return folders[request.param]


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(round(16_000 * seconds)) * 0.1).astype(np.float32)


def test_an_embedding_is_mean_and_deviation_of_hidden_states(encoder):
    one = Encoder(encoder)
    values = one.embed(sound(1.3))
    assert (
        values.shape == (32,) and values.dtype == np.float32 and np.isfinite(values).all() and (values[16:] > 0).all()
    )
    if not one.whisper:  # which the next test has
        with torch.inference_mode():
            heard = one.extractor(sound(1.3), sampling_rate=16_000, return_tensors="pt")["input_values"]
            states = torch.stack(one.model(heard, output_hidden_states=True).hidden_states).mean(0)[0]
        assert np.allclose(values, torch.cat([states.mean(0), states.std(0, correction=0)]), atol=1e-5)
    assert np.array_equal(values, one.embed(sound(1.3))) and not np.array_equal(values, one.embed(sound(1.3, seed=1)))
    assert np.isfinite(one.embed(np.zeros(0, np.float32))).all() and one.embed(sound(31)).shape == (32,)


def test_whisper_hears_the_recording_and_not_the_silence_after_it(folders):
    one = Encoder(folders["Whisper"])
    with torch.inference_mode():
        heard = one.extractor(sound(3.0), sampling_rate=16_000, return_tensors="pt")["input_features"]
        states = torch.stack(one.model(heard, output_hidden_states=True).hidden_states).mean(0)[0]
    assert len(states) == 1_500
    assert np.allclose(one.embed(sound(3.0))[:16], states[:150].mean(0), atol=1e-5)


def test_embeddings_are_made_once(encoder, voices, tmp_path, monkeypatch):
    monkeypatch.setenv("TEMBR_CACHE", str(tmp_path))
    first = embeddings(voices.utterances[:5], encoder)
    assert first.shape == (5, 32)
    monkeypatch.setattr(Encoder, "embed", lambda *_: pytest.fail("made again"))
    assert torch.equal(first, embeddings(voices.utterances[:5], encoder))


def test_a_recipe_with_an_encoder_is_measured_and_not_shipped(folders, tmp_path):
    encoder = folders["WavLM"]
    members = (MemberSettings(name="encoder", kind="encoder", shrinkage=0.5),)
    recipe = Recipe(corpus="demo", more=(), inner=1, adapt=6, encoder=encoder, members=members)
    lines = run_experiment(recipe, {}, tmp_path / "out", jobs=2)
    assert [line.mode for line in lines] == ["unknown", "known"] and all(line.uar > 0 for line in lines)
    with pytest.raises(ConfigError, match="encoder: a bundle has kinds"):
        export_voices(recipe, {}, {"speaker": tmp_path / "out"}, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('encoder = "x/y"\ncopies = true\n[[members]]\nkind = "encoder"', "as they are"),
        ('encoder = "x/y"', "need each other"),
        ('[[members]]\nkind = "encoder"', "need each other"),
    ],
)
def test_what_does_not_go_together_is_one_line(tmp_path, text, said):
    (tmp_path / "one.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_recipe(tmp_path / "one.toml")


def test_what_is_no_encoder_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match="cannot be loaded from the hub or a folder") as error:
        Encoder(str(tmp_path))
    assert "\n" not in str(error.value)


@pytest.fixture
def no_network(monkeypatch):
    """Whoever looks up a host or connects fails."""

    def refuse(*arguments, **options):
        raise AssertionError(f"the network was asked: {arguments}")

    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_a_folder_is_read_without_any_network(encoder, no_network):
    assert Encoder(encoder).sample_rate == 16_000


@pytest.mark.parametrize("name", ["./encoders/whisper", "/models/whisper", "encoders", "a/b/c", "here/whisper"])
def test_what_looks_like_a_path_is_not_asked_of_a_hub(name, tmp_path, monkeypatch, no_network):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises(ConfigError, match="no such folder"):
        Encoder(name)


def test_pickled_weights_are_refused(folders, tmp_path):
    """A checkpoint without safetensors would be unpickled."""
    folder = shutil.copytree(folders["Hubert"], tmp_path / "pickled")
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ConfigError, match="cannot be loaded"):
        Encoder(str(folder))
