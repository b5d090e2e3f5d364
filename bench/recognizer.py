"""From recording to answer, ours beside the reference way: librosa's mel, MFCC and chroma into three ResNet18 in ONNX
Runtime, fp32, one thread, random weights, in a process that never imports torch.

uv run --all-extras python bench/recognizer.py NEMO_DIR [--bundle NAME]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from machine import write_section

from tembr import audio
from tembr.bundle import read_facts
from tembr.recognize.network import bundle_folder

RUNS = 5
ANSWERS = 40  # of one recording within a run
NAMES = ("melspectrogram", "mfcc", "chroma")

REFERENCE = """
import sys, time
import librosa, numpy, onnxruntime
folder, times, *files = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
sessions = [onnxruntime.InferenceSession(f"{folder}/{n}.onnx", options) for n in ("melspectrogram", "mfcc", "chroma")]
def answer(file):
    y, rate = librosa.load(file, sr=16000)
    y = librosa.util.fix_length(y, size=3 * rate)
    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=rate, n_fft=2048, hop_length=512))
    mfcc = librosa.feature.mfcc(y=y, sr=rate, n_mfcc=40, n_fft=2048, hop_length=512)
    chroma = librosa.feature.chroma_stft(y=y, sr=rate, n_fft=2048, hop_length=512)
    total = 0
    for session, picture in zip(sessions, (mel, mfcc, chroma)):
        logits = session.run(None, {"picture": picture[None, None].astype("float32")})[0][0]
        powers = numpy.exp(logits - logits.max())
        total = total + powers / powers.sum() / 3
    return int(total.argmax())
"""
OURS = """
import sys, time, tembr
folder, times, *files = sys.argv[1:]
recognizer = tembr.load(folder or None)
def answer(file):
    return recognizer.predict(file).label
"""
LOOP = """
for file in files:
    said = answer(file)
taken = []
for _ in range(int(times)):
    started = time.perf_counter()
    said = answer(files[0])
    taken.append(time.perf_counter() - started)
print(said, min(taken, default=0), sorted(taken)[len(taken) // 2] if taken else 0)
"""
LAUNCHER = """
import json, os, sys, time
report, cores, *command = sys.argv[1:]
os.sched_setaffinity(0, json.loads(cores))
started = time.perf_counter()
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
json.dump([time.perf_counter() - started, usage.ru_maxrss, status], open(report, "w"))
"""
"""Between us and what is measured, because a process's peak counts what its parent held when it was made."""


class Ran(NamedTuple):
    """What a process took: seconds by the clock, MiB at its peak, and what it printed."""

    seconds: float
    peak: float
    out: str


def build_reference(folder: Path) -> None:
    """Three ResNet18 with random weights for one-channel pictures of 3 s."""
    import torch
    from torchvision.models import resnet18

    for name, bins in zip(NAMES, (128, 40, 12)):
        network = resnet18(num_classes=6).eval()
        network.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        example = torch.zeros(1, 1, bins, 94)
        torch.onnx.export(
            network, (example,), folder / f"{name}.onnx", input_names=["picture"], external_data=False, verbose=False
        )


def run(command: list[str], cores: int = 1) -> Ran:
    """A process of its own on the first `cores`, to its end."""
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    with tempfile.NamedTemporaryFile("r") as report:
        launch = [sys.executable, "-c", LAUNCHER, report.name, json.dumps(allowed), *command]
        done = subprocess.run(launch, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
        seconds, peak, status = json.load(report)
    if status:
        raise SystemExit(f"{' '.join(command[:4])} … failed")
    return Ran(seconds, peak / 1024, done.stdout)


def latency(script: str, folder: str, file: Path) -> float:
    """Milliseconds from a file to its answer, the median of many, once all is warm."""
    out = run([sys.executable, "-c", script + LOOP, folder, str(ANSWERS), str(file)]).out
    return 1e3 * float(out.split()[2])


def start(reference: Path, bundle: list[str], file: Path) -> tuple[Ran, Ran]:
    """From the start of a process to its printed answer: theirs, ours."""
    theirs = run([sys.executable, "-c", REFERENCE + LOOP, str(reference), "0", str(file)])
    return theirs, run([command(), "predict", str(file), *bundle])


def folder_of(files: list[Path], reference: Path, bundle: list[str]) -> tuple[float, float]:
    """Seconds for many recordings on two cores: theirs, in two processes, each half; ours, in one."""
    halves = [files[0::2], files[1::2]]
    script = [sys.executable, "-c", REFERENCE + LOOP, str(reference), "0"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    processes = [
        subprocess.Popen([*script, *map(str, half)], env=environment, stdout=subprocess.DEVNULL) for half in halves
    ]
    for process in processes:
        process.wait()
    theirs = time.perf_counter() - started
    return theirs, run([command(), "predict", "--threads", "2", *map(str, files), *bundle], cores=2).seconds


def long_recording(files: list[Path], minutes: int, path: Path) -> Path:
    """Utterances with a second between them, again and again."""
    pause = np.zeros(audio.SAMPLE_RATE, np.float32)
    parts = np.concatenate([part for file in files for part in (audio.read(file), pause)])
    with soundfile.SoundFile(path, "w", audio.SAMPLE_RATE, 1) as out:
        left = minutes * 60 * audio.SAMPLE_RATE
        while left > 0:
            out.write(parts[:left])
            left -= len(parts)
    return path


def command() -> str:
    return shutil.which("tembr", path=str(Path(sys.executable).parent)) or "tembr"


def size(bundle: Path) -> float:
    """MiB of what a bundle needs to answer: its default variant."""
    return (bundle / read_facts(bundle).default).stat().st_size / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nemo", type=Path)
    parser.add_argument("--bundle", help="small, or a folder")
    parser.add_argument("--recordings", type=int, default=1_000)
    parser.add_argument("--minutes", type=int, default=60)
    asked = parser.parse_args()
    bundle = ["--bundle", asked.bundle] if asked.bundle else []
    files = sorted((asked.nemo / "samples").glob("*.wav"))[:: max(1, 3_400 // asked.recordings)][: asked.recordings]
    clip = max((f for f in files if audio.inspect(f).duration <= 3), key=lambda f: audio.inspect(f).duration)
    with tempfile.TemporaryDirectory() as place:
        reference = Path(place)
        build_reference(reference)
        lines = measured(asked, bundle, files, clip, reference)
    command = f"uv run --all-extras python bench/recognizer.py nemo --recordings {asked.recordings}"
    write_section("Recording to answer", command, lines, asked.bundle)


def measured(asked, bundle: list[str], files: list[Path], clip: Path, reference: Path) -> list[str]:
    """Every figure with its ratio; the lowest of `RUNS`, theirs and ours in turn."""
    own = asked.bundle or ""
    answers = [(latency(REFERENCE, str(reference), clip), latency(OURS, own, clip)) for _ in range(RUNS)]
    starts = [start(reference, bundle, clip) for _ in range(RUNS)]
    many = [folder_of(files, reference, bundle) for _ in range(2)]
    hour = long_recording(files[:60], asked.minutes, reference / "hour.wav")
    whole = run([command(), "predict", str(hour), *bundle])
    along = run([command(), "predict", str(hour), "--segments", *bundle])
    sizes = (
        sum((reference / f"{name}.onnx").stat().st_size for name in NAMES) / 2**20,
        size(bundle_folder(asked.bundle)),
    )
    table = [
        ("recording of 3 s to answer, one core, ms", *(min(r[i] for r in answers) for i in (0, 1)), ".1f", "8 times"),
        ("process start to printed answer, s", *(min(r[i].seconds for r in starts) for i in (0, 1)), ".2f", "8 times"),
        ("peak memory of that, MiB", *(max(r[i].peak for r in starts) for i in (0, 1)), ".0f", "at most 150 MiB"),
        (f"{len(files):,} recordings, two cores, s", *(min(r[i] for r in many) for i in (0, 1)), ".1f", ""),
        ("model file, MiB", *sizes, ".1f", "9 times"),
    ]
    rows = [f"| {what} | {a:{form}} | {b:{form}} | {a / b:.1f} | {goal} |" for what, a, b, form, goal in table]
    seconds = asked.minutes * 60
    return [
        "| what | reference way | ours | ratio | goal |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"A recording of {asked.minutes} minutes on one core: `tembr predict` {seconds / whole.seconds:.0f} times real "
        f"time with {whole.peak:.0f} MiB at its peak, `--segments` {seconds / along.seconds:.0f} times with "
        f"{along.peak:.0f} MiB.",
        "",
        f"Lowest of {RUNS} runs, ours and the reference in turn. Every run: ms "
        + ", ".join(f"{a:.1f}/{b:.2f}" for a, b in answers)
        + "; start, s "
        + ", ".join(f"{a.seconds:.2f}/{b.seconds:.2f}" for a, b in starts)
        + ".",
    ]


if __name__ == "__main__":
    main()
