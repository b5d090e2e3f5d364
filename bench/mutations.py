"""Files gone wrong in ways that files go wrong, or are made to: for `bench/fuzz.py` and the tests."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import soundfile

FORMS = {
    "wav": {"format": "WAV"},
    "float": {"format": "WAV", "subtype": "FLOAT"},
    "adpcm": {"format": "WAV", "subtype": "IMA_ADPCM"},
    "rf64": {"format": "RF64"},
    "flac": {"format": "FLAC"},
    "vorbis": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {"format": "MP3"},
}
HEADER = 64  # bytes in which most of what matters lies
EDGES = (0, 1, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
VALUES = (None, True, 0, -1, 1e308, 10**400, "", "=x", [], {}, [[]], float("nan"), float("inf"), "\0", "../../x")
TEXT = "Zażółć gęślą jaźń\n"


def encoded(samples: np.ndarray, rate: int, form: str) -> bytes:
    """A recording in one of `FORMS`; samples `(samples,)` or `(samples, channels)` in [-1, 1]."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, **FORMS[form])
    return file.getvalue()


def mutate(content: bytes, random: Random, others: Sequence[bytes] = ()) -> bytes:
    """`content` with one to four things done to it; `others` are files to splice in."""
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 4])):
        change = random.choice(CHANGES)
        end = random.choice([min(HEADER, len(changed)), len(changed), len(changed)])
        change(changed, random.randint(0, max(0, end - 1)), random, others)
    return bytes(changed)


def mutate_json(content: bytes, random: Random) -> bytes:
    """A JSON object with values replaced, keys lost, or its text damaged like any other file's."""
    if random.random() < 0.3:
        return mutate(content, random)
    facts = json.loads(content)
    for _ in range(random.randint(1, 3)):
        _replace_one(facts, random)
    return json.dumps(facts).encode()


def _replace_one(within: dict | list, random: Random) -> None:
    keys = list(within) if isinstance(within, dict) else list(range(len(within)))
    if not keys:
        return
    key = random.choice(keys)
    if isinstance(within[key], dict | list) and random.random() < 0.6:
        _replace_one(within[key], random)
    elif random.random() < 0.2:
        del within[key]
    else:
        within[key] = random.choice(VALUES)


def _flip(content: bytearray, at: int, random: Random, others: Sequence[bytes]) -> None:
    if content:
        content[at] ^= 1 << random.randint(0, 7)


def _field(content: bytearray, at: int, random: Random, others: Sequence[bytes]) -> None:
    content[at : at + 4] = struct.pack(random.choice("<>") + "I", random.choice(EDGES))


def _cut(content: bytearray, at: int, random: Random, others: Sequence[bytes]) -> None:
    del content[at : at + random.randint(1, 200)]


def _insert(content: bytearray, at: int, random: Random, others: Sequence[bytes]) -> None:
    content[at:at] = random.randbytes(random.randint(1, 40))


def _truncate(content: bytearray, at: int, random: Random, others: Sequence[bytes]) -> None:
    del content[at:]


def _splice(content: bytearray, at: int, random: Random, others: Sequence[bytes]) -> None:
    """The rest is that of another file, of another format as a rule."""
    if others:
        other = random.choice(others)
        content[at:] = other[random.randint(0, len(other)) :]


def _text(content: bytearray, at: int, random: Random, others: Sequence[bytes]) -> None:
    content[at:] = (TEXT * random.randint(1, 50)).encode()


CHANGES: tuple[Callable[[bytearray, int, Random, Sequence[bytes]], None], ...] = (
    _flip, _field, _cut, _insert, _truncate, _splice, _text,
)  # fmt: skip
