"""Corpora of emotional speech: each loader returns the same table of utterances."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from tembr.corpora import ased, demo, emodb, manifest, nemo, ravdess
from tembr.corpora.corpus import COLUMNS, Corpus, CorpusInfo, Utterance, settle_labels, write_table
from tembr.corpora.manifest import load_folder, load_manifest
from tembr.errors import CorpusError

CORPORA: dict[str, CorpusInfo] = {
    info.name: info
    for info in (nemo.INFO, ravdess.INFO, emodb.INFO, ased.INFO, demo.INFO, manifest.MANIFEST, manifest.FOLDER)
}
"""What is known of each corpus, by its name on the command line."""


def load_corpus(
    name: str,
    source: str | Path | None = None,
    *,
    unmapped: str = "error",
    emotions: Mapping[str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    allow_outside: bool = False,
) -> Corpus:
    """Load a corpus by name, with its labels settled among the six emotions.

    Args:
        name: a key of `CORPORA`.
        source: its folder; for 'manifest' the table; for 'nemo' also a data set on the hub. None is
            enough where `CorpusInfo.obtain` is empty.
        unmapped, emotions: what to do with labels outside the six, and what they mean (`settle_labels`).
        columns, allow_outside: for 'manifest' only (`load_manifest`).

    Raises:
        CorpusError: unknown name, missing or malformed source, or labels outside the six.
    """
    if name not in CORPORA:
        close = difflib.get_close_matches(name.lower(), CORPORA, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise CorpusError(f"no corpus named {name!r}; {hint}known: {', '.join(CORPORA)}")
    info = CORPORA[name]
    if info is not manifest.MANIFEST and (columns or allow_outside):
        raise CorpusError(f"{name}: has no columns and names no files; --column and --allow-outside are for manifest")
    if source is None and info.obtain:
        raise CorpusError(f"{name}: needs its source; {info.obtain} and name it with --corpus-dir")
    if info is manifest.MANIFEST:
        corpus = load_manifest(source, columns, allow_outside=allow_outside)
    else:
        corpus = info.load(source)
    return settle_labels(corpus, unmapped, emotions)


__all__ = [
    "COLUMNS",
    "CORPORA",
    "Corpus",
    "CorpusInfo",
    "Utterance",
    "load_corpus",
    "load_folder",
    "load_manifest",
    "settle_labels",
    "write_table",
]
