"""The eleven representations, each with a ResNet18, and other networks on mel; `write_tables.py` shows them.

Full networks are those of `eleven/full_*.csv`, narrow ones (a quarter of the channels) those of `classic/` and
`eleven/narrow_*.csv`, on unseen speakers those of `eleven/speakers.csv`, other networks those of
`eleven/mel_NETWORK_*.csv`: `comparison.csv` of a study each.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from classic import PUBLISHED, accuracies, rows, unseen
from results import RESULTS

PUBLISHED_OTHERS = {
    "spectrogram": "86.5%", "spectral_contrast": "43.0%", "delta_mfcc": "37.8–62.3%", "tonnetz": "36.6%",
    "rms": "34.3%", "zcr": "27.9%", "tempogram": "22.7%", "delta_tempogram": "22.1%",
}  # fmt: skip
"""Accuracy on a random split of nEMO's nine speakers, of the project that the classic way is taken from."""

GOALS = {
    "melspectrogram": 0.92, "mfcc": 0.93, "chroma": 0.70, "spectrogram": 0.88, "spectral_contrast": 0.60,
    "delta_mfcc": 0.623, "tonnetz": 0.366, "rms": 0.343, "zcr": 0.279, "tempogram": 0.227, "delta_tempogram": 0.221,
}  # fmt: skip
"""Aimed at; of those that follow spectral contrast what was published."""

ALONE = ("tonnetz", "delta_mfcc", "rms", "zcr", "tempogram", "delta_tempogram")
"""Of the eleven those whose full networks learn from the training part alone everywhere."""

NAMES = ("melspectrogram", "mfcc", "chroma", *PUBLISHED_OTHERS)
ELEVEN = RESULTS / "eleven"


def full() -> list[Path]:
    """Studies of full networks that keep to the training part, one random split each."""
    return [*ELEVEN.glob("full_*.csv")]


def narrow() -> list[Path]:
    """Studies of narrow networks."""
    return [RESULTS / "classic" / "comparison.csv", *ELEVEN.glob("narrow_*.csv")]


def values(paths: Iterable[Path], name: str, column: str) -> list[float]:
    """What studies came to in a column for a member, of those that measured it."""
    found = [rows(path).get(name, {}).get(column) for path in sorted(paths)]
    return [float(value) for value in found if value]


def classic_goals() -> str:
    """What was aimed at, mean of the splits there are, and what full networks reached.

    Members and ensembles are those that learnt from the validation part as well, where there are such.
    """
    lines = ["| accuracy, random split | goal | reached | |", "| --- | ---: | ---: | --- |"]
    three, eleven = accuracies(), accuracies("eleven")
    for name, goal in GOALS.items():
        lines.append(_goal(name, goal, [*eleven[name].values()]))
    lines.append(_goal("ensemble", 0.95, [*three["ensemble"].values()]))
    lines.append(_goal("ensemble of eleven", 0.96, [*eleven["ensemble"].values()]))
    narrow_uar = unseen()
    for where, one in (("ensemble", three), ("ensemble of eleven", eleven)):
        gain = mean(one["ensemble"].values()) - mean(one["uniform weights"].values())
        lines.append(_gain(f"searched weights less equal ones, {where}", gain))
    for end in ("", " of eleven"):
        gain = narrow_uar[f"ensemble{end}"] - narrow_uar[f"uniform weights{end}"]
        lines.append(_gain(f"searched weights less equal ones, ensemble{end}, UAR on unseen speakers (narrow)", gain))
    return "\n".join(lines)


def _goal(name: str, goal: float, found: list[float]) -> str:
    met = "reached" if mean(found) >= goal else "missed"
    return f"| {name} | ≥ {goal:.1%} | {mean(found):.2%} ({len(found)}) | {met} |"


def _gain(name: str, gain: float) -> str:
    return f"| {name} | ≥ 0.00 points | {100 * gain:+.2f} points | {'reached' if gain >= 0 else 'missed'} |"


def eleven_table() -> str:
    """Accuracy of every representation, with full and with narrow networks, beside published, and unseen speakers."""
    columns = "full network, random split", "narrow network, random split", "published", "UAR, unseen speakers (narrow)"
    lines = [f"| member | {' | '.join(columns)} |", "| --- | ---: | ---: | ---: | ---: |"]
    found, unseen_uar = [], unseen()
    for name in NAMES:
        accuracies = [values(paths, name, "random_accuracy") for paths in (full(), narrow())]
        cells = [_mean(one) for one in accuracies] + [(PUBLISHED | PUBLISHED_OTHERS)[name], f"{unseen_uar[name]:.1%}"]
        found.append((max(map(mean, filter(None, accuracies)), default=0.0), f"| {name} | {' | '.join(cells)} |"))
    for name, row in rows(ELEVEN / "baselines.csv").items():
        accuracy, recall = float(row["random_accuracy"]), float(row["speaker_uar"])
        found.append((accuracy, f"| {name} (baseline) | {accuracy:.1%} (1) |  |  | {recall:.1%} |"))
    return "\n".join([*lines, *(line for _, line in sorted(found, reverse=True))])


def refit_table() -> str:
    """What learning from the validation part as well is worth; joined are mel, MFCC and chroma."""
    lines = ["| member | training part alone | training and validation part | |", "| --- | ---: | ---: | ---: |"]
    for name, seeds in (accuracies("eleven") | accuracies()).items():
        alone, both = values(full(), name, "random_accuracy"), [*seeds.values()]
        if name != "best member" and name not in ALONE:
            gain = 100 * (mean(both) - mean(alone))
            lines.append(f"| {name} | {_mean(alone)} | {_mean(both)} | {gain:+.1f} points |")
    return "\n".join(lines)


def networks_table() -> str:
    """Networks on mel that keep to the training part: accuracy, size and time, and UAR on unseen speakers."""
    columns = "accuracy, random split", "parameters", "seconds", "UAR, unseen speakers"
    lines = [f"| network | {' | '.join(columns)} |", "| --- | ---: | ---: | ---: | ---: |"]
    studies = {"resnet18": full(), "resnet18_quarter": narrow()}
    for path in sorted(ELEVEN.glob("mel_*.csv")):
        studies.setdefault(path.stem.removeprefix("mel_").rpartition("_")[0], []).append(path)
    found = []
    for network, paths in studies.items():
        columns = ("random_accuracy", "parameters", "random_train_seconds", "speaker_uar")
        accuracy, sizes, seconds, unseen_uar = (values(paths, "melspectrogram", column) for column in columns)
        unseen_uar = [unseen()["melspectrogram"]] if network == "resnet18_quarter" else unseen_uar
        cells = [_mean(accuracy), f"{sizes[0]:,.0f}", f"{mean(seconds):,.0f}" if seconds else "", _mean(unseen_uar)]
        found.append((mean(accuracy) if accuracy else 0.0, f"| {network} | {' | '.join(cells)} |"))
    return "\n".join([*lines, *(line for _, line in sorted(found, reverse=True))])


def searched_table() -> str:
    """The settings that two hours of search found for narrow networks on mel beside those of the recipe, 20 epochs."""
    lines = ["| settings | accuracy, random split | UAR, random split | seconds |", "| --- | ---: | ---: | ---: |"]
    for which, words in (("hand", "the recipe's"), ("found", "the search's")):
        paths = [*ELEVEN.glob(f"searched_{which}_split*.csv")]
        columns = ("random_accuracy", "random_uar", "random_train_seconds")
        accuracy, recall, seconds = (values(paths, "melspectrogram", column) for column in columns)
        lines.append(f"| {words} | {_mean(accuracy)} | {_mean(recall)} | {mean(seconds):,.0f} |")
    return "\n".join(lines)


def _mean(found: list[float]) -> str:
    """Mean, with how many it is of."""
    return f"{mean(found):.1%} ({len(found)})" if found else ""
