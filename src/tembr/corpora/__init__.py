"""Corpora of emotional speech: each loader returns the same table of utterances."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path

from tembr.corpora import ased, demo, emodb, nemo, ravdess
from tembr.corpora.corpus import COLUMNS, Corpus, Utterance, settle_labels, write_table
from tembr.corpora.manifest import load_folder, load_manifest
from tembr.errors import CorpusError

CORPORA: dict[str, Callable[..., Corpus]] = {
    "nemo": nemo.load,
    "ravdess": ravdess.load,
    "emodb": emodb.load,
    "ased": ased.load,
    "demo": demo.load,
    "manifest": load_manifest,
    "folder": load_folder,
}
"""Loader of each corpus by its name on the command line."""

WITHOUT_SOURCE = ("nemo", "demo")
"""Corpora that can be loaded by name alone: from the hub, and synthesised."""

HOMES = {
    "ravdess": "download Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976, unpack it",
    "emodb": "download EMO-DB from http://emodb.bilderbar.info, unpack it",
    "ased": "clone https://github.com/Ethio2021/ASED_V1",
    "manifest": "write a table of file and emotion",
    "folder": "make one sub-folder of recordings per emotion",
}


def load_corpus(
    name: str,
    source: str | Path | None = None,
    *,
    unmapped: str = "error",
    columns: Mapping[str, str] | None = None,
    allow_outside: bool = False,
) -> Corpus:
    """Load a corpus by name, with its labels settled among the six emotions.

    Args:
        name: a key of `CORPORA`.
        source: its folder; for 'manifest' the table; for 'nemo' also a data set on the hub. None is
            enough for those in `WITHOUT_SOURCE`.
        unmapped: what to do with labels outside the six: 'error', 'drop' or 'keep' (`settle_labels`).
        columns, allow_outside: for 'manifest' only (`load_manifest`).

    Raises:
        CorpusError: unknown name, missing or malformed source, or labels outside the six.
    """
    if name not in CORPORA:
        close = difflib.get_close_matches(name.lower(), CORPORA, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise CorpusError(f"no corpus named {name!r}; {hint}known: {', '.join(CORPORA)}")
    if source is None and name not in WITHOUT_SOURCE:
        raise CorpusError(f"{name}: needs its source; {HOMES[name]} and name it with --corpus-dir")
    if name == "manifest":
        corpus = load_manifest(source, columns, allow_outside=allow_outside)
    else:
        corpus = CORPORA[name](source)
    return settle_labels(corpus, unmapped)


__all__ = [
    "COLUMNS",
    "CORPORA",
    "Corpus",
    "Utterance",
    "load_corpus",
    "load_folder",
    "load_manifest",
    "settle_labels",
    "write_table",
]
