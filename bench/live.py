"""Live speech on one core: how long a label takes, how often labels change, how many times real time.

Conversations are made of recordings of speakers of a corpus, one after another with pauses, the emotion changing from
one to the next; they are heard as a microphone would give them. The bundle learnt from these speakers: the figures
are of the stream, not of its answers.

uv run --all-extras python bench/live.py NEMO_DIR [--bundle NAME]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from machine import write_section

import tembr
from tembr.corpora import load_corpus

RATE = 16_000
TURNS = 12  # recordings of a conversation
PAUSES = (0.2, 0.7, 1.5)  # seconds between them: within a stretch of speech, between near ones, between far ones
BLOCK = 320  # samples pushed at a time: 20 ms
HOPS = (0.25, 0.5, 1.0)
LAGS = (1.0, 3.0, 10.0)


class Turn(NamedTuple):
    """Where one recording lies in a conversation, seconds."""

    start: float
    end: float


class StreamMeasures(NamedTuple):
    """What one way of listening came to.

    Attributes:
        delays: seconds from the end of each turn's first second to when the label for it was told.
        changes, raw: label changes a minute of the segments told, and of the answers by themselves.
        factor: times real time.
    """

    delays: np.ndarray
    changes: float
    raw: float
    factor: float


def conversation(corpus, speaker: str, rng: np.random.Generator) -> tuple[np.ndarray, list[Turn]]:
    """Recordings of a speaker, no two neighbours of one emotion."""
    own = [u for u in corpus.utterances if u.speaker == speaker]
    parts, turns, at, last = [], [], 0.0, None
    while len(turns) < TURNS:
        utterance = own[rng.integers(len(own))]
        if utterance.emotion == last:
            continue
        samples, pause = utterance.read(RATE), PAUSES[rng.integers(len(PAUSES))]
        parts += [samples, np.zeros(round(pause * RATE), np.float32)]
        turns.append(Turn(at, at + len(samples) / RATE))
        at, last = at + len(samples) / RATE + pause, utterance.emotion
    return np.concatenate(parts), turns


def listen(recognizer, conversations, hop: float, lag: float) -> StreamMeasures:
    """Push every conversation in small blocks."""
    delays, changes, raw, minutes, seconds = [], 0, 0, 0.0, 0.0
    for waveform, turns in conversations:
        stream, events = recognizer.stream(RATE, hop=hop, lag=lag), []
        begin = time.perf_counter()
        for first in range(0, len(waveform), BLOCK):
            events += stream.push(waveform[first : first + BLOCK])
        events += stream.finish()
        seconds += time.perf_counter() - begin
        minutes += len(waveform) / RATE / 60
        delays += [told_after(turn, events) for turn in turns if turn.end - turn.start >= 1]
        changes += count_changes([event.label for event in events if event.kind == "closed"])
        raw += count_changes([event.label for event in events if event.kind == "answer"])
    known = np.array([delay for delay in delays if delay is not None])
    return StreamMeasures(known, changes / minutes, raw / minutes, minutes * 60 / seconds)


def told_after(turn: Turn, events: list) -> float | None:
    """Seconds from the end of a turn's first second to the first word about a segment that holds that second's end."""
    moment, opened = turn.start + 1.0, None
    for event in events:
        if event.kind == "opened":
            opened = event
        if event.kind == "closed" and event.prediction.start <= moment < event.prediction.end:
            return max(0.0, opened.time - moment)
    return None  # no speech was found there


def count_changes(labels: list[str]) -> int:
    return sum(one != other for one, other in zip(labels, labels[1:]))


def held_over(recognizer, conversations, hours: int) -> list[float]:
    """MiB that the process holds after each of so many hours of one stream."""
    stream, held = recognizer.stream(RATE, hop=10.0), []
    for _ in range(hours):
        seconds = 0.0
        while seconds < 3_600:
            for waveform, _ in conversations:
                for first in range(0, len(waveform), RATE):
                    stream.push(waveform[first : first + RATE])
                seconds += len(waveform) / RATE
        held.append(mebibytes())
    return held


def mebibytes() -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--bundle", help="small, or a folder")
    parser.add_argument("--hours", type=int, default=10, help="of the stream whose memory is looked at")
    given = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    recognizer, corpus, rng = tembr.load(given.bundle), load_corpus("nemo", str(given.corpus)), np.random.default_rng(0)
    conversations = [conversation(corpus, speaker, rng) for speaker in sorted(set(corpus.speakers))]
    columns = ("hop, s", "lag, s", "label told after, median, s", "p95, s", "changes a minute", "of single answers")
    rows = [f"| {' | '.join(columns)} | times real time |", "|---" * 7 + "|"]
    for hop, lag in [(hop, 3.0) for hop in HOPS] + [(0.5, lag) for lag in LAGS if lag != 3.0]:
        heard = listen(recognizer, conversations, hop, lag)
        times = f"{np.median(heard.delays):.2f} | {np.quantile(heard.delays, 0.95):.2f}"
        rows.append(f"| {hop:g} | {lag:g} | {times} | {heard.changes:.1f} | {heard.raw:.1f} | {heard.factor:.0f} |")
    facts = recognizer.facts
    minutes = sum(len(waveform) for waveform, _ in conversations) / RATE / 60
    notes = [
        "",
        f"Bundle {facts.name} {facts.version}, {len(conversations)} conversations of {TURNS} recordings, "
        f"{minutes:.1f} minutes in all, pushed in blocks of 20 ms, one core. A label is told for the end of a turn's "
        "first second when the segment that holds it opens; a segment closed in the same moment was told late because "
        "a stretch of speech was over before a window of 3 s was full.",
    ]
    held = held_over(recognizer, conversations, given.hours)
    notes += [
        "",
        f"One stream over {given.hours} hours: {held[0]:.0f} MiB after the first, {held[-1]:.0f} after the last.",
    ]
    write_section("Live speech", "uv run --all-extras python bench/live.py NEMO_DIR", rows + notes, given.bundle)


if __name__ == "__main__":
    main()
