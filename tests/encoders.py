"""Tiny untrained encoders, as `save_pretrained` writes real ones, and the real one where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from tests.conftest import SHARED

SMALL = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "conv_dim": (8, 8),
    "conv_kernel": (10, 8), "conv_stride": (10, 32), "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
KINDS = ("WavLM", "Hubert", "Wav2Vec2", "Wav2Vec2Conformer", "Data2VecAudio", "UniSpeech", "UniSpeechSat", "Whisper")
NORMALIZED = "Wav2Vec2 with its normalisation at the end"
MASKING = ("WavLM", "Hubert", "Wav2Vec2", "UniSpeech", "UniSpeechSat")
"""Those whose states, where `feat_extract_norm` is 'layer', heed nothing beyond a recording."""


def write_encoder(kind: str, folder: Path, **changes) -> str:
    """A random encoder of a kind in `folder`, its settings changed where it takes samples; returns its path."""
    import transformers

    torch.manual_seed(0)
    if kind == "Whisper":
        config = transformers.WhisperConfig(
            d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=24, decoder_ffn_dim=24, vocab_size=32, num_mel_bins=80, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
        )  # fmt: skip
        extractor = transformers.WhisperFeatureExtractor()
    else:
        kind, _, ends_normalized = kind.partition(" ")
        settings = SMALL | {"do_stable_layer_norm": bool(ends_normalized)} | changes
        config = getattr(transformers, f"{kind}Config")(**settings)
        extractor = transformers.Wav2Vec2FeatureExtractor()
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    extractor.save_pretrained(folder)
    return str(folder)


def whisper_base() -> Path:
    """Folder of the real Whisper base; the test that asks is skipped where there is none."""
    folder = Path(os.environ.get("TEMBR_ENCODERS") or SHARED / "encoders") / "whisper-base"
    if not folder.is_dir():
        pytest.skip("no real encoder: set TEMBR_ENCODERS to a folder that holds whisper-base")
    return folder
