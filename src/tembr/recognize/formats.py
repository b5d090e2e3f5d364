"""Answers as text for people, JSON lines or CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tembr.emotions import UNCERTAIN, display_name
from tembr.recognize.annotations import ANNOTATIONS
from tembr.recognize.prediction import Prediction
from tembr.tables import line

FORMATS = ("text", "json", "csv", *ANNOTATIONS)
"""The first three of recordings and of segments, the others of segments alone, a file for each recording."""

NOTHING = "no_speech: no voice found"
"""What is said of a recording without a segment."""

BY_SUFFIX = {".csv": "csv", ".json": "json", ".jsonl": "json"}
"""Format that a file of answers has by its name, where none is asked for."""


def header(form: str, labels: Sequence[str], channel: bool = False, sets: bool = False) -> str:
    """What precedes the answers: column names for 'csv', nothing else.

    Args:
        channel: whether the answers are of single channels.
        sets: whether they say which emotions are possible.
    """
    if form != "csv":
        return ""
    columns = ["file", *(["channel"] if channel else []), "start", "end", "label", "confidence", "likeliest"]
    possible = ["possible"] if sets else []
    return line([*columns, *(f"p_{label}" for label in labels), *possible, "warnings"])


def answer(form: str, prediction: Prediction) -> str:
    """One recording's answer, ending with a line feed."""
    if form == "json":
        return _json(prediction.as_dict())
    if form == "csv":
        return _cells(prediction)
    return "  ".join([_plain(prediction.file), *_channel(prediction), _said(prediction), *prediction.warnings]) + "\n"


def segments(form: str, file: str, found: Sequence[Prediction]) -> str:
    """One recording's segments: a line each, in JSON one for the recording."""
    if form == "json":
        content = {"file": file, "segments": [_without_file(segment) for segment in found]}
        return _json(content if found else content | {"warnings": [NOTHING]})
    if form == "csv":
        return "".join(map(_cells, found))
    if not found:
        return f"{_plain(file)}  -  {NOTHING}\n"
    warnings = dict.fromkeys("  ".join(["", *_channel(s), warning]) for s in found for warning in s.warnings)
    return "\n".join([_plain(file), *map(segment, found), *warnings]) + "\n"


def segment(s: Prediction) -> str:
    """A line of text about one segment, without a line feed."""
    return "  ".join(["", f"{_clock(s.start)} – {_clock(s.end)}", *_channel(s), _said(s)])


def _channel(p: Prediction) -> list[str]:
    return [f"channel {p.channel}"] if p.channel else []


def _said(p: Prediction) -> str:
    """Label and confidence; of an uncertain answer also what was likeliest."""
    if p.label is None:
        return "-"
    instead = f"  likeliest {display_name(p.likeliest)}" if p.label == UNCERTAIN else ""
    possible = f"  possible {', '.join(map(display_name, p.possible))}" if p.possible else ""
    return f"{display_name(p.label)}  {p.confidence:.2f}{instead}{possible}"


def _clock(seconds: float) -> str:
    """Hours where there are any, minutes and seconds: '02:05.3', '1:00:00.0'."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    return f"{f'{hours}:' if hours else ''}{minutes:02d}:{rest / 10:04.1f}"


def _without_file(prediction: Prediction) -> dict:
    content = prediction.as_dict()
    del content["file"]
    return content


def _cells(p: Prediction) -> str:
    values = (f"{value:.6f}" for value in p.probabilities.values())
    channel = [p.channel] if p.channel else []
    given = [
        p.file,
        *channel,
        f"{p.start:.3f}",
        f"{p.end:.3f}",
        p.label or "",
        f"{p.confidence:.6f}",
        p.likeliest or "",
    ]
    possible = ["; ".join(p.possible)] if p.possible else []
    return line([*given, *values, *possible, "; ".join(p.warnings)])


def _json(content: dict) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"


def _plain(name: str) -> str:
    """A file's name on one line, whatever characters are in it."""
    return "".join(c if c.isprintable() else "?" for c in name)
