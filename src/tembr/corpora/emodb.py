"""EMO-DB, the Berlin database: ten German actors, seven emotions (Burkhardt et al. 2005)."""

from __future__ import annotations

from pathlib import Path

from tembr.corpora.corpus import Corpus, CorpusInfo, Utterance
from tembr.corpora.filenames import matching

EMOTIONS = {
    "W": "anger",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "T": "sadness",  # Trauer
    "N": "neutral",
}
SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}
"""Gender and age in years, from the publisher's list."""

_PATTERN = r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[WLEAFTN])(?P<version>[a-z])"
_EXAMPLE = "03a01Fa.wav (speaker, text, emotion W L E A F T or N, version)"


def load(folder: str | Path) -> Corpus:
    """Read EMO-DB from its file names.

    Args:
        folder: where the recordings lie, at any depth (the archive has them in `wav/`).

    Returns:
        535 utterances when complete; `text` is the publisher's code of the sentence ('a01' … 'b10');
        `boredom` and `disgust` keep their own labels.

    Raises:
        CorpusError: no such folder, or none of its files is named as in EMO-DB.
    """
    found = matching(folder, _PATTERN, "EMO-DB", _EXAMPLE)
    return INFO.corpus([_utterance(path, match) for path, match in found])


def _utterance(path: Path, match) -> Utterance:
    gender, age = SPEAKERS.get(match["speaker"], ("", None))
    return Utterance(
        file=path.name,
        path=path,
        emotion=EMOTIONS[match["emotion"].upper()],
        speaker=match["speaker"],
        gender=gender,
        age=age,
        text=match["text"].lower(),
    )


INFO = CorpusInfo(
    name="emodb",
    load=load,
    title="EMO-DB",
    about="ten German actors",
    licence="free for research",
    languages=("de",),
    recordings=535,
    speakers=10,
    obtain="download EMO-DB from http://emodb.bilderbar.info, unpack it",
    voices="EMO-DB's are German actors who speak ten sentences in an anechoic room.",
    citation='Burkhardt et al., "A Database of German Emotional Speech", Interspeech 2005',
)
