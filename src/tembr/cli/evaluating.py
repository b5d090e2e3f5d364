"""What `tembr evaluate` does with a corpus and a bundle's answers to it."""

from __future__ import annotations

import json
from pathlib import Path

from tembr.cli.console import progress_bars, results, say
from tembr.corpora import load_corpus
from tembr.corpora.corpus import Corpus
from tembr.emotions import display_name
from tembr.files import atomic_write, write_bytes
from tembr.recognize.evaluation import Evaluation, evaluate, known_to
from tembr.recognize.recognizer import Recognizer

LISTED = 10
"""Failures told one by one; the rest are counted."""


def open_corpus(recognizer: Recognizer, name: str, source: str | None, unmapped: str, **options) -> Corpus:
    """The corpus with the emotions the bundle knows; of others `unmapped` says what becomes of them."""
    return known_to(recognizer.labels, load_corpus(name, source, unmapped="keep", **options), unmapped)


def measure(recognizer: Recognizer, corpus: Corpus, threads: int | None, quiet: bool) -> Evaluation:
    """Every utterance answered; what cannot be read is told on stderr."""
    with progress_bars() as bars:
        follow = None if quiet else lambda done, total: bars.count("recordings heard", done, total)
        evaluation = evaluate(recognizer, corpus, threads, follow)
    for reason in list(evaluation.failures.values())[:LISTED]:
        say(f"left out: {reason}")
    if len(evaluation.failures) > LISTED:
        say(f"left out: {len(evaluation.failures) - LISTED} more")
    return evaluation


def write(evaluation: Evaluation, folder: Path) -> None:
    """evaluation.json, probabilities.csv, and confusion.png where matplotlib is installed."""
    import csv

    write_bytes(folder / "evaluation.json", (json.dumps(evaluation.as_dict(), ensure_ascii=False) + "\n").encode())
    rows = evaluation.rows()
    with atomic_write(folder / "probabilities.csv") as path, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _draw(evaluation, folder)


def show(evaluation: Evaluation) -> None:
    """The measures for people, and as the last line for programs."""
    from rich.table import Table

    content = evaluation.as_dict()
    measures = Table("measure", "value", "95 % interval", box=None, pad_edge=False)
    for name in ("accuracy", "uar", "macro_f1", "ece"):
        interval = content[name]
        measures.add_row(name, f"{interval['value']:.3f}", f"{interval['low']:.3f} – {interval['high']:.3f}")
    results.print(measures)
    for title in ("per_class", "per_speaker", "per_gender"):
        if content[title]:
            results.print("", _grouped(title.removeprefix("per_"), content[title]), sep="\n")
    counts = [f"{content['n']} recordings", f"{content['failures']} could not be read"]
    counts += [f"{count} {code}" for code, count in content["warnings"].items()]
    results.print("", ", ".join(counts), "", sep="\n")
    print(json.dumps(content, ensure_ascii=False), flush=True)


def _grouped(name: str, groups: dict[str, dict[str, float]]):
    from rich.table import Table

    columns = list(next(iter(groups.values())))
    table = Table(name, *columns, box=None, pad_edge=False)
    for group, figures in groups.items():
        values = (f"{v:.3f}" if isinstance(v, float) else str(v) for v in figures.values())
        table.add_row(display_name(group) if name == "class" else group, *values)
    return table


def _draw(evaluation: Evaluation, folder: Path) -> None:
    try:
        from tembr.evaluate.plots import confusion_png
    except ImportError:
        return
    confusion_png(evaluation.scores, folder / "confusion.png", f"{evaluation.scores.n} recordings")
