"""What a telephone, MP3, babble, a room or another microphone cost on speakers that no member has heard.

uv run --all-extras python scripts/measure_degraded.py STUDY CORPORA [DEGRADATION ...]

STUDY is a finished study of the default recipe, with `tembr ensemble` run on it: of its folds come the temperatures.
Every scored recording is degraded, those that are adapted to as well; what is learnt from is as the study had it.
Writes docs/results/default/degraded.csv.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tembr.degrade.copies import Source, degraded
from tembr.degrade.effects import DEGRADATIONS
from tembr.ensemble.adapted import Answers, adapt_answers, adapt_fold
from tembr.ensemble.embedded import EmbeddedRecordings
from tembr.ensemble.folder import EnsembleFolder
from tembr.ensemble.heldout import read_heldout
from tembr.ensemble.members import choose, read_protocol
from tembr.ensemble.projection import Embedded
from tembr.ensemble.settings import EnsembleSettings
from tembr.ensemble.weighted import FLOOR
from tembr.ensemble.weighting import Weighting
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import confusion_matrix, uar
from tembr.experiment.recordings import load_recordings
from tembr.experiment.settings import load_settings
from tembr.features.store import FeatureStore
from tembr.models import load_member
from tembr.models.base import with_embedding
from tembr.progress import Progress

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "default" / "degraded.csv"
SETTINGS = EnsembleSettings()


def main(study: Path, corpora: Path, conditions: list[str]) -> None:
    settings, ensemble = load_settings(study / "config.toml", corpora=corpora), EnsembleFolder.read(study / "ensemble")
    protocol = read_protocol(settings, study, "speaker")
    chosen = choose(protocol, EnsembleSettings(members=tuple(ensemble.facts.weights)), settings, study)
    members = [settings.members[one.name] for one in chosen]
    recordings = load_recordings(settings, members, Progress())
    heldout, found = read_heldout(protocol, chosen).folds, ensemble.table("weights")
    folds = []
    for number, fold in enumerate(protocol.folds):
        row = found[found["fold"] == fold.name].set_index("member")
        weights = row["weight"][[one.name for one in chosen]].to_dict()
        weighting = Weighting(weights, float(row["temperature"].iloc[0]), 0.0, 0.0)
        fitted = [
            load_member(member, settings.features, recordings.labels, one.weights[number])
            for member, one in zip(members, chosen)
        ]
        placed = [one for one in fitted if one.settings in with_embedding(members, settings.features)]
        names = [one.name for one in chosen]
        clean = adapt_fold(heldout[number], fold, weighting, names, placed, recordings, SETTINGS, number)
        space = EmbeddedRecordings.of(placed, recordings).space(fold.rest, SETTINGS, weighting.temperature)
        folds.append((fold, weighting, fitted, placed, clean, space))
        print(f"\r{number + 1} of {len(protocol.folds)} folds", end="", file=sys.stderr)
    rows = []
    for name in ["clean", *conditions]:
        tables = recordings.tables
        if name != "clean":
            source = Source(recordings.target, seed=0)
            copies = [degraded(u, name, source) for u in recordings.target.utterances]
            show = partial(print, f"\r{name}", end="", file=sys.stderr)
            inputs = {one for member in members for one in member.inputs(settings.features)}
            tables = FeatureStore().prepare(copies, inputs, show)
        truth, alone, adapted = [], [], []
        for number, (fold, weighting, fitted, placed, clean, space) in enumerate(folds):
            said = {one.settings.name: one.answer(tables, fold.test) for one in fitted}
            posteriors = weighting.posteriors(np.stack([logits for logits, _ in said.values()]))
            answers = Answers(
                np.log(np.maximum(posteriors, FLOOR)).astype(float),
                Embedded.of([said[one.settings.name][1] for one in placed]),
                recordings.classes[fold.test],
                recordings.speakers[fold.test],
                fold.test,
            )
            rng = np.random.default_rng([SETTINGS.seed, 3, number])
            known = answers.said(space), clean.typical, clean.relative, space
            moved = adapt_answers(answers, *known, SETTINGS, rng)
            adapted.append((moved.classes, (moved.logits + clean.strength * moved.added).argmax(1)))
            truth.append(answers.classes)
            alone.append(answers.logits.argmax(1))
        pairs = [(np.concatenate(truth), np.concatenate(alone)), tuple(np.concatenate(x) for x in zip(*adapted))]
        figures = [float(uar(confusion_matrix(*pair, len(recordings.labels)))) for pair in pairs]
        rows.append({"degradation": name, "n": len(pairs[0][0]), "uar": figures[0], "uar_adapted": figures[1]})
        print(rows[-1], flush=True)
        write_frame(pd.DataFrame(rows), OUT, "%.4f")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or list(DEGRADATIONS))
