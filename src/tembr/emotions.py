"""The six emotions, their Polish names, and what other corpora call them."""

from __future__ import annotations

import unicodedata

EMOTIONS: tuple[str, ...] = ("anger", "fear", "happiness", "sadness", "surprised", "neutral")
"""Labels in the order of every table, picture and output vector; nEMO's own spelling."""

UNCERTAIN = "uncertain"
"""Said in the place of an emotion whose probability is too low; no emotion itself."""

POLISH: dict[str, str] = {
    "anger": "złość",
    "fear": "strach",
    "happiness": "szczęście",
    "sadness": "smutek",
    "surprised": "zaskoczenie",
    "neutral": "neutralny",
    "boredom": "znudzenie",
    "calm": "spokój",
    "disgust": "wstręt",
    UNCERTAIN: "niepewne",
}

ALIASES: dict[str, str] = {
    "angry": "anger",
    "ang": "anger",
    "złość": "anger",
    "gniew": "anger",
    "fearful": "fear",
    "fea": "fear",
    "afraid": "fear",
    "anxiety": "fear",
    "strach": "fear",
    "lęk": "fear",
    "happy": "happiness",
    "hap": "happiness",
    "joy": "happiness",
    "szczęście": "happiness",
    "radość": "happiness",
    "sad": "sadness",
    "smutek": "sadness",
    "surprise": "surprised",
    "sur": "surprised",
    "zaskoczenie": "surprised",
    "zdziwienie": "surprised",
    "neu": "neutral",
    "neutralny": "neutral",
    "neutralność": "neutral",
}
"""Other spellings of the six. `boredom`, `disgust`, `calm` and the like have no entry on purpose:
they are other emotions, and a corpus that has them is asked what to do (`--unmapped`)."""


def canonical(label: str) -> str:
    """Lower-case `label`, compose its letters, and map it through `ALIASES`; one without an entry stays itself.

    >>> canonical("Angry"), canonical("boredom")
    ('anger', 'boredom')
    """
    name = unicodedata.normalize("NFC", label).strip().lower()  # macOS takes the names of folders apart
    return ALIASES.get(name, name)


def ordered(labels) -> tuple[str, ...]:
    """The distinct `labels`: the six first, in their order, then any others alphabetically."""
    present = set(labels)
    return tuple(e for e in EMOTIONS if e in present) + tuple(sorted(present - set(EMOTIONS)))


def display_name(label: str) -> str:
    """`label` with its Polish name for people: ``'anger (złość)'``."""
    return f"{label} ({POLISH[label]})" if label in POLISH else label
