"""What `tembr evaluate` does with a corpus and a bundle's answers to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from tembr import tables
from tembr.adaptation.fitting import FEW
from tembr.bundle import Facts
from tembr.cli.console import progress_bars, results, say
from tembr.corpora import load_corpus
from tembr.corpora.corpus import Corpus
from tembr.degrade.effects import DEGRADATIONS, Effect, prepare
from tembr.emotions import display_name
from tembr.errors import ConfigError
from tembr.evaluate.coverage import HALF
from tembr.files import write_bytes
from tembr.recognize import adapted
from tembr.recognize.adaptation import FEW_RECORDINGS
from tembr.recognize.evaluation import Evaluation, choose_labels, compare, evaluate, known_to
from tembr.recognize.overlap import Overlap, overlap
from tembr.recognize.prediction import threshold_of
from tembr.recognize.recognizer import Recognizer

LISTED = 10
"""Failures told one by one; the rest are counted."""


def open_corpus(
    recognizer: Recognizer, name: str, source: str | None, unmapped: str, wanted: Sequence[str] | None, **options
) -> tuple[Corpus, tuple[str, ...] | None]:
    """The corpus with the emotions that are answered with, and which these are; None where that was not asked.

    Args:
        unmapped: what becomes of others, see `known_to`.
        wanted: see `choose_labels`.
    """
    corpus = load_corpus(name, source, unmapped="keep", **options)
    try:
        labels = choose_labels(recognizer.labels, wanted, corpus) if wanted is not None else None
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    return known_to(labels or recognizer.labels, corpus, unmapped), labels


def measure(
    recognizer: Recognizer,
    corpus: Corpus,
    threads: int | None,
    quiet: bool,
    effect: Effect | None = None,
    what: str = "recordings heard",
    own: Mapping[str, Recognizer] | None = None,
    labels: Sequence[str] | None = None,
) -> Evaluation:
    """Every utterance answered; what cannot be read is told on stderr."""
    with progress_bars() as bars:
        follow = None if quiet else lambda done, total: bars.count(what, done, total)
        evaluation = evaluate(recognizer, corpus, threads, follow, effect, own, labels)
    _left_out(list(evaluation.failures.values()))
    return evaluation


def trained_on(recognizer: Recognizer, corpus: Corpus, threads: int | None, quiet: bool) -> Overlap:
    """What of the corpus the bundle was trained on."""
    with progress_bars() as bars:
        follow = None if quiet else lambda done, total: bars.count("recordings compared with the training", done, total)
        return overlap(recognizer.network, corpus, threads, follow)


def degrade(
    recognizer: Recognizer,
    corpus: Corpus,
    clean: Evaluation,
    names: Sequence[str],
    threads: int | None,
    quiet: bool,
    labels: Sequence[str] | None = None,
) -> Evaluation:
    """`clean` with what could be read in it heard again under every degradation."""
    readable = replace(corpus, utterances=clean.utterances)
    degraded = []
    for name in names:
        effect = prepare(name, readable, recognizer.facts.sample_rate)
        again = measure(recognizer, readable, threads, quiet, effect, f"recordings heard, {name}", labels=labels)
        degraded.append(compare(name, clean, again))
    return replace(clean, degraded=tuple(degraded))


def adapt(
    recognizer: Recognizer,
    corpus: Corpus,
    recordings: int,
    seed: int,
    threads: int | None,
    quiet: bool,
    labels: Sequence[str] | None = None,
) -> Evaluation:
    """Some recordings of every speaker adapted to, the others answered without and with that."""
    if recordings < FEW:
        say(FEW_RECORDINGS.format(count=recordings))
    drawn = adapted.draw(corpus, recordings, seed)
    with progress_bars() as bars:
        follow = None if quiet else lambda done, total: bars.count("speakers adapted to", done, total)
        drawn, own, failures = adapted.adapt_each(recognizer, drawn, threads, follow)
    _left_out(failures)
    _left_out(list(drawn.left_out.values()))
    unadapted = measure(recognizer, drawn.scored, threads, quiet, labels=labels)
    readable = replace(corpus, utterances=unadapted.utterances)
    again = measure(recognizer, readable, threads, quiet, what="recordings heard, adapted", own=own, labels=labels)
    return replace(unadapted, adapted=adapted.compare(drawn, unadapted, again))


def with_sets(evaluation: Evaluation, facts: Facts, coverage: float) -> Evaluation:
    """`evaluation` with the sets of a coverage, for adapted answers their own."""
    found = replace(evaluation, sets=(coverage, threshold_of(facts, coverage, adapted=False)))
    if found.adapted is None:
        return found
    again = replace(found.adapted.evaluation, sets=(coverage, threshold_of(facts, coverage, adapted=True)))
    return replace(found, adapted=replace(found.adapted, evaluation=again))


def write(evaluation: Evaluation, folder: Path) -> None:
    """evaluation.json, tables (degraded.csv, adapted.csv if that was asked), and pictures if matplotlib is there."""
    write_bytes(folder / "evaluation.json", (json.dumps(evaluation.as_dict(), ensure_ascii=False) + "\n").encode())
    _write_table(evaluation.rows(), folder / "probabilities.csv")
    _write_table([asdict(kept) for kept in evaluation.coverage()], folder / "coverage.csv")
    if evaluation.degraded:
        _write_table(_side_by_side(evaluation), folder / "degraded.csv")
    if evaluation.adapted:
        _write_table(evaluation.adapted.evaluation.rows(), folder / "adapted.csv")
    _draw(evaluation, folder)


def show(evaluation: Evaluation) -> None:
    """The measures for people, and as the last line for programs."""
    from rich.table import Table

    content = evaluation.as_dict()
    if evaluation.overlap and evaluation.overlap.trained:
        results.print(evaluation.overlap.said(), "", sep="\n")
    measures = Table("measure", "value", "95 % interval", box=None, pad_edge=False)
    for name in ("accuracy", "uar", "macro_f1", "ece"):
        interval = content[name]
        measures.add_row(name, f"{interval['value']:.3f}", f"{interval['low']:.3f} – {interval['high']:.3f}")
    results.print(measures)
    results.print(_averaged(content))
    results.print("", *_confident(content), sep="\n")
    for title in ("per_class", "per_speaker", "per_gender"):
        if content[title]:
            results.print("", _grouped(title.removeprefix("per_"), content[title]), sep="\n")
    if evaluation.degraded:
        results.print("", _degraded(evaluation), sep="\n")
        results.print("", *(f"{one.name}: {DEGRADATIONS[one.name]}" for one in evaluation.degraded), sep="\n")
    if evaluation.adapted:
        results.print("", _with_and_without(content), sep="\n")
    counts = [f"{content['n']} recordings", f"{content['failures']} could not be read"]
    counts += [f"{count} {code}" for code, count in content["warnings"].items()]
    results.print("", ", ".join(counts), "", sep="\n")
    print(json.dumps(content, ensure_ascii=False), flush=True)


def _averaged(content: dict) -> str:
    """What UAR and macro-F1 are averaged over, and what was answered with."""
    line = f"uar and macro_f1 are averages over the emotions that occur: {', '.join(content['averaged_over'])}"
    if "restricted_to" in content:
        return f"{line}; answered only with: {', '.join(content['restricted_to'])}"
    others = [label for label in content["labels"] if label not in content["averaged_over"]]
    return f"{line}; answers {', '.join(others)} count as errors (--labels corpus leaves them out)" if others else line


def _confident(content: dict) -> list[str]:
    """What the most confident answers are worth, a line each."""
    half, kept = content[HALF], content.get("at_min_confidence")
    lines = [f"accuracy of the most confident half: {half['value']:.3f} of {half['n']} recordings"]
    if kept:
        worth = "no answer" if kept["accuracy"] is None else f"accuracy {kept['accuracy']:.3f}, uar {kept['uar']:.3f}"
        lines.append(f"at confidence {kept['threshold']:g}: coverage {kept['coverage']:.3f}, {worth}")
    for found, whose in ((content, ""), (content.get("adapted", {}), " of adapted answers")):
        if sets := found.get("at_coverage"):
            worth = f"held the truth in {sets['coverage']:.3f}, {sets['size']:.2f} emotions in a set"
            lines.append(f"sets{whose} for a coverage of {sets['level']:g}: {worth}")
    return lines


def _grouped(name: str, groups: dict[str, dict[str, float]]):
    from rich.table import Table

    columns = list(next(iter(groups.values())))
    table = Table(name, *columns, box=None, pad_edge=False)
    for group, figures in groups.items():
        values = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in figures.values())
        table.add_row(display_name(group) if name == "class" else group, *values)
    return table


def _degraded(evaluation: Evaluation):
    from rich.table import Table

    table = Table("degraded by", "n", "uar", "95 % interval", "drop", "95 % interval", box=None, pad_edge=False)
    for row in _side_by_side(evaluation):
        cells = [f"{row['uar']:.3f}", f"{row['uar_low']:.3f} – {row['uar_high']:.3f}", "", ""]
        if row["drop"] != "":
            cells[2:] = f"{row['drop']:.3f}", f"{row['drop_low']:.3f} – {row['drop_high']:.3f}"
        table.add_row(row["degradation"], str(row["n"]), *cells)
    return table


def _with_and_without(content: dict):
    from rich.table import Table

    made = content["adapted"]
    title = f"adapted to {made['recordings']} recordings each of {made['speakers']} speakers"
    table = Table(title, "n", "uar", "95 % interval", box=None, pad_edge=False)
    rows = ("without", content["n"], content["uar"]), ("with", made["n"], made["uar"])
    for name, n, uar in (*rows, ("difference", made["n"], made["gain"])):
        table.add_row(name, str(n), f"{uar['value']:.3f}", f"{uar['low']:.3f} – {uar['high']:.3f}")
    return table


def _left_out(reasons: Sequence[str]) -> None:
    for reason in reasons[:LISTED]:
        say(f"left out: {reason}")
    if len(reasons) > LISTED:
        say(f"left out: {len(reasons) - LISTED} more")


def _side_by_side(evaluation: Evaluation) -> list[dict]:
    """The rows of degraded.csv: the clean recordings, then every degradation."""
    clean = {"n": evaluation.scores.n, "uar": asdict(evaluation.scores.uar), "failures": len(evaluation.failures)}
    each = {"clean": clean} | {one.name: one.as_dict() for one in evaluation.degraded}
    none = {"value": "", "low": "", "high": ""}
    rows = []
    for name, figures in each.items():
        row = {"degradation": name, "n": figures["n"]}
        for measure in ("uar", "drop"):
            value, low, high = figures.get(measure, none).values()
            row |= {measure: value, f"{measure}_low": low, f"{measure}_high": high}
        rows.append(row | {"failures": figures["failures"]})
    return rows


def _write_table(rows: list[dict], path: Path) -> None:
    tables.write(path, list(rows[0]), rows)


def _draw(evaluation: Evaluation, folder: Path) -> None:
    try:
        from tembr.evaluate.plots import confusion_png, degraded_png
        from tembr.evaluate.reliability import coverage_png, reliability_png
    except ImportError:
        return
    truth, of = evaluation.truth, _title(evaluation)
    coverage_png(truth, evaluation.posteriors, folder / "coverage.png", f"most confident first, {of}")
    title = f"confidence and accuracy, {of}"
    reliability_png({"answers": evaluation.posteriors}, truth, folder / "reliability.png", title)
    if evaluation.degraded:
        uars = {"clean": evaluation.scores.uar} | {one.name: one.evaluation.scores.uar for one in evaluation.degraded}
        degraded_png(uars, folder / "degraded.png", of)
    confusion_png(evaluation.scores, folder / "confusion.png", of)


def _title(evaluation: Evaluation) -> str:
    """Of a picture that is sent around without its report: how many recordings, and whether they are new."""
    trained = evaluation.overlap and evaluation.overlap.trained
    return f"{evaluation.scores.n} recordings" + (", trained on" if trained else "")
