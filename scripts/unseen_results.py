"""Write docs/results/unseen.md and its picture from finished experiments.

uv run --extra train python scripts/unseen_results.py RUNS [BUNDLE]

RUNS is the folder `tembr experiment … --out RUNS` wrote to. What is missing there is said to be missing. The figures
that a row rests on are kept in docs/results/unseen/NAME.json.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results"
KEPT = RESULTS / "unseen"


class Row(NamedTuple):
    """A goal: experiment, way of asking, the figure it is about, the bound, and whether it is one from above."""

    what: str
    protocol: str
    experiment: str
    mode: str
    figure: str
    goal: float
    below: bool = False


ROWS = (
    Row("nEMO, nothing known of the speaker", "leave one speaker out", "default", "unknown", "uar", 0.65),
    Row("nEMO, adapted to 30 unlabelled recordings", "the same, those 30 not scored", "default", "known", "uar", 0.75),
    Row("nEMO, random split", "20 % at random", "random_spectra", "unknown", "accuracy", 0.98),
    Row("EMO-DB, seven emotions", "leave one speaker out", "emodb", "unknown", "uar", 0.80),
    Row("RAVDESS, eight emotions", "five speaker-disjoint folds", "ravdess", "unknown", "uar", 0.70),
    Row("calibration, nothing known", "as the first row", "default", "unknown", "ece", 0.05, True),
    Row("calibration, adapted", "as the second row", "default", "known", "ece", 0.05, True),
    Row(
        "accuracy on the most confident half, nothing known",
        "as the first row",
        "default",
        "unknown",
        "confident",
        0.85,
    ),
    Row("accuracy on the most confident half, adapted", "as the second row", "default", "known", "confident", 0.85),
)
FALLS = {"phone": "telephone band", "mp3": "MP3 at 32 kbit/s", "noise": "babble at 10 dB", "room": "a small room"}
UNASKED = {"microphone": "an equaliser of its own for every recording"}
SPLITS = (
    ("the mean spectrum of a recording, nothing of time", "random_mean_spectrum", "speaker_mean_spectrum"),
    ("spectra and functionals, speaker by speaker", "random_spectra", "speaker_spectra"),
    ("the default bundle's recipe", "random", "default"),
)
"""What, its experiment on the random split, and on unseen speakers."""

ALLOWED = 0.03  # of UAR
FALL, MISSING = "fall of uar", "not measured"
INK, PALE, OURS, ADAPTED = "#2b2b33", "#c9c9d1", "#b3541e", "#2f6f73"


def read(runs: Path, name: str) -> dict | None:
    """Results of an experiment, kept beside the page."""
    path = runs / name / "results.json"
    if not path.is_file():
        return None
    (KEPT / f"{name}.json").write_text(path.read_text())
    return json.loads(path.read_text())


def line(results: dict | None, mode: str) -> dict | None:
    """The figures of one way of asking."""
    return next((one for one in (results or {}).get("lines", []) if one["mode"] == mode), None)


def cells(*texts: str) -> str:
    """A row of Markdown."""
    return f"| {' | '.join(texts)} |"


def row(one: Row, runs: Path) -> str:
    """A row of the table of goals."""
    command = f"`tembr experiment experiments/{one.experiment}.toml`"
    results = read(runs, one.experiment)
    found = line(results, one.mode)
    goal = f"{'≤' if one.below else '≥'} {one.goal:.2f}"
    if found is None:
        return cells(one.what, one.protocol, one.figure, goal, MISSING, "", command)
    value = found[one.figure]
    reached = value <= one.goal if one.below else value >= one.goal
    seeds = len(results["recipe"].get("seeds", [0]))
    bounds = found["scores"].get(one.figure)
    interval = f" ({bounds['low']:.3f}–{bounds['high']:.3f})" if bounds else ""
    spread = f", ± {found['spread']:.3f}" if one.figure == "uar" and seeds > 1 else ""
    said = f"{value:.3f}{interval}{spread}, {seeds} seed{'s' * (seeds > 1)}"
    return cells(one.what, one.protocol, one.figure, goal, said, "reached" if reached else "missed", command)


def sentences(runs: Path) -> list[str]:
    """Speaker and sentence unseen against speaker alone, of the same seed's folds."""
    plain, unseen = read(runs, "default_clean"), read(runs, "sentences")
    command = "`tembr experiment experiments/sentences.toml`"
    if not (plain and unseen):
        return [cells("nEMO, sentence unseen too", "a fifth of the sentences", FALL, "≤ 0.02", MISSING, "", command)]
    falls = {mode: line(plain, mode)["uar"] - line(unseen, mode)["uar"] for mode in ("unknown", "known")}
    words = {"unknown": "nothing known", "known": "adapted"}
    return [
        cells(
            f"nEMO, sentence unseen too, {words[mode]}",
            "a fifth of the sentences, seed 0",
            FALL,
            "≤ 0.02",
            f"{fall:+.3f} to {line(unseen, mode)['uar']:.3f}",
            "reached" if fall <= 0.02 else "missed",
            command,
        )
        for mode, fall in falls.items()
    ]


def degraded(runs: Path) -> list[str]:
    """What each degradation costs; the same trained networks, seed 0, hear clean and degraded recordings."""
    rows, clean = [], read(runs, "default_clean")
    for kind, words in (FALLS | UNASKED).items():
        results, command = read(runs, f"default_{kind}"), f"`tembr experiment experiments/default_{kind}.toml`"
        for mode, said in (("unknown", "nothing known"), ("known", "adapted")):
            found, before = line(results, mode), line(clean, mode)
            start = f"{words}, {said}", "as above, seed 0", FALL, f"≤ {ALLOWED}" if kind in FALLS else "none"
            if not (found and before):
                rows.append(cells(*start, MISSING, "", command))
                continue
            fall = before["uar"] - found["uar"]
            verdict = ("reached" if fall <= ALLOWED else "missed") if kind in FALLS else ""
            rows.append(cells(*start, f"{fall:+.3f} to {found['uar']:.3f}", verdict, command))
    return rows


def shipped(bundle: Path | None) -> list[str]:
    """Size and time of the bundle: one core, 3 s of sound, median of 200 answers."""
    if bundle is None or not bundle.is_dir():
        return []
    from tembr.recognize.network import Network, run

    network = Network(bundle)
    waveform = np.random.default_rng(0).standard_normal((1, 3 * network.facts.sample_rate)).astype(np.float32) * 0.1
    took = []
    for _ in range(220):
        started = time.perf_counter()
        run(network.session, waveform)
        took.append((time.perf_counter() - started) * 1e3)
    median, size = statistics.median(took[20:]), (bundle / network.variant).stat().st_size / 1e6
    command = "`python scripts/unseen_results.py RUNS BUNDLE`"
    verdict = ["reached" if value <= bound else "missed" for value, bound in ((size, 15), (median, 5))]
    return [
        cells("the bundle's size", network.variant, "MB", "≤ 15", f"{size:.1f}", verdict[0], command),
        cells("a recording of 3 s", "one core, median of 200", "ms", "≤ 5", f"{median:.1f}", verdict[1], command),
    ]


def splits(runs: Path) -> str:
    """What the random split shows and what the same gets on new voices."""
    rows = []
    for what, random, speaker in SPLITS:
        first, second = (line(read(runs, name), "unknown") for name in (random, speaker))
        shown = [f"{one[figure]:.3f}" if one else MISSING for one, figure in ((first, "accuracy"), (second, "uar"))]
        rows.append(cells(what, *shown, f"`experiments/{random}.toml`, `{speaker}.toml`"))
    head = cells("what", "random split, accuracy", "a voice never heard, UAR", "recipes")
    return "\n".join([head, "| --- | ---: | ---: | --- |", *rows])


def speakers(runs: Path) -> str:
    """UAR of each speaker, both ways."""
    results = read(runs, "default")
    alone, known = line(results, "unknown"), line(results, "known")
    if not (alone and known):
        return ""
    rows = [f"| {name} | {alone['speakers'][name]:.3f} | {known['speakers'][name]:.3f} |" for name in alone["speakers"]]
    return "\n".join(["| speaker left out | nothing known | adapted |", "| --- | ---: | ---: |", *rows])


def bars(runs: Path) -> list[tuple]:
    """Name, accuracy on the random split, UAR on unseen speakers, UAR adapted; None where there is none."""

    def value(folder: str, figure: str) -> float:
        return json.loads((RESULTS / folder / "summary.json").read_text())[figure]["value"]

    random, default = line(read(runs, "random"), "unknown"), read(runs, "default")
    spectrum = [
        found and found[figure]
        for name, figure in (("random_mean_spectrum", "accuracy"), ("speaker_mean_spectrum", "uar"))
        for found in [line(read(runs, name), "unknown")]
    ]
    split = "nemo/random/baseline_svm", "default/ensemble"
    unseen = "nemo/speaker/baseline_svm", "default/ensemble/speaker"
    return [
        ("SVM on 40 mean MFCCs", value(split[0], "accuracy"), value(unseen[0], "uar"), None),
        (
            "mean spectrum alone,\nno time at all",
            *spectrum,
            None,
        ),
        ("published ensemble\nof three ResNet18", 0.9476, None, None),
        ("our ensemble of\nthree narrow ResNets", value(split[1], "accuracy"), value(unseen[1], "uar"), None),
        (
            "our voice networks\n(the default bundle)",
            random and random["accuracy"],
            *((line(default, mode) or {}).get("uar") for mode in ("unknown", "known")),
        ),
    ]


def picture(runs: Path) -> None:
    """Random split against unseen voice, for the baseline, the published ensemble and ours."""
    from matplotlib.figure import Figure

    groups = bars(runs)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    axes = figure.subplots()
    for place, (_, split, alone, known) in enumerate(groups):
        for offset, height, colour in ((-0.27, split, PALE), (0.0, alone, OURS), (0.27, known, ADAPTED)):
            if height is not None:
                axes.bar(place + offset, 100 * height, 0.25, color=colour)
                axes.text(place + offset, 100 * height + 1, f"{100 * height:.0f}", ha="center", color=INK)
            elif colour == OURS:
                axes.text(place, 2, "never\nreported", ha="center", color=INK, fontsize=9)
    axes.axhline(100 / 6, color=INK, linewidth=0.8, linestyle=":")
    axes.text(-0.45, 100 / 6 + 1, "chance", color=INK, fontsize=9)
    axes.set_xticks(range(len(groups)), [name for name, *_ in groups])
    axes.set_ylim(0, 105)
    axes.set_ylabel("% right (random split: accuracy; unseen: UAR)")
    axes.set_title("nEMO, six emotions: what a random split shows and what a new voice gets", color=INK)
    names = ("random split", "a voice never heard", "the same, adapted to 30 unlabelled recordings")
    handles = [axes.bar([0], [0], color=colour) for colour in (PALE, OURS, ADAPTED)]
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(KEPT / "random_and_unseen.png", dpi=110)


HEADS = {
    "README.md": ("random split, accuracy", "a voice never heard, UAR", "the same, adapted, UAR", "not reported"),
    "README.pl.md": ("losowy podział, accuracy", "głos niesłyszany, UAR", "ten sam, po adaptacji, UAR", "nie podano"),
}


def readmes(runs: Path) -> None:
    """Put the bars of the picture into the READMEs as a table, between `<!-- unseen -->` and `<!-- /unseen -->`."""
    for name, (*head, missing) in HEADS.items():
        shown = lambda value: missing if value is None else f"{100 * value:.1f}%"  # noqa: B023, E731
        rows = [cells(bar[0].replace("\n", " "), *map(shown, bar[1:])) for bar in bars(runs)]
        table = "\n".join([cells("", *head), "| --- | ---: | ---: | ---: |", *rows])
        path = ROOT / name
        before, _, rest = path.read_text().partition("<!-- unseen -->")
        _, _, after = rest.partition("<!-- /unseen -->")
        path.write_text(f"{before}<!-- unseen -->\n{table}\n<!-- /unseen -->{after}")


def reliability(runs: Path) -> str:
    """Diagrams of the first two rows, beside the page, and the Markdown that shows them."""
    file = runs / "default" / "predictions.csv"
    if not file.is_file():
        return ""
    import pandas as pd

    from tembr.voices.plots import draw

    drawn = draw(pd.read_csv(file), KEPT)
    return "\n".join(f"![{path.stem.replace('_', ', ')}](unseen/{path.name})" for path in drawn)


def journal() -> None:
    """Put the journal's rows into docs/experiments.md, between `<!-- table -->` and `<!-- /table -->`."""
    page, file = ROOT / "docs" / "experiments.md", ROOT / "docs" / "experiments.csv"
    if not (page.is_file() and file.is_file()):
        return
    with file.open(newline="") as lines:
        entries = sorted(csv.DictReader(lines), key=lambda entry: (entry["mode"] == "known", entry["corpus"] != "nemo"))
    words = {"unknown": "nothing known", "known": "adapted"}
    rows = [
        cells(
            f"[{e['experiment']}](../experiments/{e['experiment']}.toml)", e["title"], words[e["mode"]], e["seeds"],
            f"{float(e['uar']):.3f} ({float(e['low']):.3f}–{float(e['high']):.3f})", f"{float(e['inner_uar']):.3f}",
            f"{float(e['accuracy']):.3f}", f"{float(e['ece']):.3f}", f"{float(e['confident_half']):.3f}",
        )
        for e in entries
    ]  # fmt: skip
    head = ("experiment", "what", "asked", "seeds", "UAR", "inner UAR", "accuracy", "ECE", "confident half")
    table = "\n".join([cells(*head), cells(*["---"] * len(head)), *rows])
    before, _, rest = page.read_text().partition("<!-- table -->")
    page.write_text(f"{before}<!-- table -->\n{table}\n<!-- /table -->{rest.partition('<!-- /table -->')[2]}")


def main(runs: Path, bundle: Path | None) -> None:
    """Write everything."""
    KEPT.mkdir(parents=True, exist_ok=True)
    table = [row(one, runs) for one in ROWS]
    table[2:2] = sentences(runs)
    table += degraded(runs) + shipped(bundle)
    text = (KEPT / "words.md").read_text() if (KEPT / "words.md").is_file() else ""
    page = f"""# A voice it has never heard

Written by `scripts/unseen_results.py` from experiments. Commands take `--corpora DIR --out RUNS`; intervals are 95 %
bootstrap intervals over recordings, mean of the seeds; ± is the deviation between seeds. Chance is 0.167 on nEMO.

![Random split against unseen voice](unseen/random_and_unseen.png)

| what | protocol | figure | goal | found | | command |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(table)}

{speakers(runs)}

What the random split measures:

{splits(runs)}

{reliability(runs)}

{text}"""
    (RESULTS / "unseen.md").write_text(page.rstrip() + "\n")
    picture(runs)
    readmes(runs)
    journal()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None)
