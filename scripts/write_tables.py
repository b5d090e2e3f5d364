"""Write every table that the READMEs, docs/results/unseen.md and classic.md show, from what commands left there.

uv run python scripts/write_tables.py            # writes them
uv run python scripts/write_tables.py --check    # says which is stale, exit status 1
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from classic import full_table, splits_table
from eleven import classic_goals, eleven_table, networks_table, refit_table, searched_table
from goals import BUNDLES, goals_table
from results import RESULTS, ROOT, facts_of, rows_of

READMES = {"README.md": "en", "README.pl.md": "pl"}

POLISH = {
    "member": "model", "accuracy, random split": "dokładność, podział losowy",
    "UAR, unseen speakers": "UAR, nowi mówcy",
    "gap in UAR": "różnica UAR", "uniform weights": "równe wagi", "best member": "najlepszy model",
    "ensemble": "zespół", "melspectrogram": "spektrogram melowy", "spectrogram": "spektrogram", "mfcc": "MFCC",
    "delta_mfcc": "delta MFCC", "spectral_contrast": "kontrast widmowy", "rms": "energia (RMS)",
    "zcr": "przejścia przez zero", "delta_tempogram": "delta tempogramu", "svm (baseline)": "SVM (punkt odniesienia)",
    "majority (baseline)": "najczęstsza emocja (punkt odniesienia)",
    "accuracy, mean of three random splits": "dokładność, średnia trzech podziałów losowych",
    "published": "opublikowano", "UAR, unseen speakers (narrow)": "UAR, nowi mówcy (wąskie sieci)",
    "full network, random split": "pełna sieć, podział losowy",
    "narrow network, random split": "wąska sieć, podział losowy",
    "ensemble of eleven": "zespół jedenastu", "uniform weights of eleven": "równe wagi jedenastu",
    "stacking": "stacking", "boosting": "boosting", "knora": "KNORA",
    "tested": "sprawdzane", "UAR": "UAR", "UAR, adapted to 30 recordings": "UAR po adaptacji do 30 nagrań",
    "an unseen speaker": "nowy mówca", "an unseen speaker and sentence": "nowy mówca i nowe zdanie",
    "random split (known voices)": "podział losowy (znane głosy)",
}  # fmt: skip

WRITTEN = {
    "augmentation": "augmentation", "augmentation speakers": "augmentation_speakers",
    "joining": "classic_joining", "joining eleven": "classic_joining_eleven",
    "variants": "classic_variants",
    "joining speakers": "classic_joining_speakers", "joining speakers eleven": "classic_joining_speakers_eleven",
}  # fmt: skip
"""Marker in docs/results/classic.md → table that a command wrote as Markdown."""

OTHERS = {"emodb": "EMO-DB", "ravdess": "RAVDESS"}

ROWS = {
    "speaker": "an unseen speaker", "sentence": "an unseen speaker and sentence",
    "random": "random split (known voices)",
}  # fmt: skip


def unseen_table(recipe: str) -> str:
    """A recipe under each protocol, speaker-independent and adapted."""
    found = facts_of(recipe)
    adapted = found["adaptation"]["metrics"]
    lines = ["| tested | UAR | UAR, adapted to 30 recordings |", "| --- | ---: | ---: |"]
    for protocol, name in ROWS.items():
        if protocol not in found["metrics"]:
            continue
        own = _percent(found["metrics"][protocol]["uar"])
        lines.append(f"| {name} | {own} | {_percent(adapted[protocol]['uar']) if protocol in adapted else ''} |")
    return "\n".join(lines)


def speakers_table(recipe: str = "default") -> str:
    """UAR of a recipe, speaker by speaker."""
    found = facts_of(recipe)
    alone, adapted = (m["speaker"]["per_speaker"] for m in (found["metrics"], found["adaptation"]["metrics"]))
    lines = ["| speaker | recordings | UAR | UAR, adapted to 30 recordings |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {name} | {one['n']} | {one['uar']:.1%} | {adapted[name]['uar']:.1%} |"
        for name, one in sorted(alone.items())
    ]
    return "\n".join(lines)


def measures_table() -> str:
    """All measures of the default recipe on unseen speakers."""
    found = facts_of()
    ways = {"speaker-independent": found["metrics"], "adapted to 30 recordings": found["adaptation"]["metrics"]}
    lines = ["| | protocol | n | accuracy | UAR | macro-F1 | ECE | accuracy, most confident half |"]
    lines += ["| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for way, metrics in ways.items():
        for protocol, scores in metrics.items():
            cells = [_percent(scores[name]) for name in ("accuracy", "uar", "macro_f1", "ece")]
            half = f"{scores['accuracy_on_confident_half']['value']:.1%}"
            lines.append(f"| {way} | {ROWS[protocol]} | {scores['n']:,} | {' | '.join(cells)} | {half} |")
    return "\n".join(lines)


def degraded_table() -> str:
    """UAR of the default recipe where recordings are degraded, from `scripts/measure_degraded.py`."""
    lines = ["| | UAR | UAR, adapted to 30 recordings |", "| --- | ---: | ---: |"]
    for row in rows_of("degraded"):
        lines.append(f"| {row['degradation']} | {float(row['uar']):.1%} | {float(row['uar_adapted']):.1%} |")
    return "\n".join(lines)


def adaptation_table() -> str:
    """UAR without and with adaptation for every kind of enrolment, from `scripts/measure_adaptation.py`."""
    lines = ["| target | learnt from | enrolment | UAR | UAR, adapted | gain | ECE | ECE, adapted |"]
    lines += ["| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows_of("adaptation"):
        alone, adapted, gain = (float(row[name]) for name in ("uar", "uar_adapted", "gain"))
        words = f"{row['target']} | {row['learnt from']} | {row['enrolment']}"
        figures = f"{alone:.1%} | {adapted:.1%} | {100 * gain:+.1f} points"
        lines.append(f"| {words} | {figures} | {float(row['ece']):.1%} | {float(row['ece_adapted']):.1%} |")
    return "\n".join(lines)


def sets_table() -> str:
    """What prediction sets of the default recipe came to on unseen speakers, calibrated on the others."""
    found = facts_of()
    ways = {"speaker-independent": found["metrics"], "adapted to 30 recordings": found["adaptation"]["metrics"]}
    lines = ["| | coverage asked for | coverage | emotions in a set | sets of one | lowest speaker |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    for way, metrics in ways.items():
        for one in metrics["speaker"]["prediction_sets"]:
            speaker = min(one["per_speaker"], key=one["per_speaker"].get)
            cells = [f"{one['level']:.0%}", f"{one['coverage']:.1%}", f"{one['size']:.2f}", f"{one['single']:.1%}"]
            lines.append(f"| {way} | {' | '.join(cells)} | {speaker} {one['per_speaker'][speaker]:.1%} |")
    return "\n".join(lines)


def enrolments_table() -> str:
    """The default recipe by what it is adapted to, from `scripts/measure_enrolments.py`."""
    lines = ["| recordings | seed | UAR | UAR, adapted | ECE, adapted | accuracy, most confident half, adapted |"]
    lines += ["| ---: | ---: | ---: | ---: | ---: | ---: |"]
    for row in rows_of("enrolments"):
        cells = [f"{float(row[name]):.1%}" for name in ("uar", "uar_adapted", "ece_adapted", "confident_half_adapted")]
        lines.append(f"| {row['recordings']} | {row['seed']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def confusions_table() -> str:
    """What each speaker's emotions are taken for most often, from `scripts/measure_confusions.py`."""
    ways = ("speaker-independent", "adapted")
    rows = rows_of("confusions")
    lines = [f"| speaker | {' | '.join(ways)} |", "| --- | --- | --- |"]
    for speaker in sorted({row["speaker"] for row in rows}):
        cells = []
        for way in ways:
            own = [row for row in rows if (row["speaker"], row["way"]) == (speaker, way)][:3]
            cells.append(", ".join(f"{row['emotion']} for {row['answer']} {float(row['share']):.0%}" for row in own))
        lines.append(f"| {speaker} | {' | '.join(cells)} |")
    return "\n".join(lines)


def steps_table() -> str:
    """What each step towards the default bundle is worth on unseen speakers, from studies of one member each."""
    found = [{row["member"]: row for row in rows_of(name)}["whisper"] for name in ("target", "clean", "comparison")]
    named = (
        "frozen layers, nEMO's emotions",
        "the emotions of four corpora",
        "heads of their own for telephone, MP3, noise, room and microphone",
    )
    steps = dict(zip(named, found, strict=True))
    lines = ["| step | UAR, an unseen speaker |", "| --- | ---: |"]
    for step, row in steps.items():
        value, low, high = (float(row[f"speaker_uar{end}"]) for end in ("", "_low", "_high"))
        lines.append(f"| {step} | {value:.1%} ({100 * low:.1f}–{100 * high:.1f}) |")
    adapted = facts_of()["adaptation"]["metrics"]["speaker"]["uar"]
    return "\n".join([*lines, f"| adapted to 30 recordings | {_percent(adapted)} |"])


def padding_table() -> str:
    """Recordings at their own length and filled up to 30 s, from `scripts/measure_padding.py`."""
    lines = ["| every third recording of nEMO | UAR, an unseen speaker | ms a recording |", "| --- | ---: | ---: |"]
    for row in rows_of("padding"):
        lines.append(f"| {row['way']} | {float(row['uar']):.1%} | {float(row['milliseconds']):.0f} |")
    return "\n".join(lines)


def finetuning_table() -> str:
    """Layers of the encoder frozen, trained, and both joined, from `scripts/measure_finetuning.py`."""
    ways = {"frozen": "frozen", "tuned": "fine-tuned", "both": "both joined"}
    columns = [*ways.values(), *(f"{words}, adapted" for words in ways.values())]
    lines = [f"| speaker | recordings | {' | '.join(columns)} |", f"| --- |{' ---: |' * (1 + len(columns))}"]
    for row in rows_of("finetuning"):
        cells = [f"{float(row[f'{way}{end}']):.1%}" for end in ("", "_adapted") for way in ways]
        lines.append(f"| {row['speaker']} | {row['recordings']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def others_table() -> str:
    """The default recipe on other corpora as the target, the remaining ones learnt from besides."""
    lines = [
        "| target | emotions | folds | UAR | UAR, adapted to 30 recordings |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, title in OTHERS.items():
        found = facts_of(name=name)
        alone, adapted = (m["speaker"] for m in (found["metrics"], found["adaptation"]["metrics"]))
        cells = f"{len(found['labels'])} | {alone['folds']} | {_percent(alone['uar'])} | {_percent(adapted['uar'])}"
        lines.append(f"| {title} | {cells} |")
    return "\n".join(lines)


def variants_table(path: Path) -> str:
    """What `tembr export` measured of its variants, without the heading."""
    return path.read_text(encoding="utf-8").removeprefix("# Variants\n").strip()


def translated(table: str) -> str:
    """A table in Polish: known cells by name, decimal commas in all others."""
    return "\n".join("|".join(map(_polish, line.split("|"))) for line in table.splitlines())


def blocks() -> dict[str, dict[str, str]]:
    """File → marker → table."""
    tables = {
        "unseen": unseen_table("default"),
        "small": unseen_table("small"),
        "classic": unseen_table("classic"),
        "ensemble": (RESULTS / "classic" / "comparison.md").read_text(encoding="utf-8").strip(),
        "full": full_table(),
        "demo": (RESULTS / "demo" / "comparison.md").read_text(encoding="utf-8").strip(),
        "results": eleven_table(),
    }
    made = {name: dict(tables) for name in READMES}
    made["README.pl.md"] = {marker: translated(table) for marker, table in tables.items()}
    made["docs/results/unseen.md"] = {
        "measures": measures_table(), "speakers": speakers_table(), "degraded": degraded_table(),
        "adaptation": adaptation_table(), "sets": sets_table(), "enrolments": enrolments_table(),
        "confusions": confusions_table(),
        "others": others_table(), "finetuning": finetuning_table(), "padding": padding_table(),
        "steps": steps_table(), "goals": goals_table(), "small": tables["small"],
        "small speakers": speakers_table("small"),
        "quantized": (RESULTS / "default" / "variants.md").read_text(encoding="utf-8").strip(),
        "small variants": variants_table(BUNDLES / "small" / "quantized" / "quantization.md"),
    }  # fmt: skip
    made["docs/results/classic.md"] = {
        "goals": classic_goals(), "refit": refit_table(), "splits": splits_table(),
        "eleven joined": splits_table("eleven"),
        "narrow": tables["ensemble"], "adapted": tables["classic"],
        "eleven": tables["results"], "networks": networks_table(), "searched": searched_table(),
        **{marker: (RESULTS / f"{name}.md").read_text(encoding="utf-8").strip() for marker, name in WRITTEN.items()},
        "quantized": variants_table(RESULTS / "classic" / "quantization.md"),
        "quantized full": variants_table(RESULTS / "classic_full" / "quantization.md"),
        "processor": (RESULTS / "classic_full" / "processor42.md").read_text(encoding="utf-8").strip(),
    }  # fmt: skip
    return made


def main(check: bool) -> int:
    stale = []
    for name, tables in blocks().items():
        path = ROOT / name
        text = before = path.read_text(encoding="utf-8")
        for marker, table in tables.items():
            pattern = rf"<!-- {marker} -->\n.*?<!-- /{marker} -->"
            block = f"<!-- {marker} -->\n{table}\n<!-- /{marker} -->"
            text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)
        if text != before:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    print(
        "\n".join(f"{'stale' if check else 'written'}: {name}" for name in stale) or "all tables are as they should be"
    )
    return int(check and bool(stale))


def _percent(interval: dict) -> str:
    return f"{interval['value']:.1%} ({100 * interval['low']:.1f}–{100 * interval['high']:.1f})"


def _polish(cell: str) -> str:
    word = cell.strip()
    if word in POLISH:
        return cell.replace(word, POLISH[word])
    return re.sub(r"(\d)\.(\d)", r"\1,\2", cell).replace(" points", " p.p.")


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
