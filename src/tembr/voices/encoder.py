"""What a pretrained speech encoder hears in recordings: WavLM, HuBERT, wav2vec 2.0 or Whisper by its Hugging Face name.

Its hidden states are averaged over layers (Yang et al., 2021, SUPERB, with equal weights), then mean and deviation are
taken over time: one embedding a recording. The encoder stays as it is. Weights are read from safetensors alone and no
code of a model's repository is run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from tembr.audio import read
from tembr.corpora.corpus import Utterance
from tembr.corpora.hub import is_hub_name
from tembr.errors import ConfigError
from tembr.extras import needed
from tembr.features.shard import digest
from tembr.files import atomic_write, cache_root

FORMAT = 1
"""Raised when other embeddings would be made of the same recordings."""

BLOCK = 256  # recordings kept at once: stopped, the next run goes on after the last block
KINDS = ("wavlm", "hubert", "wav2vec2", "wav2vec2-conformer", "data2vec-audio", "unispeech", "unispeech-sat", "whisper")
"""Types of models that are encoders of speech here."""

SHORTEST, LONGEST = 0.1, 30.0  # s that are heard of a recording; a shorter one is filled up with silence


class Encoder:
    """A pretrained encoder.

    Args:
        name: on the Hugging Face hub, such as 'microsoft/wavlm-base-plus', or a folder, for which no hub is asked.

    Raises:
        MissingExtraError: `transformers` is not installed.
        ConfigError: there is no such model, it has no safetensors, or it is no encoder of speech.
    """

    def __init__(self, name: str):
        with needed("a pretrained encoder", "encoders"):
            from transformers import AutoFeatureExtractor, AutoModel
        if not Path(name).is_dir() and not is_hub_name(name):
            raise ConfigError(f"encoder {name}: no such folder, and no name on a hub (owner/name); correct it")
        given = {"trust_remote_code": False, "local_files_only": Path(name).is_dir()}
        try:
            self.extractor = AutoFeatureExtractor.from_pretrained(name, **given)
            model = AutoModel.from_pretrained(name, use_safetensors=True, **given).float()
        except Exception as error:  # whatever a damaged folder or the hub's client comes up with
            why = (str(error).strip() or repr(error)).splitlines()[0]
            raise ConfigError(f"encoder {name}: cannot be loaded from the hub or a folder: {why}") from error
        if model.config.model_type not in KINDS:
            raise ConfigError(f"encoder {name}: {model.config.model_type} is none of {', '.join(KINDS)}")
        self.whisper = model.config.model_type == "whisper"
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = (model.get_encoder() if self.whisper else model).eval().to(self.device)
        self.sample_rate = int(self.extractor.sampling_rate)
        self.revision = getattr(model.config, "_commit_hash", None) or _fingerprint(model)

    @torch.inference_mode()
    def embed(self, waveform: np.ndarray) -> np.ndarray:
        """`(samples,)` at `sample_rate` → `(2 · hidden,)` float32: mean over time, then deviation."""
        waveform = waveform[: round(LONGEST * self.sample_rate)]
        waveform = np.pad(waveform, (0, max(0, round(SHORTEST * self.sample_rate) - len(waveform))))
        heard = self.extractor(waveform, sampling_rate=self.sample_rate, return_tensors="pt")
        values = heard["input_features" if self.whisper else "input_values"].to(self.device)
        layers = self.model(values, output_hidden_states=True).hidden_states
        states = torch.stack(layers).mean(0)[0].float()
        if self.whisper:  # it always hears 30 s: what lies past the recording is silence
            states = states[: max(1, round(len(states) * len(waveform) / self.sample_rate / LONGEST))]
        return torch.cat([states.mean(0), states.std(0, correction=0)]).cpu().numpy()


def embeddings(
    utterances: Sequence[Utterance], name: str, progress: Callable[[int, int], None] = lambda done, total: None
) -> torch.Tensor:
    """Embeddings of recordings, from the cache where they are there: `(n, 2 · hidden)` float32.

    Args:
        name: of the encoder, see `Encoder`.

    Raises:
        AudioError: a recording cannot be read. ConfigError: as `Encoder`.
    """
    encoder, blocks = Encoder(name), []
    for first in range(0, len(utterances), BLOCK):
        some = utterances[first : first + BLOCK]
        blocks.append(_block(encoder, name, some))
        progress(first + len(some), len(utterances))
    return torch.from_numpy(np.concatenate(blocks))


def _block(encoder: Encoder, name: str, utterances: Sequence[Utterance]) -> np.ndarray:
    facts = [FORMAT, name, encoder.revision, [(u.key, u.start, u.end, u.path.stat().st_size) for u in utterances]]
    path: Path = cache_root() / "embeddings" / f"{digest(json.dumps(facts).encode())}.npy"
    if path.exists():
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            path.unlink()  # damaged: it is made anew
    made = np.stack([encoder.embed(read(u.path, encoder.sample_rate, u.start, u.end)) for u in utterances])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.save(file, made)
    return made


def _fingerprint(model: torch.nn.Module) -> str:
    """Of the weights, for a model that is no commit of a hub."""
    found = hashlib.sha256()
    for name, values in sorted(model.state_dict().items()):
        found.update(name.encode() + values.cpu().contiguous().float().numpy().tobytes())
    return found.hexdigest()
