"""The eleven representations, each with a ResNet18, and other networks on mel; `write_tables.py` shows them.

Full networks are those of `classic_full/` and `eleven/full_split*.csv`, narrow ones (a quarter of the channels) those
of `classic/` and `eleven/narrow_*.csv`: `comparison.csv` of a study each.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from classic import PUBLISHED, accuracies, rows
from results import RESULTS

PUBLISHED_OTHERS = {
    "spectrogram": "86.5%", "spectral_contrast": "43.0%", "delta_mfcc": "37.8–62.3%", "tonnetz": "36.6%",
    "rms": "34.3%", "zcr": "27.9%", "tempogram": "22.7%", "delta_tempogram": "22.1%",
}  # fmt: skip
"""Accuracy on a random split of nEMO's nine speakers, of the project that the classic way is taken from."""

GOALS = {"melspectrogram": 0.92, "mfcc": 0.93, "chroma": 0.70, "spectrogram": 0.88, "spectral_contrast": 0.60}
NAMES = ("melspectrogram", "mfcc", "chroma", *PUBLISHED_OTHERS)


def full() -> list[Path]:
    """Studies of full networks, one random split each."""
    return [*(RESULTS / "classic_full").glob("split*.csv"), *(RESULTS / "eleven").glob("full_split*.csv")]


def narrow() -> list[Path]:
    """Studies of narrow networks."""
    return [RESULTS / "classic" / "comparison.csv", *(RESULTS / "eleven").glob("narrow_*.csv")]


def values(paths: Iterable[Path], name: str, column: str) -> list[float]:
    """What studies came to in a column for a member, of those that measured it."""
    found = [rows(path).get(name, {}).get(column) for path in sorted(paths)]
    return [float(value) for value in found if value]


def classic_goals() -> str:
    """What was aimed at, mean of the splits there are, and what was reached, by full networks where there are some."""
    lines = ["| accuracy, random split | goal | reached | |", "| --- | ---: | ---: | --- |"]
    joined = {name: list(seeds.values()) for name, seeds in accuracies().items()}
    for name, goal in GOALS.items():
        whole = values(full(), name, "random_accuracy")
        lines.append(
            _goal(name if whole else f"{name} (narrow)", goal, whole or values(narrow(), name, "random_accuracy"))
        )
    lines.append(_goal("ensemble", 0.95, joined["ensemble"]))
    fall = mean(joined["ensemble"]) - mean(joined["uniform weights"])
    met = "reached" if fall >= 0 else "missed"
    lines.append(f"| searched weights less equal ones | ≥ 0.00 points | {100 * fall:+.2f} points | {met} |")
    return "\n".join(lines)


def _goal(name: str, goal: float, found: list[float]) -> str:
    met = "reached" if mean(found) >= goal else "missed"
    return f"| {name} | ≥ {goal:.1%} | {_mean(found)} | {met} |"


def eleven_table() -> str:
    """Accuracy of every representation, with full and with narrow networks, beside published, and unseen speakers."""
    columns = "full network, random split", "narrow network, random split", "published", "UAR, unseen speakers (narrow)"
    lines = [f"| member | {' | '.join(columns)} |", "| --- | ---: | ---: | ---: | ---: |"]
    found = []
    for name in NAMES:
        accuracies = [values(paths, name, "random_accuracy") for paths in (full(), narrow())]
        unseen = values(narrow(), name, "speaker_uar")
        cells = [_mean(one) for one in accuracies] + [(PUBLISHED | PUBLISHED_OTHERS)[name], _mean(unseen)]
        found.append((max(map(mean, filter(None, accuracies)), default=0.0), f"| {name} | {' | '.join(cells)} |"))
    for name, row in rows(RESULTS / "eleven" / "baselines.csv").items():
        accuracy, unseen = float(row["random_accuracy"]), float(row["speaker_uar"])
        found.append((accuracy, f"| {name} (baseline) | {accuracy:.1%} (1) |  |  | {unseen:.1%} (1) |"))
    return "\n".join([*lines, *(line for _, line in sorted(found, reverse=True))])


def networks_table() -> str:
    """Networks on mel under the random split: accuracy, size and time."""
    lines = ["| network | accuracy, random split | parameters | seconds |", "| --- | ---: | ---: | ---: |"]
    named = {path.stem.removeprefix("mel_"): rows(path) for path in sorted((RESULTS / "eleven").glob("mel_*.csv"))}
    named["resnet18_quarter"] = rows(RESULTS / "classic" / "comparison.csv")
    for name, found in sorted(named.items(), key=lambda one: -float(one[1]["melspectrogram"]["random_accuracy"])):
        row = found["melspectrogram"]
        bounds = (float(row[f"random_accuracy{end}"]) for end in ("", "_low", "_high"))
        accuracy = "{:.1%} ({:.1%}–{:.1%})".format(*bounds)
        seconds = float(row["random_train_seconds"])
        lines.append(f"| {name} | {accuracy} | {int(row['parameters']):,} | {seconds:,.0f} |")
    return "\n".join(lines)


def _mean(found: list[float]) -> str:
    """Mean, with how many it is of."""
    return f"{mean(found):.1%} ({len(found)})" if found else ""
