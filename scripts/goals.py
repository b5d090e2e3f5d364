"""What was aimed at for voices that were never heard, beside what was reached; `write_tables.py` shows it."""

from __future__ import annotations

from collections.abc import Iterator

from results import ROOT, facts_of, rows_of

BUNDLES = ROOT / "src" / "tembr" / "pretrained"
BENCHMARKS = ROOT / "docs" / "benchmarks.md"
RECOGNIZER = "uv run --all-extras python bench/recognizer.py nemo --recordings 1000"
ANSWER = "recording of 3 s to answer, one core, ms"

Row = tuple[str, str, float, float]
"""What, '≥' or '≤', the goal, and what was reached."""


def goals_table() -> str:
    """A row for every goal that docs/results/default tells of."""
    lines = ["| what | goal | reached | |", "| --- | ---: | ---: | --- |"]
    for what, sign, goal, reached in (*_recognition(), *_care(), *_robustness(), *_size()):
        met = reached >= goal if sign == "≥" else reached <= goal
        lines.append(f"| {what} | {sign} {_figure(goal)} | {_figure(reached)} | {'reached' if met else 'missed'} |")
    return "\n".join(lines)


def _recognition() -> Iterator[Row]:
    found, others = facts_of(), {name: facts_of(name=name)["metrics"]["speaker"] for name in ("emodb", "ravdess")}
    alone, adapted = found["metrics"], found["adaptation"]["metrics"]
    yield "nEMO, unseen speaker, UAR", "≥", 0.78, alone["speaker"]["uar"]["value"]
    for count, goal in ((10, 0.85), (30, 0.88), (100, 0.90)):
        draws, reached = _drawn(count, "uar_adapted")
        yield f"nEMO, adapted to {count} recordings{draws}, UAR", "≥", goal, reached
    for name, scores in (("speaker-independent", alone), ("adapted to 30", adapted)):
        fall = scores["speaker"]["uar"]["value"] - scores["sentence"]["uar"]["value"]
        yield f"nEMO, {name}: fall in UAR where the sentence is unseen too", "≤", 0.02, fall
    (foreign,) = [
        row
        for row in rows_of("adaptation")
        if row["target"] == "nEMO" and row["enrolment"] == "30 at random" and row["learnt from"].startswith("RAVDESS")
    ]
    yield "nEMO, learnt from no Polish, macro-F1", "≥", 0.50, float(foreign["macro_f1"])
    yield "nEMO, learnt from no Polish, adapted to 30, macro-F1", "≥", 0.65, float(foreign["macro_f1_adapted"])
    yield "EMO-DB, seven emotions, unseen speaker, UAR", "≥", 0.85, others["emodb"]["uar"]["value"]
    yield "RAVDESS, eight emotions, five folds of actors, UAR", "≥", 0.72, others["ravdess"]["uar"]["value"]


def _care() -> Iterator[Row]:
    gains = [float(row["gain"]) for row in rows_of("adaptation")]
    yield f"adapting: smallest gain in UAR of {len(gains)} enrolments and corpora", "≥", -0.005, min(gains)
    scores = facts_of()["metrics"]["speaker"]
    yield "nEMO, speaker-independent, ECE", "≤", 0.05, scores["ece"]["value"]
    confident = "accuracy of the most confident half"
    yield f"nEMO, speaker-independent, {confident}", "≥", 0.92, scores["accuracy_on_confident_half"]["value"]
    draws, ece = _drawn(30, "ece_adapted")
    yield f"nEMO, adapted to 30{draws}, ECE", "≤", 0.05, ece
    yield f"nEMO, adapted to 30{draws}, {confident}", "≥", 0.97, _drawn(30, "confident_half_adapted")[1]


def _drawn(count: int, measure: str) -> tuple[str, float]:
    """Words on how often as many recordings were drawn, none where it was once, and the mean of a measure."""
    values = [float(row[measure]) for row in rows_of("enrolments") if int(row["recordings"]) == count]
    words = f", mean of {len(values)} draws and searches" if len(values) > 1 else ""
    return words, sum(values) / len(values)


def _robustness() -> Iterator[Row]:
    clean, *others = rows_of("degraded")
    for row in others:
        for column, name in (("uar", "speaker-independent"), ("uar_adapted", "adapted to 30")):
            yield (
                f"nEMO, {name}, {row['degradation']}: fall in UAR",
                "≤",
                0.05,
                float(clean[column]) - float(row[column]),
            )


def _size() -> Iterator[Row]:
    yield "the default bundle, MB", "≤", 20, _megabytes("default")
    measured = _benchmark(RECOGNIZER)
    yield "the default bundle, recording of 3 s to answer on one core, ms", "≤", 30, measured[ANSWER]
    yield "the default bundle, start to printed answer, s", "≤", 0.4, measured["process start to printed answer, s"]
    yield "the default bundle, peak memory of that, MiB", "≤", 220, measured["peak memory of that, MiB"]
    small = facts_of("small")
    alone, adapted = (one["speaker"]["uar"]["value"] for one in (small["metrics"], small["adaptation"]["metrics"]))
    yield "the small bundle: nEMO, unseen speaker, UAR", "≥", 0.65, alone
    yield "the small bundle: nEMO, adapted to 30 recordings, UAR", "≥", 0.78, adapted
    yield "the small bundle, MB", "≤", 4, _megabytes("small")
    measured = _benchmark(f"{RECOGNIZER} --bundle small")
    yield "the small bundle, recording of 3 s to answer on one core, ms", "≤", 5, measured[ANSWER]


def _megabytes(bundle: str) -> float:
    return sum(path.stat().st_size for path in (BUNDLES / bundle).rglob("*") if path.is_file()) / 1e6


def _benchmark(command: str) -> dict[str, float]:
    """What `bench/recognizer.py` measured of our way, by what, as docs/benchmarks.md has it under that command."""
    section = BENCHMARKS.read_text(encoding="utf-8").partition(f"`{command}`\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")] for line in section.splitlines() if line.startswith("|")]
    return {row[1]: float(row[3]) for row in rows[2:]}


def _figure(value: float) -> str:
    return f"{value:.1f}" if value > 1 else f"{value:.3f}"
