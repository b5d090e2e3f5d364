"""What each augmentation of training data is worth, beside none and beside the recipe's own.

uv run --all-extras python scripts/measure_augmentation.py --config classic --corpus nemo --corpora CORPORA \\
    --member melspectrogram --seeds 42,43,44 --out runs/augmentation

Runs a study for each of `STUDIES` under each protocol, under `random` for each seed of the split; every study has a
folder of its own below OUT, and one that is finished is not run again. Writes docs/results/augmentation.csv and .md:
scores with 95 % bootstrap intervals, pooled over seeds, the difference in UAR from `none` and from `standard` and
McNemar's test of it. Both take recordings for independent; one that several seeds test counts each time.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from tembr.augment.settings import AugmentSettings
from tembr.errors import TembrError
from tembr.evaluate.frames import write_frame
from tembr.evaluate.results import PROTOCOLS
from tembr.evaluate.significance import mcnemar, uar_difference
from tembr.experiment import Study
from tembr.experiment.member import score_predictions
from tembr.experiment.run import run_study
from tembr.experiment.settings import StudySettings, load_settings
from tembr.files import atomic_write
from tembr.progress import Progress
from tembr.train.settings import TrainSettings

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "augmentation.csv"
STUDIES = {
    "none": ("augment.enabled=false", "train.mixstyle=0", "train.mixup=0", "train.cutmix=0", "train.generated=0"),
    "standard": (),
    "mixup": ("train.mixup=0.4",),
    "cutmix": ("train.cutmix=1.0",),
    "generated": ("train.generated=0.5",),
}
"""Name → what every member is set to, over the recipe."""
REFERENCES = ("none", "standard")


@dataclass(frozen=True)
class Run:
    """One study to run.

    Attributes:
        study: a key of `STUDIES`.
        protocol: the only one of it.
        split: folder of the run within the study's: the protocol, with the seed where there are several.
        settings: of it.
    """

    study: str
    protocol: str
    split: str
    settings: StudySettings

    def folder(self, out: Path) -> Path:
        return out / self.study / self.split


def main(arguments: Sequence[str]) -> None:
    given = parsed(arguments)
    runs = list(runs_of(given))
    if not given.table_only:
        for run in runs:
            print(f"{run.study} · {run.split}", flush=True)
            run_study(run.settings, run.folder(given.out), Progress(say=lambda line: print(line, flush=True)))
    table = pd.DataFrame(rows_of(read_predictions(runs, given.out)))
    if table.empty:
        raise SystemExit(f"{given.out}: no finished study; run without --table-only")
    write_frame(table, given.table, "%.6g")
    with atomic_write(given.table.with_suffix(".md")) as temporary:
        temporary.write_text(markdown(table), encoding="utf-8")
    print(markdown(table), end="")


def parsed(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the studies")
    parser.add_argument("--config", default="classic", help="recipe by name, or TOML")
    parser.add_argument("--corpus", help="the recipe's by default")
    parser.add_argument("--corpora", type=Path, help="folder of all corpora")
    parser.add_argument("--member", type=names, default=["melspectrogram"], help="networks, by comma")
    parser.add_argument("--protocol", type=names, default=["random", "speaker"], help="by comma")
    parser.add_argument("--seeds", type=names, default=["42"], help="of the random split, by comma")
    parser.add_argument("--study", type=names, default=list(STUDIES), help=f"of {', '.join(STUDIES)}, by comma")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of tembr study")
    parser.add_argument("--table", type=Path, default=OUT, help="CSV; Markdown beside it")
    parser.add_argument("--table-only", action="store_true", help="run nothing; the table of what is finished")
    given = parser.parse_args(arguments)
    for study in given.study:
        if study not in STUDIES:
            parser.error(f"--study {study}: choose from {', '.join(STUDIES)}")
    return given


def names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def runs_of(given: Namespace) -> Iterator[Run]:
    """What the arguments ask for; all studies of one split follow each other."""
    for protocol in given.protocol:
        seeds = given.seeds if protocol == "random" else [None]
        for seed in seeds:
            for study in given.study:
                own = [f"members.{member}.{setting}" for member in given.member for setting in STUDIES[study]]
                settings = load_settings(
                    given.config,
                    ["track.enabled=false", *given.set, *own],
                    members=given.member,
                    corpora=given.corpora,
                    corpus__name=given.corpus,
                    protocols=[protocol],
                    split__seed=None if seed is None else int(seed),
                )
                yield Run(study, protocol, protocol if seed is None else f"{protocol}_{seed}", settings)


def read_predictions(runs: Sequence[Run], out: Path) -> dict[tuple[str, str, str], pd.DataFrame]:
    """(protocol, member, study) → `probabilities.csv` of all its finished splits, with a column `split`."""
    found: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
    for run in runs:
        for member in run.settings.members:
            if (run.folder(out) / member / "summary.json").exists():
                predictions = Study.read(run.folder(out)).predictions(member, run.protocol)
                found.setdefault((run.protocol, member, run.study), []).append(predictions.assign(split=run.split))
    return {key: pd.concat(frames, ignore_index=True) for key, frames in found.items()}


def rows_of(predictions: dict[tuple[str, str, str], pd.DataFrame]) -> list[dict]:
    """A row for each study of a member under a protocol."""
    rows = []
    for (protocol, member, study), own in predictions.items():
        labels = tuple(name.removeprefix("p_") for name in own if name.startswith("p_"))
        scores = score_predictions(own, labels).as_dict()
        row = {"protocol": protocol, "member": member, "augmentation": study, "splits": own["split"].nunique()}
        row |= {"n": len(own), **_bounded("accuracy", scores["accuracy"]), **_bounded("uar", scores["uar"])}
        for reference in REFERENCES:
            other = predictions.get((protocol, member, reference))
            if reference != study and other is not None:
                row |= _compared(own, other, labels, reference)
        rows.append(row)
    return rows


def _bounded(name: str, scores: dict) -> dict[str, float]:
    return {name: scores["value"], f"{name}_low": scores["low"], f"{name}_high": scores["high"]}


def _compared(own: pd.DataFrame, other: pd.DataFrame, labels: tuple[str, ...], reference: str) -> dict[str, float]:
    """Difference in UAR and McNemar's test, on the recordings of the splits that both have."""
    both = own.merge(other[["split", "file", "predicted"]], on=["split", "file"], suffixes=("", "_other"))
    if both.empty:
        return {}
    sides = (both[name].map(labels.index).to_numpy() for name in ("emotion", "predicted", "predicted_other"))
    truth, ours, theirs = sides
    test, difference = mcnemar(truth, ours, theirs), uar_difference(truth, ours, theirs, len(labels))
    bounds = {"value": difference.value, "low": difference.low, "high": difference.high}
    return {
        **_bounded(f"less_{reference}", bounds),
        f"only_this_wrong_{reference}": test.n01,
        f"only_{reference}_wrong": test.n10,
        f"p_{reference}": test.p,
    }


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table for each protocol."""
    parts = []
    for protocol, rows in table.groupby("protocol", sort=False):
        head = ["member", "augmentation", "by default", "splits", "n", "accuracy", "UAR"]
        lines = [[*head, *(f"UAR less {reference}" for reference in REFERENCES)]]
        lines += [["---"] * len(lines[0]), *(_cells(row) for row in rows.to_dict("records"))]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        title = f"{PROTOCOLS[protocol].capitalize()}, 95 % intervals in brackets, p of McNemar's test:"
        parts.append(f"{title}\n\n{text}\n")
    return "\n".join([*parts, _legend()])


def _cells(row: dict) -> list[str]:
    study = row["augmentation"]
    cells = [row["member"], study, by_default(study), str(row["splits"]), f"{row['n']:,}"]
    for name in ("accuracy", "uar"):
        cells.append(f"{row[name]:.1%} ({row[f'{name}_low']:.1%} to {row[f'{name}_high']:.1%})")
    for reference in REFERENCES:
        value, low, high = (100 * row.get(f"less_{reference}{end}", float("nan")) for end in ("", "_low", "_high"))
        p = row.get(f"p_{reference}")
        cells.append(f"{value:+.1f} ({low:+.1f} to {high:+.1f}), p = {p:.2g}" if value == value else "")
    return cells


def by_default(study: str) -> str:
    """Whether Tembr does it unless told otherwise: 'on', 'off', or nothing where there is nothing to do."""
    if study == "none":
        return ""
    on = AugmentSettings().enabled if study == "standard" else getattr(TrainSettings(), study) > 0
    return "on" if on else "off"


def _legend() -> str:
    settings = [f"{study}: `{' '.join(own)}`" for study, own in STUDIES.items() if own]
    return (
        "standard is the recipe's augmentation; mixup, cutmix and generated come on top of it. "
        f"A recording that several splits test counts each time. {'; '.join(settings)}.\n"
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except TembrError as error:
        sys.exit(f"error: {error}")
