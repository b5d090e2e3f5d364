"""Peak memory of a study by corpus size: what the process holds beyond the memory map.

uv run --all-extras python bench/memory.py CORPUS_DIR
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from machine import write_section

CHILD = """
import sys, threading, time
from dataclasses import replace
from pathlib import Path
import tembr.experiment.recordings as recordings
from tembr.experiment.run import run_study
from tembr.experiment.settings import load_settings
peak = {"RssAnon": 0, "VmRSS": 0}
def progress():
    while True:
        for line in open("/proc/self/status"):
            name, _, rest = line.partition(":")
            if name in peak:
                peak[name] = max(peak[name], int(rest.split()[0]))
        time.sleep(0.05)
threading.Thread(target=progress, daemon=True).start()
load = recordings.load_corpus
def fewer(*arguments, **options):
    corpus = load(*arguments, **options)
    return replace(corpus, utterances=corpus.utterances[: int(sys.argv[3])])
recordings.load_corpus = fewer
settings = load_settings(
    None, ["train.epochs=1", "track.enabled=false"], corpus__name="nemo", corpus__folder=sys.argv[1],
    members=["majority", "svm", "melspectrogram"], protocols=["random"],
)
run_study(settings, Path(sys.argv[2]))
print(peak["RssAnon"] / 1024, peak["VmRSS"] / 1024)
"""


def main(folder: str) -> None:
    lines = ["| recordings | private memory at its peak, MiB | with the memory map, MiB |", "|---|---|---|"]
    peaks = []
    for count in (425, 850, 1700, 3400):
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-c", CHILD, folder, place, str(count)]
            private, total = map(
                float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
            )
        peaks.append(private)
        lines.append(f"| {count} | {private:.0f} | {total:.0f} |")
    growth = (peaks[-1] - peaks[0]) / (3400 - 425) * 1024
    lines += [
        "",
        "A study of melspectrogram and the baselines, one epoch, cache cold. From 425 to 3,400 recordings private "
        f"memory grows by {growth:.1f} KiB a recording; its mel spectrogram takes 47 KiB in the memory map. "
        "Goal: independent of corpus size beyond the memory map.",
    ]
    write_section("Peak memory of a study", "uv run --all-extras python bench/memory.py nemo", lines)


if __name__ == "__main__":
    main(sys.argv[1])
