"""RAVDESS: 24 North American actors, eight emotions (Livingstone & Russo 2018)."""

from __future__ import annotations

from pathlib import Path

from tembr.corpora.corpus import Corpus, CorpusInfo, Utterance
from tembr.corpora.filenames import matching

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprised",
}
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

_PATTERN = (
    r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])"
    r"-(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>\d\d)"
)
_EXAMPLE = "03-01-06-01-02-01-12.wav (modality 03 audio, channel 01 speech)"


def load(folder: str | Path) -> Corpus:
    """Read the speech recordings of RAVDESS; song and video are passed over.

    Args:
        folder: where `Actor_01` … `Actor_24` lie, at any depth.

    Returns:
        1,440 utterances when complete; speakers '01' to '24', odd ones male; `calm` and `disgust` keep
        their own labels.

    Raises:
        CorpusError: no such folder, or none of its files is named as RAVDESS speech.
    """
    found = matching(folder, _PATTERN, "RAVDESS", _EXAMPLE)
    return INFO.corpus([_utterance(path, match) for path, match in found])


def _utterance(path: Path, match) -> Utterance:
    return Utterance(
        file=path.name,
        path=path,
        emotion=EMOTIONS[match["emotion"]],
        speaker=match["actor"],
        gender="male" if int(match["actor"]) % 2 else "female",
        text=STATEMENTS[match["statement"]],
    )


INFO = CorpusInfo(
    name="ravdess",
    load=load,
    title="RAVDESS",
    about="24 North American actors",
    licence="CC BY-NC-SA 4.0",
    languages=("en",),
    recordings=1_440,
    speakers=24,
    obtain="download Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976, unpack it",
    voices="RAVDESS's are North American actors who speak two sentences in a studio.",
    citation='Livingstone and Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song", PLoS ONE 2018',
)
