"""Preparing a corpus for a study: cold, and from the cache; and how much memory that takes by corpus size.

uv run --all-extras python bench/preparing.py CORPUS_DIR
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from machine import write_section

CHILD = """
import resource, sys, time
from pathlib import Path
from tembr.corpora import load_corpus
from tembr.features import REPRESENTATIONS, FeatureSettings
from tembr.features.inputs import RepresentationInput
from tembr.features.store import FeatureStore
utterances = load_corpus("nemo", sys.argv[1]).utterances[: int(sys.argv[3])]
names = sys.argv[4].split(",") if len(sys.argv) > 4 else REPRESENTATIONS
started = time.perf_counter()
inputs = [RepresentationInput(name, FeatureSettings()) for name in names]
FeatureStore(Path(sys.argv[2])).prepare(utterances, inputs)
private = next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("RssAnon"))
print(len(utterances), time.perf_counter() - started, private / 1024)
"""


def prepare(folder: str, cache: Path, count: int, names: str | None = None) -> tuple[int, float, float]:
    """Recordings, seconds and MiB of private memory at the end, in a process of its own."""
    command = [sys.executable, "-c", CHILD, folder, str(cache), str(count), *([names] if names else [])]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(answer[0]), float(answer[1]), float(answer[2])


def main(folder: str) -> None:
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place)
        count, cold, _ = prepare(folder, cache, 10**9)
        size = sum(path.stat().st_size for path in cache.rglob("*.npy")) / 2**30
        _, warm, _ = prepare(folder, cache, 10**9)
        _, mel, _ = prepare(folder, cache, 10**9, "melspectrogram")
        lines = [
            "| what | seconds | recordings a second |",
            "|---|---|---|",
            f"| all eleven, cold: read, computed, written ({size:.1f} GiB) | {cold:.1f} | {count / cold:.0f} |",
            f"| all eleven from the cache, every byte checked | {warm:.1f} | {count / warm:.0f} |",
            f"| melspectrogram from the cache, every byte checked | {mel:.2f} | {count / mel:.0f} |",
        ]
    lines += ["", f"{count} recordings of nEMO. From the cache is {cold / warm:.0f} times as fast as cold."]
    write_section("Preparing nEMO", "uv run --all-extras python bench/preparing.py nemo", lines)


if __name__ == "__main__":
    main(sys.argv[1])
