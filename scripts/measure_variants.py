"""What quantising an ensemble changes on recordings that it never heard: every fold of finished studies.

uv run --all-extras python scripts/measure_variants.py STUDY [STUDY ...]

Each STUDY is a folder that `tembr study` wrote. Of each fold its members are joined with equal weights, exported and
quantised, calibrated on what the fold learnt from, and all variants answer the fold's test part. Writes
docs/results/classic_variants.csv and .md: for each protocol a row a variant, over all folds of all studies.
"""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from tembr.ensemble.joined import Ensemble, join
from tembr.ensemble.members import StudyMember, StudyProtocol, finished_members, read_protocol
from tembr.ensemble.weighted import WeightedEnsemble
from tembr.evaluate.frames import write_frame
from tembr.evaluate.metrics import score
from tembr.evaluate.results import PROTOCOLS
from tembr.experiment.recordings import same_recordings, usable_corpus
from tembr.experiment.settings import StudySettings
from tembr.experiment.study import study_settings
from tembr.export.facts import silence_of
from tembr.export.graph import sample_rate_of, waveform_graph
from tembr.export.measure import FULL
from tembr.export.optimize import optimize
from tembr.export.quantize import CALIBRATION, VARIANTS, variants
from tembr.export.recordings import drawn, read_waveforms
from tembr.export.runtime import latencies, make_feed, open_session, posteriors
from tembr.files import atomic_write
from tembr.models import load_member
from tembr.progress import Progress
from tembr.splits import Fold

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "classic_variants.csv"
SEED = 42


def main(studies: Sequence[Path], out: Path = OUT, protocols: Sequence[str] = (), wanted: Sequence[str] = ()) -> None:
    frames = [frame for study in studies for frame in study_answers(study, protocols, wanted)]
    answers = pd.concat(frames, ignore_index=True)
    table = pd.DataFrame(rows_of(answers))
    write_frame(table, out, "%.6g")
    with atomic_write(out.with_suffix(".md")) as temporary:
        temporary.write_text(markdown(table), encoding="utf-8")
    print(markdown(table), end="")


def study_answers(study: Path, protocols: Sequence[str] = (), wanted: Sequence[str] = ()) -> Iterator[pd.DataFrame]:
    """What variants say to every test recording of a study, fold by fold, see `fold_answers`.

    Args:
        protocols, wanted: of the study, and of the variants beside single precision; all where none is named.
    """
    settings = study_settings(study)
    window = settings.features.window
    corpus = usable_corpus(settings.corpus, window, Progress())
    others = [u for one in settings.auxiliary.values() for u in usable_corpus(one, window, Progress()).utterances]
    for name in protocols or settings.protocols:
        protocol = read_protocol(settings, study, name)
        if not same_recordings(corpus, protocol.utterances):
            raise SystemExit(f"{study}: the recordings are no longer those this study was made with")
        members = list(finished_members(protocol).values())
        for number, fold in enumerate(protocol.folds):
            print(f"{study.name} · {name} · {fold.name}", flush=True)
            ensemble = fold_ensemble(settings, protocol, members, number)
            frame = fold_answers(ensemble, fold, corpus.utterances, others, wanted)
            yield frame.assign(protocol=name, fold=f"{study.resolve()} {fold.name}")


def fold_ensemble(
    settings: StudySettings, protocol: StudyProtocol, members: Sequence[StudyMember], number: int
) -> Ensemble:
    """Members of a fold with equal weights."""
    loaded = [
        load_member(settings.members[one.name], settings.features, protocol.labels, one.weights[number])
        for one in members
    ]
    return join(loaded, WeightedEnsemble({one.name: 1 / len(members) for one in members}, 1.0))


def fold_answers(
    ensemble: Ensemble, fold: Fold, utterances: Sequence, others: Sequence = (), wanted: Sequence[str] = ()
) -> pd.DataFrame:
    """A row for each variant and test recording: truth, variant, bytes, milliseconds and posteriors.

    Args:
        utterances, others: of the target, and of the corpora learnt from besides.
        wanted: names of variants beside single precision; all where none is named.
    """
    rate, silence = sample_rate_of(ensemble), silence_of(ensemble.distinct_inputs)

    def feeds(chosen: Sequence) -> list:
        waveforms = read_waveforms(chosen, rate, silence)
        return [make_feed([one], "waveform", ensemble.distinct_inputs) for one in waveforms]

    learnt = [*(utterances[place] for place in fold.train), *others]
    calibration = feeds(drawn(learnt, CALIBRATION, SEED))
    scored = feeds([utterances[place] for place in fold.test])
    graph = optimize(waveform_graph(ensemble), calibration[:8], rounds=2)
    models = {FULL: graph.model}
    made = [one for one in variants("static", graph.portable) if not wanted or one.name in wanted]
    models |= {one.name: one.make(graph.portable, calibration) for one in made}
    sessions = [open_session(model) for model in models.values()]
    truth = [utterances[place].emotion for place in fold.test]
    frames = []
    for (name, model), session, time in zip(models.items(), sessions, latencies(sessions, scored[0])):
        found = pd.DataFrame(posteriors(session, scored), columns=[f"p_{label}" for label in ensemble.labels])
        facts = {"variant": name, "bytes": model.ByteSize(), "milliseconds": time.median, "emotion": truth}
        frames.append(found.assign(**facts, place=fold.test))
    return pd.concat(frames, ignore_index=True)


def rows_of(answers: pd.DataFrame) -> Iterator[dict]:
    """A row for each protocol and variant: size and time are means over folds."""
    columns = [name for name in answers if name.startswith("p_")]
    labels = tuple(name.removeprefix("p_") for name in columns)
    for protocol, own in answers.groupby("protocol", sort=False):
        full = own[own["variant"] == FULL][columns].to_numpy()
        for variant, rows in own.groupby("variant", sort=False):
            found, truth = rows[columns].to_numpy(), rows["emotion"].map(labels.index).to_numpy()
            scores = score(truth, found, labels)
            yield {
                "protocol": protocol,
                "variant": variant,
                "folds": rows["fold"].nunique(),
                "n": len(rows),
                "bytes": rows.groupby("fold")["bytes"].first().mean(),
                "milliseconds": rows.groupby("fold")["milliseconds"].first().mean(),
                "agreement": (found.argmax(1) == full.argmax(1)).mean(),
                "difference": np.abs(found - full).max(),
                "accuracy": scores.accuracy.value,
                "uar": scores.uar.value,
            }


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table for each protocol."""
    parts = []
    for protocol, rows in table.groupby("protocol", sort=False):
        lines = ["| variant | MB | ms | agrees with fp32 | largest difference | accuracy | UAR |", "| --- " * 7 + "|"]
        for row in rows.itertuples():
            size = f"{row.bytes / 1e6:.2f} | {row.milliseconds:.2f} | {row.agreement:.1%} | {row.difference:.2g}"
            lines.append(f"| {row.variant} | {size} | {row.accuracy:.1%} | {row.uar:.1%} |")
        folds, count = rows.iloc[0][["folds", "n"]]
        title = f"{PROTOCOLS[protocol].capitalize()}, {count:,} recordings never heard, fold by fold ({folds}):"
        parts.append(f"{title}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="+", type=Path, metavar="STUDY")
    parser.add_argument("--table", type=Path, default=OUT, help="CSV; Markdown beside it")
    named = {"action": "append", "default": []}
    parser.add_argument("--protocol", choices=PROTOCOLS, help="of the study, again for more; all by default", **named)
    names = [one.name for one in VARIANTS]
    parser.add_argument("--variant", choices=names, help="beside fp32, again for more; all by default", **named)
    given = parser.parse_args()
    main(given.study, given.table, given.protocol, given.variant)
