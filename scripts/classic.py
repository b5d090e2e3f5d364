"""The ensembles of full ResNet18s beside the published one; `write_tables.py` shows them.

`classic_full/split*.csv` are `comparison.csv` of ensembles of mel, MFCC and chroma, one random split each, and
`classic_full/eleven*.csv` those of the same studies with all eleven representations.
"""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import mean

from results import RESULTS

PUBLISHED = {"melspectrogram": "88.9–92.0%", "mfcc": "71.2–93.0%", "chroma": "49.5%", "ensemble": "94.8%"}
"""Accuracy on a random split of nEMO's nine speakers, of the project that the classic way is taken from."""

JOINED = ("ensemble", "uniform weights")


def accuracies(kind: str = "split") -> dict[str, dict[str, float]]:
    """Member or way of joining → seed of the random split → accuracy; the best on the mean first."""
    found: dict[str, dict[str, float]] = {}
    for path in sorted((RESULTS / "classic_full").glob(f"{kind}*.csv")):
        for name, row in rows(path).items():
            found.setdefault(name, {})[path.stem.removeprefix(kind)] = float(row["random_accuracy"])
    return _best_first(found)


def full_table() -> str:
    """Accuracy of every member and way of joining: mean of the splits, beside published, and unseen speakers."""
    narrow = unseen()
    lines = ["| member | accuracy, mean of three random splits | published | UAR, unseen speakers (narrow) |"]
    lines += ["| --- | ---: | ---: | ---: |"]
    eleven = accuracies("eleven")
    more = {"spectrogram": eleven["spectrogram"]} | {f"{name} of eleven": eleven[name] for name in JOINED}
    for name, seeds in _best_first(accuracies() | more).items():
        unseen_uar = f"{narrow[name]:.1%}" if name in narrow else ""
        lines.append(f"| {name} | {mean(seeds.values()):.1%} | {PUBLISHED.get(name, '')} | {unseen_uar} |")
    return "\n".join(lines)


def unseen() -> dict[str, float]:
    """UAR of narrow networks on unseen speakers: every member, ways of joining three, and ways of joining eleven."""
    three, eleven = (rows(RESULTS / "eleven" / f"speakers{end}.csv") for end in ("_three", ""))
    eleven = {name if row["kind"] == "network" else f"{name} of eleven": row for name, row in eleven.items()}
    return {name: float(row["speaker_uar"]) for name, row in (eleven | three).items()}


def splits_table(kind: str = "split") -> str:
    """The same split by split, with parameters and seconds of training."""
    named = {path.stem.removeprefix(kind): rows(path) for path in sorted((RESULTS / "classic_full").glob(f"{kind}*"))}
    lines = [f"| member | {' | '.join(f'split {seed}' for seed in named)} | mean | parameters | seconds, split 42 |"]
    lines += [f"| --- |{' ---: |' * (len(named) + 3)}"]
    for name, seeds in accuracies(kind).items():
        row = named["42"][name]
        size = f"{int(row['parameters']):,} | {float(row['random_train_seconds']):,.0f}"
        cells = " | ".join(f"{seeds[seed]:.1%}" for seed in named)
        lines.append(f"| {name} | {cells} | {mean(seeds.values()):.1%} | {size} |")
    return "\n".join(lines)


def rows(path: Path) -> dict[str, dict[str, str]]:
    """A `comparison.csv` by its members."""
    with open(path, encoding="utf-8", newline="") as file:
        return {row["member"]: row for row in csv.DictReader(file)}


def _best_first(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return dict(sorted(found.items(), key=lambda one: -mean(one[1].values())))
