"""What recordings fainter than those learnt from cost on speakers that were never heard.

uv run --all-extras python scripts/measure_level.py CORPORA [ENCODER]

Every third recording of nEMO in CORPORA, the recipe `default`'s layers of the encoder, each speaker answered by
discriminants on the others' recordings as they are, at levels of its own. Writes docs/results/default/level.csv.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from measure_padding import EVERY, pooled, unseen_uar

from tembr.corpora import load_corpus
from tembr.evaluate.frames import write_frame
from tembr.experiment.settings import load_settings
from tembr.features.encoder import LONGEST, load_encoder
from tembr.features.layers import WhisperLayers

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "level.csv"
LEVELS = (0, -10, -20, -30)
"""dB, of what the recordings have."""


def main(corpora: Path, encoder: str) -> None:
    settings = load_settings("default").members["whisper"]
    corpus, loaded = load_corpus("nemo", corpora / "nemo"), load_encoder(encoder)
    utterances = corpus.utterances[::EVERY]
    classes = np.array([corpus.labels.index(u.emotion) for u in utterances])
    speakers = np.array([u.speaker for u in utterances])
    longest = round(LONGEST * loaded.sample_rate)
    layers = WhisperLayers(loaded.model, loaded.extractor, settings.layers, longest).eval()
    waveforms = [u.read(loaded.sample_rate) for u in utterances]
    rows, learnt = [], None
    for decibels in LEVELS:
        states, _ = pooled(layers, [np.float32(10 ** (decibels / 20)) * one for one in waveforms], 0)
        learnt = states if learnt is None else learnt
        value = unseen_uar(settings, learnt, classes, speakers, states)
        rows.append({"decibels": decibels, "n": len(classes), "uar": value})
        print(rows[-1], flush=True)
    write_frame(pd.DataFrame(rows), OUT, "%.4f")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:] or ["openai/whisper-base"])
