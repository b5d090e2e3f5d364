"""What each way of joining members is worth beside equal weights, over finished ensembles.

uv run --all-extras python scripts/measure_joining.py STUDY [STUDY ...]

Each STUDY is a folder that `tembr study` and `tembr ensemble` wrote, or the ensemble's own. Writes
docs/results/classic_joining.csv and .md, or the --table: a row for each way of joining, study and protocol, and the
mean over studies under one protocol, such as seeds of the split. Scores and intervals are those of `tembr ensemble`.
"""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

import pandas as pd

from tembr.ensemble import EnsembleFolder
from tembr.ensemble.combiners import UNIFORM
from tembr.evaluate.frames import write_frame
from tembr.evaluate.results import PROTOCOLS
from tembr.evaluate.significance import mcnemar, uar_difference
from tembr.files import atomic_write

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "classic_joining.csv"
MEAN = "mean"
MEASURES = ("accuracy", "uar", "difference")


def main(studies: list[Path], out: Path = OUT) -> None:
    rows = [row for study in studies for row in study_rows(study)]
    table = with_means(pd.DataFrame(rows))
    write_frame(table, out, "%.6g")
    with atomic_write(out.with_suffix(".md")) as temporary:
        temporary.write_text(markdown(table), encoding="utf-8")
    print(markdown(table), end="")


def study_rows(study: Path) -> list[dict]:
    """A row for each way of joining under each protocol that the study's ensemble was measured under."""
    whole = (study / "ensemble").is_dir()
    ensemble = EnsembleFolder.read(study / "ensemble" if whole else study)
    name = (study if whole else study.parent).resolve().name
    return [
        {"study": name, "protocol": protocol, "combiner": way, **_scores(ensemble, protocol, way)}
        for protocol in ensemble.facts.metrics
        for way in _ways(ensemble, protocol)
    ]


def with_means(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the mean over studies of each way of joining, under every protocol that several studies have."""
    means = []
    for (protocol, combiner), rows in table.groupby(["protocol", "combiner"], sort=False):
        if len(rows) > 1:
            means.append({"study": MEAN, "protocol": protocol, "combiner": combiner, **rows[list(MEASURES)].mean()})
    return pd.concat([table, pd.DataFrame(means)], ignore_index=True) if means else table


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table for each protocol: a row a way of joining, a column a study."""
    parts = []
    for protocol, rows in table.groupby("protocol", sort=False):
        studies, ways = rows["study"].unique(), rows["combiner"].unique()
        cells = {(row.combiner, row.study): _cell(row) for row in rows.itertuples()}
        lines = [["combiner", *studies], ["---"] * (1 + len(studies))]
        lines += [[way, *(cells.get((way, study), "") for study in studies)] for way in ways]
        text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts.append(
            f"{PROTOCOLS[protocol].capitalize()}: accuracy, UAR, and UAR less that of equal weights.\n\n{text}\n"
        )
    return "\n".join(parts)


def _ways(ensemble: EnsembleFolder, protocol: str) -> list[str]:
    """All that join members, as the answers have them."""
    answers = ensemble.table("answers", protocol)
    return [way for way in answers if way not in ("file", "fold", "emotion", *ensemble.facts.weights)]


def _scores(ensemble: EnsembleFolder, protocol: str, way: str) -> dict:
    scores = ensemble.facts.combiners[protocol]
    own = scores.get(way, scores["ensemble"])  # the combiner that was chosen is called the ensemble
    answers, labels = ensemble.table("answers", protocol), ensemble.facts.labels
    truth, ours, equal = (answers[name].map(labels.index).to_numpy() for name in ("emotion", way, UNIFORM))
    test, difference = mcnemar(truth, ours, equal), uar_difference(truth, ours, equal, len(labels))
    bounds = ("", "value"), ("_low", "low"), ("_high", "high")
    return {
        "n": test.n,
        **{f"{name}{end}": own[name][bound] for name in ("accuracy", "uar") for end, bound in bounds},
        **{f"difference{end}": getattr(difference, bound) for end, bound in bounds},
        "only_this_wrong": test.n01,
        "only_equal_wrong": test.n10,
        "p": test.p,
    }


def _cell(row) -> str:
    scores = f"{row.accuracy:.1%}, {row.uar:.1%}"
    if row.combiner == UNIFORM:
        return scores
    if row.study == MEAN:
        return f"{scores}; {100 * row.difference:+.1f}"
    low, high = 100 * row.difference_low, 100 * row.difference_high
    return f"{scores}; {100 * row.difference:+.1f} ({low:+.1f} to {high:+.1f}), p = {row.p:.2g}"


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="+", type=Path, metavar="STUDY")
    parser.add_argument("--table", type=Path, default=OUT, help="CSV; Markdown beside it")
    given = parser.parse_args()
    main(given.study, given.table)
