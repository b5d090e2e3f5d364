"""Damaged recordings, bundles and speakers, by the thousand: an answer or a TembrError, never anything else.

uv run --all-extras python bench/fuzz.py [--corpus-dir DIR] [--count 10000] [--seed 0]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import soundfile
from mutations import FORMS, encoded, mutate, mutate_json

import tembr
from tembr.errors import TembrError
from tembr.recognize.network import DEFAULT
from tembr.recognize.speaker import Speaker

ROOT = Path(__file__).parents[1]
ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".rf64")
SOURCES = 24  # recordings that are damaged
SECONDS = 3.0  # of each
BATCH = 500  # damaged files a process sees
LIMIT = 900  # s for them; longer is a hang

Damage = Callable[[Random, Path], Callable[[], object]]
"""Writes a damaged file below a folder, and returns what is then done with it."""


def recordings(folder: Path) -> Damage:
    """`predict` of a damaged recording, by its path and by its bytes in turn."""
    sources, recognizer = _sources(folder), tembr.load()

    def damage(random: Random, place: Path) -> Callable[[], object]:
        content = mutate(random.choice(sources), random, sources)
        path = place / f"damaged{random.choice(ENDINGS)}"
        path.write_bytes(content)
        source = random.choice([content, path])
        return lambda: recognizer.predict(source)

    return damage


def facts(folder: Path) -> Damage:
    """A bundle whose bundle.json is damaged, opened and asked."""
    content = (DEFAULT / "bundle.json").read_bytes()
    return _bundle(lambda random, bundle: (bundle / "bundle.json").write_bytes(mutate_json(content, random)))


def models(folder: Path) -> Damage:
    """A bundle whose model is damaged, and whose bundle.json has the hash of that, opened and asked."""
    content, known = (DEFAULT / "model.onnx").read_bytes(), json.loads((DEFAULT / "bundle.json").read_bytes())

    def spoil(random: Random, bundle: Path) -> None:
        damaged = mutate(content, random)
        (bundle / "model.onnx").write_bytes(damaged)
        known["hashes"]["model.onnx"] = hashlib.sha256(damaged).hexdigest()
        (bundle / "bundle.json").write_text(json.dumps(known))

    return _bundle(spoil)


def speakers(folder: Path) -> Damage:
    """A damaged speaker's file, read, tuned to and asked."""
    recognizer = tembr.load()
    with tempfile.TemporaryDirectory() as place:
        recognizer.adapt(ROOT / "examples").speaker.save(Path(place) / "speaker.json")
        content = (Path(place) / "speaker.json").read_bytes()

    def damage(random: Random, place: Path) -> Callable[[], object]:
        path = place / "speaker.json"
        path.write_bytes(mutate_json(content, random))
        return lambda: recognizer.for_speaker(Speaker.load(path)).predict(ROOT / "examples" / "calm.flac")

    return damage


KINDS = {"recordings": recordings, "bundle.json": facts, "model.onnx": models, "speaker.json": speakers}
SHARES = {"recordings": 1.0, "bundle.json": 0.1, "model.onnx": 0.05, "speaker.json": 0.2}
"""Of `--count`, for each kind."""


def _sources(folder: Path) -> list[bytes]:
    """Files as they are, and the same recordings in every form."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)
    chosen = Random(0).sample(files, min(SOURCES, len(files)))
    contents = [path.read_bytes() for path in chosen]
    for number, path in enumerate(chosen):
        samples, rate = soundfile.read(path, frames=round(SECONDS * soundfile.info(path).samplerate))
        form = list(FORMS)[number % len(FORMS)]
        contents.append(encoded(samples, rate if form != "opus" else 48_000, form))
    return contents


def _bundle(spoil: Callable[[Random, Path], object]) -> Damage:
    def damage(random: Random, place: Path) -> Callable[[], object]:
        bundle = place / "bundle"
        if not bundle.exists():
            shutil.copytree(DEFAULT, bundle)
        spoil(random, bundle)
        return lambda: tembr.load(bundle).predict(ROOT / "examples" / "calm.flac")

    return damage


def work(kind: str, folder: Path, seed: int, first: int, count: int) -> dict:
    """Damage and ask `count` times in this process; what came of it."""
    damage, outcomes, slowest = KINDS[kind](folder), Counter(), 0.0
    with tempfile.TemporaryDirectory() as place:
        for number in range(first, first + count):
            ask = damage(Random(f"{seed} {kind} {number}"), Path(place))
            started = time.perf_counter()
            try:
                ask()
                outcomes["answered"] += 1
            except TembrError:
                outcomes["refused"] += 1
            except Exception as error:
                outcomes["foreign"] += 1
                print(f"{kind} {number}, seed {seed}: {error!r}", file=sys.stderr)
            slowest = max(slowest, time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"outcomes": outcomes, "slowest": slowest, "peak": peak}


def apart(kind: str, folder: Path, seed: int, first: int, count: int) -> dict:
    """The same in a process of its own, so that one that dies or hangs is counted too."""
    command = [sys.executable, __file__, "--batch", kind, str(first), str(count), "--corpus-dir", str(folder)]
    try:
        done = subprocess.run([*command, "--seed", str(seed)], stdout=subprocess.PIPE, text=True, timeout=LIMIT)
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[-1])
        print(f"{kind} from {first}, seed {seed}: the process ended with {done.returncode}", file=sys.stderr)
    except subprocess.TimeoutExpired:
        print(f"{kind} from {first}, seed {seed}: not done after {LIMIT} s", file=sys.stderr)
    return {"outcomes": {"crashed": 1}, "slowest": 0.0, "peak": 0.0}


def main() -> None:
    options = _options()
    if options.batch:
        kind, first, count = options.batch
        print(json.dumps(work(kind, options.corpus_dir, options.seed, int(first), int(count))))
        return
    lines = [
        "| damaged | files | answered | refused | foreign exceptions | crashes, hangs | s | slowest, s | peak MiB |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    failed = 0
    for kind, share in SHARES.items():
        line, wrong = measured(kind, options.corpus_dir, options.seed, max(1, round(share * options.count)))
        lines.append(line)
        failed += wrong
    lines += ["", f"Seed {options.seed}. Refused: a TembrError, one line that says what to do. {_what(options)}"]
    given = " --corpus-dir DIR" if options.corpus_dir != ROOT / "examples" else ""
    from machine import write_section  # it imports torch: a process started after that would begin with its peak

    write_section("Damaged files", f"uv run --all-extras python bench/fuzz.py{given} --count {options.count}", lines)
    sys.exit(bool(failed))


def measured(kind: str, folder: Path, seed: int, total: int) -> tuple[str, int]:
    """A row of the table, and how much went wrong."""
    started, outcomes, slowest, peak = time.perf_counter(), Counter(), 0.0, 0.0
    for first in range(0, total, BATCH):
        batch = apart(kind, folder, seed, first, min(BATCH, total - first))
        outcomes.update(batch["outcomes"])
        slowest, peak = max(slowest, batch["slowest"]), max(peak, batch["peak"])
        print(kind, first, dict(outcomes), file=sys.stderr, flush=True)
    wrong = outcomes["foreign"] + outcomes["crashed"]
    counts = [outcomes[name] for name in ("answered", "refused", "foreign", "crashed")]
    cells = [kind, f"{total:,}", *(f"{n:,}" for n in counts), f"{time.perf_counter() - started:.0f}"]
    return f"| {' | '.join(cells)} | {slowest:.2f} | {peak:.0f} |", wrong


def _what(options: argparse.Namespace) -> str:
    return (
        f"Recordings of {options.corpus_dir.name} as they lie there, and in {len(FORMS)} forms of up to {SECONDS:g} s: "
        "bits flipped, fields of headers overwritten, pieces cut out, put in or replaced by those of other formats, "
        "ends missing, text instead. The default bundle: values of bundle.json replaced; its model damaged under a "
        "hash that fits. The file of a speaker: values replaced. Peak: of a process that sees "
        f"{BATCH} of them."
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus-dir", type=Path, default=ROOT / "examples", help="recordings, also in folders")
    parser.add_argument("--count", type=int, default=10_000, help="damaged recordings; a share of it of all else")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", nargs=3, metavar=("KIND", "FIRST", "COUNT"), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
