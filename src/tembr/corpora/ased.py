"""ASED v1: 65 Amharic speakers, five emotions (Retta et al. 2023)."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from tembr.corpora.corpus import Corpus, CorpusInfo, Utterance
from tembr.corpora.filenames import matching

EMOTIONS = {"n": "neutral", "f": "fear", "h": "happiness", "s": "sadness", "a": "anger"}
GENDERS = {"01": "female", "02": "male"}

_PATTERN = (
    r"(?P<emotion>[nfhsa])(?P<part>\d)-(?P<sentence>\d\d)-(?P<repetition>\d\d)"
    r"-(?P<gender>0[12])-(?P<speaker>\d\d)"
)
_EXAMPLE = "n1-04-02-01-29.wav (emotion n f h s or a and folder, sentence, repetition, gender, speaker)"


def load(folder: str | Path) -> Corpus:
    """Read ASED from its file names.

    The speaker is the last number alone, '01' to '65', as the paper counts them. In five of them one
    single recording bears the other gender code: a slip of the name, not another person, and making a
    speaker of it would let the same voice into two parts of a split. So a speaker's gender is the one
    most of the recordings have.

    Args:
        folder: where `01Neutral` … `05Angry` lie, at any depth.

    Returns:
        2,474 utterances when complete; `text` is emotion letter and sentence number ('n04'), as every
        emotion has sentences of its own.

    Raises:
        CorpusError: no such folder, or none of its files is named as in ASED.
    """
    found = matching(folder, _PATTERN, "ASED", _EXAMPLE)
    genders = _genders(match for _, match in found)
    return INFO.corpus([_utterance(path, match, genders) for path, match in found])


def _genders(matches) -> dict[str, str]:
    codes: dict[str, Counter] = defaultdict(Counter)
    for match in matches:
        codes[match["speaker"]][match["gender"]] += 1
    return {speaker: GENDERS[counts.most_common(1)[0][0]] for speaker, counts in codes.items()}


def _utterance(path: Path, match, genders: dict[str, str]) -> Utterance:
    letter = match["emotion"].lower()
    return Utterance(
        file=path.name,
        path=path,
        emotion=EMOTIONS[letter],
        speaker=match["speaker"],
        gender=genders[match["speaker"]],
        text=f"{letter}{match['sentence']}",
    )


INFO = CorpusInfo(
    name="ased",
    load=load,
    title="ASED",
    about="65 Amharic speakers",
    licence="free for research",
    languages=("am",),
    recordings=2_474,
    speakers=65,
    obtain="clone https://github.com/Ethio2021/ASED_V1",
    voices="ASED's are Amharic speakers; at least five of eight judges agreed with each recording.",
    citation='Retta et al., "A New Amharic Speech Emotion Dataset and Classification Benchmark", TALLIP 2023',
)
