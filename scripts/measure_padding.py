"""What it costs to hear a recording at its own length where Whisper was trained on 30 s, filled up with silence.

uv run --all-extras python scripts/measure_padding.py CORPORA [ENCODER]

Every third recording of nEMO in CORPORA, the recipe `default`'s layers of the encoder, each speaker answered by
discriminants on the others: states at the recording's own length, and those of its own frames where it was filled up.
Milliseconds are of computing the states. Writes docs/results/default/padding.csv.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from tembr.corpora import load_corpus
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import confusion_matrix, uar
from tembr.experiment.settings import load_settings
from tembr.features.encoder import LONGEST, load_encoder
from tembr.features.layers import HOP_LENGTH, WhisperLayers, halved, states_of
from tembr.models.discriminants import fair_shares, fit_discriminants
from tembr.models.encoder import EncoderSettings
from tembr.silence import trimmed

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "padding.csv"
EVERY = 3


@torch.inference_mode()
def pooled(layers: WhisperLayers, waveforms: list[np.ndarray], longest: int) -> tuple[np.ndarray, float]:
    """Mean over its own frames of each recording's states, `(n, layers, hidden)`, and milliseconds a recording.

    Args:
        longest: samples to which a recording is filled up; 0 leaves it as long as it is.
    """
    found, begin = [], time.perf_counter()
    for waveform in waveforms:
        own = int(halved(torch.tensor(len(waveform) // HOP_LENGTH)))
        filled = F.pad(torch.from_numpy(waveform), (0, max(0, longest - len(waveform))))
        found.append(torch.stack([states[0, :own].mean(0) for states in layers(filled[None])]).numpy())
    return np.stack(found), 1_000 * (time.perf_counter() - begin) / len(waveforms)


def unseen_uar(settings: EncoderSettings, states: np.ndarray, classes: np.ndarray, speakers: np.ndarray) -> float:
    """UAR over all speakers, each answered by the mean of the layers' discriminants on the others."""
    logits, labels = np.zeros((len(classes), classes.max() + 1)), classes.max() + 1
    for speaker in np.unique(speakers):
        own = speakers == speaker
        shares = fair_shares(classes[~own], speakers[~own], np.zeros((~own).sum(), int), {0: 1.0})
        for layer in range(states.shape[1]):
            found = fit_discriminants(states[~own, layer], classes[~own], shares, settings.shrinkage)
            logits[np.ix_(own, found.classes)] += found.logits(states[own, layer])
    return float(uar(confusion_matrix(classes, logits.argmax(1), labels)))


def main(corpora: Path, encoder: str) -> None:
    settings = load_settings("default").members["whisper"]
    corpus, loaded = load_corpus("nemo", corpora / "nemo"), load_encoder(encoder)
    utterances = corpus.utterances[::EVERY]
    classes = np.array([corpus.labels.index(u.emotion) for u in utterances])
    speakers = np.array([u.speaker for u in utterances])
    longest = round(LONGEST * loaded.sample_rate)
    layers = WhisperLayers(loaded.model, loaded.extractor, states_of(settings.layers), longest).eval()
    waveforms = [trimmed(u.read(loaded.sample_rate), loaded.sample_rate) for u in utterances]
    rows = []
    for way, samples in (("at its own length", 0), ("filled up to 30 s", longest)):
        states, milliseconds = pooled(layers, waveforms, samples)
        value = unseen_uar(settings, states, classes, speakers)
        rows.append({"way": way, "n": len(classes), "uar": value, "milliseconds": milliseconds})
        print(rows[-1], flush=True)
    write_frame(pd.DataFrame(rows), OUT, "%.4f")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:] or ["openai/whisper-base"])
