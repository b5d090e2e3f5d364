"""What a corpus holds and what is wrong with it, before anything is trained on it."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tembr import audio
from tembr.corpora import CORPORA
from tembr.corpora.corpus import Corpus, CorpusInfo, Utterance
from tembr.emotions import display_name
from tembr.errors import AudioError

SILENCE = 1e-4
"""Peak below which a recording is silent, relative to full scale (-80 dB)."""

_LISTED = 10  # at most so many names under each complaint


@dataclass(frozen=True)
class Durations:
    """Lengths of the readable utterances, seconds; all zero where there is none.

    Attributes:
        longer: share of utterances longer than the window, 0 to 1.
    """

    shortest: float = 0.0
    median: float = 0.0
    longest: float = 0.0
    total: float = 0.0
    longer: float = 0.0


@dataclass(frozen=True)
class Description:
    """A corpus in numbers. Utterances are named by their `key`, files by their name in the corpus.

    Attributes:
        name, licence: of the corpus.
        count: utterances.
        window: seconds that `durations.longer` refers to.
        emotions, speakers, genders: utterances of each.
        durations: of the readable ones.
        missing: without a file.
        unreadable: with the reason.
        silent: readable, with a peak below `SILENCE`.
        duplicates: groups of files with the same bytes.
        overlapping: parts of a file that begin before the one before has ended.
        sample_rates, channels: utterances of each, as stored.
    """

    name: str
    licence: str
    count: int
    window: float
    emotions: Mapping[str, int]
    speakers: Mapping[str, int]
    genders: Mapping[str, int]
    durations: Durations
    missing: tuple[str, ...]
    unreadable: Mapping[str, str]
    silent: tuple[str, ...]
    duplicates: tuple[tuple[str, ...], ...]
    overlapping: tuple[str, ...]
    sample_rates: Mapping[int, int]
    channels: Mapping[int, int]


@dataclass(frozen=True)
class _Content:
    """One utterance after a look at its file."""

    duration: float = 0.0
    peak: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class _File:
    """One file after a look at it; `digest` '' where it does not exist or cannot be opened."""

    missing: bool = False
    digest: str = ""
    header: audio.Recording | None = None
    contents: tuple[_Content, ...] = field(default=())


def describe(corpus: Corpus, window: float = 3.0, progress: Callable[[int, int], None] | None = None) -> Description:
    """Read every file of `corpus` and report what is there; a broken file never stops the rest.

    Args:
        window: seconds, for the share of longer utterances.
        progress: called with files done and files in all.
    """
    by_path: dict[Path, list[Utterance]] = defaultdict(list)
    for utterance in corpus.utterances:
        by_path[utterance.path].append(utterance)
    files = _examine_all(by_path, progress)
    contents = {u.key: h for path, us in by_path.items() for u, h in zip(us, files[path].contents, strict=False)}
    keys = [u.key for u in corpus.utterances]
    good = {k: contents[k] for k in keys if k in contents and not contents[k].reason}
    headers = [f.header for u in corpus.utterances if (f := files[u.path]).header]
    return Description(
        name=corpus.name,
        licence=corpus.licence,
        count=len(corpus),
        window=window,
        emotions={e: sum(u.emotion == e for u in corpus.utterances) for e in corpus.labels},
        speakers=_counts(u.speaker for u in corpus.utterances),
        genders=_counts(u.gender for u in corpus.utterances),
        durations=_durations([h.duration for h in good.values()], window),
        missing=tuple(u.key for u in corpus.utterances if files[u.path].missing),
        unreadable={k: contents[k].reason for k in keys if k in contents and contents[k].reason},
        silent=tuple(k for k, h in good.items() if h.peak < SILENCE),
        duplicates=_duplicates(corpus, files),
        overlapping=tuple(u.key for us in by_path.values() for u in _overlapping(us)),
        sample_rates=_counts(h.sample_rate for h in headers),
        channels=_counts(h.channels for h in headers),
    )


def usable(corpus: Corpus, description: Description) -> Corpus:
    """`corpus` without the utterances that `description` found missing or unreadable."""
    left_out = {*description.missing, *description.unreadable}
    return replace(corpus, utterances=tuple(u for u in corpus.utterances if u.key not in left_out))


def render(description: Description) -> RenderableType:
    """`description` for the terminal: a table of each count, then a line for each complaint."""
    d = description
    parts: list[RenderableType] = [
        Text(f"{d.name}: {d.count} utterances, {_speakers(d)}; licence {d.licence or 'unknown'}"),
        _table("emotion", {display_name(e): n for e, n in d.emotions.items()}, d.count),
        _table("speaker", d.speakers, d.count),
        _table("gender", d.genders, d.count),
        Text(_sentence(d)),
    ]
    return Group(*parts, *(Text(line) for line in _complaints(d)))


def _speakers(d: Description) -> str:
    named = [name for name in d.speakers if name]
    unknown = "" if len(named) == len(d.speakers) else f"{d.speakers['']} of unknown speakers"
    return ", ".join(filter(None, [f"{len(named)} speakers" if named or not unknown else "", unknown]))


def known_corpora() -> str:
    """Every corpus that is known by name, with what its module says of it, a paragraph each."""
    return "\n\n".join(f"{info.name}\n{_known(info)}" for info in CORPORA.values())


def _known(info: CorpusInfo) -> str:
    counted = f"{info.recordings:,} recordings of {info.speakers} speakers" if info.recordings else ""
    facts = [f"{info.title}: {info.about}" if info.title else info.about, ", ".join(info.languages), counted]
    have = info.obtain or (f"downloaded by itself: {info.hub} on the Hugging Face hub" if info.hub else "")
    lines = ["; ".join(filter(None, [*facts, info.licence])), f"to have it: {have}" if have else ""]
    return "\n".join(f"  {line}" for line in lines if line)


def _examine_all(by_path: Mapping[Path, Sequence[Utterance]], progress) -> dict[Path, _File]:
    with ThreadPoolExecutor() as pool:
        jobs = {pool.submit(_examine, path, utterances): path for path, utterances in by_path.items()}
        files = {}
        for done, job in enumerate(as_completed(jobs), start=1):
            files[jobs[job]] = job.result()
            if progress:
                progress(done, len(jobs))
    return files


def _examine(path: Path, utterances: Sequence[Utterance]) -> _File:
    if not os.path.exists(path):  # unlike Path.exists, False for a name the system refuses
        return _File(missing=True)
    digest, header = "", None
    try:
        digest = _digest(path)
        header = audio.inspect(path)
    except (AudioError, OSError) as error:
        contents = _Content(reason=_reason(error, path))
        return _File(digest=digest, contents=(contents,) * len(utterances))
    return _File(digest=digest, header=header, contents=tuple(_listen(u, header) for u in utterances))


def _listen(utterance: Utterance, header: audio.Recording) -> _Content:
    if utterance.start >= header.duration > 0:
        return _Content(reason=f"starts at {utterance.start:g} s, the file ends at {header.duration:g} s")
    try:
        waveform = audio.read(utterance.path, header.sample_rate, utterance.start, utterance.end)
    except (AudioError, OSError) as error:
        return _Content(reason=_reason(error, utterance.path))
    return _Content(len(waveform) / header.sample_rate, float(np.abs(waveform).max()))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _reason(error: Exception, path: Path) -> str:
    return (getattr(error, "strerror", None) or str(error)).removeprefix(f"{path}: ")


def _counts(values) -> dict:
    return dict(sorted(Counter(values).items()))


def _durations(seconds: Sequence[float], window: float) -> Durations:
    if not seconds:
        return Durations()
    longer = sum(s > window for s in seconds) / len(seconds)
    return Durations(min(seconds), median(seconds), max(seconds), sum(seconds), longer)


def _duplicates(corpus: Corpus, files: Mapping[Path, _File]) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    for utterance in corpus.utterances:
        digest = files[utterance.path].digest
        if digest:
            groups[digest][utterance.file] = None
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _overlapping(utterances: Sequence[Utterance]) -> list[Utterance]:
    found, latest = [], 0.0
    for utterance in sorted(utterances, key=lambda u: u.start):
        if utterance.start < latest:
            found.append(utterance)
        latest = max(latest, math.inf if utterance.end is None else utterance.end)
    return found


def _table(what: str, counts: Mapping[str, int], total: int) -> Table:
    table = Table(what, "utterances", "share")
    table.columns[1].justify = table.columns[2].justify = "right"
    for name, count in counts.items():
        table.add_row(Text(name or "unknown"), str(count), f"{count / total:.1%}")
    return table


def _sentence(d: Description) -> str:
    t = d.durations
    rates = ", ".join(f"{rate} Hz ({count})" for rate, count in d.sample_rates.items())
    channels = ", ".join(f"{channel} ({count})" for channel, count in d.channels.items())
    return (
        f"durations: {t.shortest:.2f} to {t.longest:.2f} s, median {t.median:.2f} s, "
        f"total {t.total / 60:.1f} min; {t.longer:.1%} longer than {d.window:g} s\n"
        f"sample rates: {rates or 'none'}; channels: {channels or 'none'}"
    )


def _complaints(d: Description) -> list[str]:
    unreadable = [f"{key} ({reason})" for key, reason in d.unreadable.items()]
    duplicates = [" = ".join(group) for group in d.duplicates]
    groups = {
        "missing": list(d.missing),
        "unreadable": unreadable,
        "silent": list(d.silent),
        "duplicated": duplicates,
        "overlapping": list(d.overlapping),
    }
    return [_complaint(what, names) for what, names in groups.items() if names]


def _complaint(what: str, names: Sequence[str]) -> str:
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{what} ({len(names)}): {', '.join(names[:_LISTED])}{more}"
