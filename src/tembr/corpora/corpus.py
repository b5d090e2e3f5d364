"""A corpus in memory: who said what, how, and in which file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tembr import audio, tables
from tembr.emotions import EMOTIONS, canonical, ordered
from tembr.errors import CorpusError

COLUMNS = ("file", "start", "end", "speaker", "gender", "age", "emotion", "text")


@dataclass(frozen=True)
class Utterance:
    """One labelled stretch of speech.

    Attributes:
        file: its name within the corpus, unique together with `start`; the same on every machine.
        path: where the audio lies on this one.
        emotion: label, canonical where it has an alias.
        speaker: name of the speaker, or '' where unknown.
        gender: 'female', 'male', another word the corpus uses, or '' where unknown.
        age: years, or None.
        text: what was said, or ''.
        start, end: seconds within the file; `end` None is the end of the file.
    """

    file: str
    path: Path
    emotion: str
    speaker: str = ""
    gender: str = ""
    age: float | None = None
    text: str = ""
    start: float = 0.0
    end: float | None = None

    @property
    def key(self) -> str:
        """Name of the utterance in tables: the file, with its start where the file holds several."""
        return self.file if not self.start and self.end is None else f"{self.file}@{self.start:.10g}"

    @property
    def degradation(self) -> str:
        """What it is a copy through; '' where it is the recording itself."""
        return ""

    @property
    def identity(self) -> str:
        """What tells its samples from others of the same file."""
        return f"{self.start}:{self.end}"

    def read(self, sample_rate: int) -> np.ndarray:
        """Its samples at `sample_rate` Hz, `(samples,)` float32; raises AudioError as `audio.read` does."""
        return audio.read(self.path, sample_rate, self.start, self.end)


@dataclass(frozen=True)
class CorpusInfo:
    """What is known of a corpus without opening it; stated in its module and nowhere else.

    Attributes:
        name: on the command line ('nemo').
        load: its loader, from a folder, table or hub name to a `Corpus`.
        title: as its authors write it.
        about: what it is, in a few words, for help texts.
        licence: of the recordings; '' where it is the user's own corpus.
        languages: spoken in it, BCP 47 codes ('pl').
        hub: 'owner/name' on the Hugging Face hub; '' where it is not there.
        recordings, speakers: when it is complete; 0 where that depends.
        obtain: what to do to have it, as an imperative; '' where its name alone is enough to load it.
        voices: who speaks what and where, a sentence for the card of a model that learnt from it.
        citation: of the paper to cite.
    """

    name: str
    load: Callable[..., Corpus]
    title: str = ""
    about: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ()
    hub: str = ""
    recordings: int = 0
    speakers: int = 0
    obtain: str = ""
    voices: str = ""
    citation: str = ""

    @property
    def noncommercial(self) -> bool:
        """Whether what is made of it is for non-commercial use only."""
        return "-NC" in self.licence

    def corpus(self, utterances: Sequence[Utterance]) -> Corpus:
        """These utterances of it."""
        return Corpus(self.name, tuple(utterances), self.licence)


@dataclass(frozen=True)
class Corpus:
    """Utterances of one corpus, in the publisher's order.

    Attributes:
        name: short name ('nemo').
        utterances: the recordings.
        licence: of the recordings, for reports; '' where unknown.
    """

    name: str
    utterances: tuple[Utterance, ...]
    licence: str = ""

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def labels(self) -> tuple[str, ...]:
        """Emotions present: the six in their order, then others alphabetically."""
        return ordered(u.emotion for u in self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(sorted({u.speaker for u in self.utterances}))


def settle_labels(corpus: Corpus, unmapped: str = "error", emotions: Mapping[str, str] | None = None) -> Corpus:
    """Map labels through the aliases and decide about those outside the six.

    Args:
        unmapped: 'error' lists them and stops, 'drop' leaves their recordings out, 'keep' adds them
            to the labels.
        emotions: label of the corpus → the emotion that it means, before all aliases.

    Raises:
        CorpusError: a label outside the six with `unmapped='error'`, nothing left, or one of `emotions` that no
            recording has.
    """
    meant = {canonical(label): canonical(emotion) for label, emotion in (emotions or {}).items()}
    named = [canonical(u.emotion) for u in corpus.utterances]
    for label in meant:
        if label not in named:
            there = ", ".join(ordered(named))
            raise CorpusError(f"{corpus.name}: no recording is labelled {label!r}; there are {there}")
    mapped = tuple(replace(u, emotion=meant.get(name, name)) for u, name in zip(corpus.utterances, named))
    others = sorted({u.emotion for u in mapped} - set(EMOTIONS))
    if others and unmapped == "error":
        counts = ", ".join(f"{o} ({sum(u.emotion == o for u in mapped)})" for o in others)
        raise CorpusError(
            f"{corpus.name}: labels outside the six emotions: {counts}; say what one means with "
            f"--emotion {others[0]}=anger, leave them out with --unmapped drop or learn them too with --unmapped keep"
        )
    if unmapped == "drop":
        mapped = tuple(u for u in mapped if u.emotion in EMOTIONS)
    if not mapped:
        known = ", ".join(EMOTIONS)
        raise CorpusError(
            f"{corpus.name}: no recording with a usable label is left; rename them in your table: {known}"
        )
    return replace(corpus, utterances=mapped)


def require_unique(corpus: Corpus) -> Corpus:
    """`corpus` itself, if no two utterances have the same file and start.

    Raises:
        CorpusError: names the first that is listed twice.
    """
    counts = Counter((u.file, u.start) for u in corpus.utterances)
    for (file, start), count in counts.items():
        if count > 1:
            raise CorpusError(f"{corpus.name}: {file} from {start:g} s is listed {count} times; keep one")
    return corpus


def number(value: object, column: str, where: str) -> float | None:
    """`value` of a table's cell as a finite float, or None where the cell is empty.

    Raises:
        CorpusError: not a number; `where` says in which file and row.
    """
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        parsed = float(text)
    except ValueError:
        parsed = math.nan
    if not math.isfinite(parsed):
        raise CorpusError(f"{where}: {column} {text!r} is not a number; correct it or leave it empty")
    return parsed


def write_table(corpus: Corpus, path: Path) -> None:
    """Write the corpus as CSV with the columns of `COLUMNS`; `end` and `age` empty where unknown.

    Raises:
        StoreError: it cannot be written there; an older one is untouched.
    """
    tables.write(path, COLUMNS, ({column: getattr(u, column) for column in COLUMNS} for u in corpus.utterances))
