"""What the members of a study achieved: read from their folders and set side by side in one table."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from tembr.errors import StoreError
from tembr.evaluate.coverage import HALF
from tembr.splits import Protocol

PROTOCOLS: dict[str, str] = {
    "random": "random split",
    "kfold": "random folds",
    "speaker": "unseen speakers",
    "sentence": "unseen speakers and sentences",
}
"""Protocols in the order of every table and picture, and what people call them."""

WITH_INTERVAL = ("accuracy", "uar", "macro_f1")
NEEDED = (
    "n",
    *WITH_INTERVAL,
    "ece",
    "per_class",
    "confusion",
    "labels",
    "folds",
    "train_seconds",
    "parameters",
)


@dataclass(frozen=True)
class MemberResult:
    """One member under one protocol.

    Attributes:
        member: name of the representation, or of a baseline such as "svm".
        protocol: "random" (a stratified split), "kfold" (stratified folds), "speaker" (none shared)
            or "sentence" (nor sentences).
        kind: of the member, such as "network" or "encoder", or "baseline" or "ensemble".
        summary: `Scores.as_dict()` with member, protocol, kind, parameters, train_seconds (s), epochs, folds,
            corpus, seed and, but in older ones, accuracy_on_confident_half (value, n) added: the content of
            summary.json.
    """

    member: str
    protocol: Protocol
    kind: str
    summary: dict


def read_study(folder: str | os.PathLike, names: Collection[str] | None = None) -> list[MemberResult]:
    """Read every ``summary.json`` one level below `folder`, in order of path.

    Args:
        names: of the folders that count; all by default.

    Raises:
        StoreError: there is none, or one is not a summary; the message names it.
    """
    paths = [path for path in sorted(Path(folder).glob("*/summary.json")) if names is None or path.parent.name in names]
    if not paths:
        raise StoreError(f"no member has a summary.json below {folder}; run `tembr study` with --out there.")
    return [read_member(path) for path in paths]


def by_protocol(results: Sequence[MemberResult]) -> dict[str, dict[str, MemberResult]]:
    """Protocol → member → result, protocols in the order of `PROTOCOLS`, only those with results.

    Raises:
        StoreError: a member comes twice under one protocol, or a protocol is unknown.
    """
    grouped: dict[str, dict[str, MemberResult]] = {}
    for result in results:
        if result.protocol not in PROTOCOLS:
            known = ", ".join(PROTOCOLS)
            raise StoreError(
                f"{result.member}: protocol {result.protocol!r} is unknown; compare results under {known}."
            )
        members = grouped.setdefault(result.protocol, {})
        if result.member in members:
            raise StoreError(
                f"{result.member} has two results under the protocol {result.protocol}; give each a name of its own."
            )
        members[result.member] = result
    return {protocol: grouped[protocol] for protocol in PROTOCOLS if protocol in grouped}


def side_by_side(studies: Mapping[str, Sequence[MemberResult]]) -> list[MemberResult]:
    """Results of several studies for one comparison.

    Studies that measured different things, such as one under each protocol, share their members' rows. Where two have
    the same member under the same protocol, every member is named with its study: "mfcc (first)".

    Args:
        studies: name → results.
    """
    measured = Counter((one.member, one.protocol) for results in studies.values() for one in results)
    if all(count == 1 for count in measured.values()):
        return [one for results in studies.values() for one in results]
    named = ((study, one) for study, results in studies.items() for one in results)
    return [replace(one, member=f"{one.member} ({study})") for study, one in named]


def comparison_table(results: Sequence[MemberResult]) -> pd.DataFrame:
    """One row a member, the best on unseen speakers first.

    Columns: member, kind, parameters; for each protocol there is ``<protocol>_accuracy``, ``_uar``,
    ``_macro_f1`` (each also ``_low`` and ``_high``), ``_ece``, ``_accuracy_on_confident_half``, ``_n``,
    ``_folds``, ``_train_seconds``; and gap, UAR on the random split minus UAR on unseen speakers. Sorted by UAR on
    unseen speakers; members without it follow, by accuracy on the random split. What was not measured is NaN.

    Raises:
        StoreError: nothing to compare, or a member comes twice under one protocol.
    """
    if not results:
        raise StoreError("there are no results to compare; run `tembr study` first.")
    grouped = by_protocol(results)
    rows = {result.member: {"member": result.member, "kind": result.kind} for result in results}
    for protocol, members in grouped.items():
        for member, result in members.items():
            rows[member].setdefault("parameters", result.summary["parameters"])
            rows[member].update(_figures(protocol, result.summary))
    columns = ["member", "kind", *(name for protocol in grouped for name in _columns(protocol)), "parameters"]
    table = pd.DataFrame(list(rows.values()), columns=columns)
    both = {"random", "speaker"} <= set(grouped)
    table["gap"] = table["random_uar"] - table["speaker_uar"] if both else float("nan")
    ranks = [name for name in ("speaker_uar", "random_accuracy", "kfold_accuracy") if name in table]
    return table.sort_values(ranks, ascending=False, kind="stable", ignore_index=True)


def _columns(protocol: str) -> list[str]:
    measured = [f"{name}{bound}" for name in WITH_INTERVAL for bound in ("", "_low", "_high")]
    return [f"{protocol}_{name}" for name in (*measured, "ece", HALF, "n", "folds", "train_seconds")]


def _figures(protocol: str, summary: dict) -> dict[str, float]:
    figures = {}
    for name in WITH_INTERVAL:
        interval = summary[name]
        figures[f"{protocol}_{name}"] = interval["value"]
        figures[f"{protocol}_{name}_low"] = interval["low"]
        figures[f"{protocol}_{name}_high"] = interval["high"]
    figures[f"{protocol}_ece"] = summary["ece"]["value"]
    figures[f"{protocol}_{HALF}"] = summary.get(HALF, {}).get("value", float("nan"))
    return figures | {f"{protocol}_{name}": summary[name] for name in ("n", "folds", "train_seconds")}


def read_member(path: Path) -> MemberResult:
    """Read one ``summary.json``.

    Raises:
        StoreError: it is missing, damaged, or not the summary of a member.
    """
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        member, protocol, kind = summary["member"], summary["protocol"], summary["kind"]
        missing = [name for name in NEEDED if name not in summary]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"cannot read {path}: {error!r}; run the study of this member again.") from error
    if missing or protocol not in PROTOCOLS:
        what = f"no {', '.join(missing)}" if missing else f"protocol {protocol!r} is unknown"
        raise StoreError(f"{path} is not the summary of a member: {what}; run the study of this member again.")
    return MemberResult(member, protocol, kind, summary)
