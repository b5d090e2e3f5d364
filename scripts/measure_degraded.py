"""What a telephone, MP3, babble, a room or another microphone cost on speakers that no member has heard.

uv run --all-extras python scripts/measure_degraded.py STUDY CORPORA [DEGRADATION ...]

STUDY is a finished study of the default recipe, with `tembr ensemble` run on it: of its folds come the temperatures.
Every scored recording is degraded, those that are adapted to as well; what is learnt from is not. Writes
docs/results/default/degraded.csv.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from tembr.adaptation.offset import typical_logits
from tembr.degrade.copies import Source, degraded
from tembr.degrade.effects import DEGRADATIONS
from tembr.ensemble.adapted import Answers, adapted_logits, space_of
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.heldout import read_heldout
from tembr.ensemble.members import choose, read_protocol
from tembr.ensemble.settings import EnsembleSettings
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import confusion_matrix, uar
from tembr.experiment.member import fold_folder
from tembr.experiment.recordings import load_recordings
from tembr.experiment.settings import load_settings
from tembr.features.store import FeatureStore
from tembr.models import load_member
from tembr.models.base import WEIGHTS
from tembr.progress import Progress

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "degraded.csv"
SETTINGS = EnsembleSettings()


def main(study: Path, corpora: Path, names: list[str]) -> None:
    settings = load_settings(study / "config.toml", corpora=corpora)
    (member,) = [one for one in settings.members.values() if one.embeds]
    recordings = load_recordings(settings, [member], Progress())
    protocol = read_protocol(settings, study, "speaker")
    folds, chosen = protocol.folds, EnsembleSettings(members=(member.name,))
    heldout = read_heldout(protocol, choose(protocol, chosen, settings, study)).folds
    temperatures = EnsembleFolder.read(study / "ensemble").table("weights").set_index("fold")["temperature"]
    rows = []
    for name in ["clean", *names]:
        tables = recordings.tables
        if name != "clean":
            source = Source(recordings.target, seed=0)
            copies = [degraded(u, name, source) for u in recordings.target.utterances]
            show = partial(print, f"\r{name}", end="", file=sys.stderr)
            tables = FeatureStore().prepare(copies, member.inputs(settings.features), show)
        truth, alone, adapted = [], [], []
        for number, fold in enumerate(folds):
            place = fold_folder(study / member.name, len(folds), fold.name)
            fitted = load_member(member, settings.features, recordings.labels, place / WEIGHTS)
            logits, embeddings = fitted.answer(tables, fold.test)
            classes = recordings.classes[fold.test]
            logits = log_softmax(logits.astype(float) / temperatures[fold.name], axis=1)
            answers = Answers(logits, embeddings, classes, recordings.speakers[fold.test], fold.test)
            space = space_of([fitted], recordings, fold.rest, SETTINGS)
            rng = np.random.default_rng([SETTINGS.seed, 3, number])
            kept = heldout[number].heldout
            known = log_softmax(kept.logits[0].astype(float) / temperatures[fold.name], axis=1)
            typical = typical_logits(known, kept.classes, kept.speakers)
            found, own, _ = adapted_logits(answers, space, typical, SETTINGS, rng)
            truth.append(classes), alone.append(logits.argmax(1)), adapted.append((own, found.argmax(1)))
        pairs = [(np.concatenate(truth), np.concatenate(alone)), tuple(np.concatenate(x) for x in zip(*adapted))]
        figures = [float(uar(confusion_matrix(*pair, len(recordings.labels)))) for pair in pairs]
        rows.append({"degradation": name, "n": len(pairs[0][0]), "uar": figures[0], "uar_adapted": figures[1]})
        print(rows[-1], flush=True)
        write_frame(pd.DataFrame(rows), OUT, "%.4f")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or list(DEGRADATIONS))
