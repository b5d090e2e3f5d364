"""Whether somebody speaks: how often that is answered wrong, and what asking costs.

Recordings are of speakers `bench/fit_speech.py` did not learn from, sounds of seeds it did not draw.

uv run --all-extras python bench/speech.py nemo=DIR ravdess=DIR emodb=DIR ased=DIR [--bundle DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
from fit_speech import CONDITIONS, SOUNDS_EACH, corpus_of, learnt_from, under
from machine import write_section

from tembr import audio
from tembr.corpora.sounds import SOUNDS, synthesize
from tembr.recognize import speech
from tembr.recognize.windows import windows

SAMPLE = 500  # recordings under each condition
SEEDS = range(10 * SOUNDS_EACH, 10 * SOUNDS_EACH + 100)
RUNS, ANSWERED = 5, 60  # runs in turn; recordings of nEMO in each

TITLE = "Whether somebody speaks"
LEGEND = f"""Speech is of every second speaker of each corpus, of whom the network knows nothing (the two limits
between which the detector is asked were set with a look at them); under conditions
{SAMPLE} of these recordings each. Sounds are of {len(SEEDS)} seeds that the network was not fitted on, 3 s each.
Left to the detector: the first 3 s of them.
Cost: {RUNS} runs over {ANSWERED} recordings of nEMO on one core, with and without in turn;
the lowest of {2 * RUNS} starts each."""

COST = """
import json, os, sys, time
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
import tembr
bundle, runs, *files = sys.argv[1:]
recognizer, taken = tembr.load(bundle or None), {True: [], False: []}
for run in range(1 + int(runs)):
    for file in files:
        for checked in (True, False) if run % 2 else (False, True):
            started = time.thread_time()
            recognizer.predict(file, check_speech=checked)
            if run:
                taken[checked].append(time.thread_time() - started)
medians = [1e3 * sorted(taken[checked])[len(files) * int(runs) // 2] for checked in (False, True)]

from tembr.corpora.sounds import synthesize
from tembr.recognize.speech import _detected, logit

def milliseconds(call, noise=synthesize("pink noise", 0)):
    call(noise)
    started = time.thread_time()
    for _ in range(20):
        call(noise)
    return 1e3 * (time.thread_time() - started) / 20

print(json.dumps([*medians, milliseconds(logit), milliseconds(_detected)]))
"""


class Judged(NamedTuple):
    """What became of one waveform: whether its first 3 s were left to the detector, and whether speech was found."""

    doubted: bool
    found: bool


def judge(waveform: np.ndarray) -> Judged:
    """As a bundle of 3 s windows has it judged."""
    search = speech.Speech(audio.SAMPLE_RATE)
    for _ in search.search(windows([waveform], speech.PIECE, speech.PIECE // 2)):
        pass
    said = speech.logit(waveform[: speech.PIECE])
    return Judged(speech.HOPELESS <= said < speech.SURE, search.found)


def recording(job: tuple[str, str, int, str]) -> Judged:
    name, folder, i, condition = job
    utterance = corpus_of(name, folder).utterances[i]
    waveform = audio.read(utterance.path, audio.SAMPLE_RATE, utterance.start, utterance.end)
    return judge(under(condition, utterance, waveform, name, folder))


def sound(job: tuple[str, int]) -> Judged:
    return judge(synthesize(*job))


def share(judged: Iterable[Judged], field: str = "found", wanted: bool = False) -> str:
    hits = [getattr(each, field) is wanted for each in judged]
    return f"{sum(hits)} of {len(hits)} ({np.mean(hits):.2%})"


def row(*cells) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def refusals(pool, corpora: dict[str, str]) -> list[str]:
    """Speech that was refused: all recordings held out, by corpus and emotion; a sample under every condition."""
    jobs, names, emotions = [], [], []
    for name, folder in corpora.items():
        corpus = corpus_of(name, folder)
        for i, utterance in enumerate(corpus.utterances):
            if utterance.speaker not in learnt_from(corpus):
                jobs.append((name, folder, i, CONDITIONS[0]))
                names.append(name)
                emotions.append(utterance.emotion)
    judged = list(pool.map(recording, jobs, chunksize=25))
    lines = [row("speech", "refused", "left to the detector"), row(*["---"] * 3)]
    for groups in (names, emotions, ["all"] * len(jobs)):
        for group in dict.fromkeys(groups):
            of = [each for each, its in zip(judged, groups) if its == group]
            lines.append(row(group, share(of), share(of, "doubted", True)))
    rng = np.random.default_rng(0)
    for condition in CONDITIONS[1:]:
        drawn = [(*jobs[i][:3], condition) for i in rng.choice(len(jobs), min(SAMPLE, len(jobs)), replace=False)]
        of = list(pool.map(recording, drawn, chunksize=25))
        lines.append(row(condition, share(of), share(of, "doubted", True)))
    return lines


def acceptances(pool) -> list[str]:
    """Other sounds that were taken for speech."""
    lines = [row("sound", "taken for speech", "left to the detector"), row(*["---"] * 3)]
    total = []
    for kind in SOUNDS:
        of = list(pool.map(sound, [(kind, seed) for seed in SEEDS], chunksize=10))
        total += of
        lines.append(row(kind, share(of, wanted=True), share(of, "doubted", True)))
    return [*lines, row("all", share(total, wanted=True), share(total, "doubted", True))]


def seconds(command: list[str]) -> float:
    """Processor time of a process, which other work on the machine does not stretch."""
    before = os.times()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def cost(folder: str, bundle: str) -> list[str]:
    """What checking adds to an answer on one core, and to the start of `tembr predict`."""
    from recognizer import command, run

    corpus = corpus_of("nemo", folder)
    rng = np.random.default_rng(0)
    files = [str(corpus.utterances[i].path) for i in rng.choice(len(corpus), ANSWERED, replace=False)]
    out = run([sys.executable, "-c", COST, bundle, str(RUNS), *files]).out
    without, checked, network, detector = json.loads(out)
    predict = [command(), "predict", files[0], *(["--bundle", bundle] if bundle else [])]
    starts = [[seconds([*predict, f"--{no}check-speech"]) for no in ("no-", "")] for _ in range(2 * RUNS)]
    start = np.min(starts, axis=0)
    return [
        row("what", "without", "checked", "ratio"),
        row(*["---"] * 4),
        row("median answer, ms of one core's time", f"{without:.2f}", f"{checked:.2f}", f"{checked / without:.2f}"),
        row(
            "process start to printed answer, s of processor time",
            *(f"{s:.2f}" for s in start),
            f"{start[1] / start[0]:.2f}",
        ),
        "",
        f"3 s of noise take the network {network:.2f} ms, Silero's detector {detector:.2f} ms.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpora", nargs="+", metavar="NAME=DIR")
    parser.add_argument("--bundle", default="")
    arguments = parser.parse_args()
    corpora = dict(one.split("=", 1) for one in arguments.corpora)
    with ProcessPoolExecutor() as pool:
        lines = [*refusals(pool, corpora), "", *acceptances(pool)]
    lines += ["", *cost(corpora["nemo"], arguments.bundle)]
    lines += ["", LEGEND]
    write_section(TITLE, "uv run --all-extras python bench/speech.py nemo ravdess emodb ased", lines)


if __name__ == "__main__":
    main()
