"""Segments as files that other programs open: Praat, ELAN, Audacity, diarisation tools, players of subtitles."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

from tembr.emotions import POLISH, display_name
from tembr.recognize.prediction import Prediction

ANNOTATIONS = {
    "textgrid": ".TextGrid",
    "eaf": ".eaf",
    "audacity": ".txt",
    "rttm": ".rttm",
    "vtt": ".vtt",
    "srt": ".srt",
}
"""Form → the extension its programs look for."""

TIERS = ("emotion", "emocja")
"""Of the English labels and of the Polish ones."""

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_EAF = {
    "AUTHOR": "",
    "DATE": "1970-01-01T00:00:00+00:00",  # it has to have one; the same segments are the same file
    "FORMAT": "3.0",
    "VERSION": "3.0",
    "xmlns:xsi": _XSI,
    "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
}
_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]+")


class Span(NamedTuple):
    """A segment in whole milliseconds, with its text as written.

    Attributes:
        start, end: milliseconds, `start` below `end`.
        label, polish: on one line each, without characters that XML forbids.
        confidence: 0 to 1.
        channel: its number from 1; None of a mix.
    """

    start: int
    end: int
    label: str
    polish: str
    confidence: float
    channel: int | None

    @property
    def said(self) -> str:
        """What a viewer reads: channel, label with its Polish name, confidence."""
        return f"{_whose(self.channel)}{_plain(display_name(self.label))} {self.confidence:.2f}"


def annotation(
    form: str,
    segments: Sequence[Prediction],
    *,
    name: str,
    duration: float,
    channels: Sequence[int | None] = (None,),
) -> str:
    """The segments of one recording as the text of a file.

    Times are rounded to milliseconds. Of two segments of a channel that overlap, the later begins where the earlier
    ends. A segment without a label, or of less than a millisecond, is left out.

    - `textgrid` (Praat): a tier of English labels, `emotion`, and one of Polish ones, `emocja`; gaps are empty.
    - `eaf` (ELAN): the same two tiers. The recording is looked for beside the file.
    - `audacity`: a label track: start, end and English label, separated by tabs.
    - `rttm` (NIST RT-09): lines `SPEAKER`, with the English label in the place of the speaker's name, since the format
      knows no emotion, and the confidence in its ninth field. A mix is channel 1. Spaces in names become underscores.
    - `vtt` (WebVTT) and `srt` (SubRip): English label, Polish name and confidence. SRT has no way to write an angle
      bracket: ‹ and › stand for it.

    Args:
        form: a key of `ANNOTATIONS`.
        segments: of `Recognizer.segments`.
        name: file name of the recording.
        duration: of the recording, seconds; longer where a segment ends later.
        channels: those that have tiers although nothing was found in them; numbers from 1, None is the mix. With
            numbers the tiers are `emotion 1`, `emocja 1` and so on.

    Raises:
        KeyError: no such form.
    """
    spans = _spans(segments)
    tiers = {channel: [s for s in spans if s.channel == channel] for channel in _channels(spans, channels)}
    length = max([1, round(duration * 1000), *(span.end for span in spans)])
    return _WRITERS[form](tiers, os.path.basename(name), length)


def _spans(segments: Iterable[Prediction]) -> list[Span]:
    """In order; one that overlaps the one before it in its channel begins where that ends."""
    ends: dict[int | None, int] = {}
    spans = []
    found = [_span(segment) for segment in segments if segment.label is not None]
    for span in sorted(found, key=lambda s: (s.start, s.end)):
        span = span._replace(start=max(span.start, ends.get(span.channel, 0)))
        if span.end > span.start:
            ends[span.channel] = span.end
            spans.append(span)
    return spans


def _span(p: Prediction) -> Span:
    start, end = round(p.start * 1000), round(p.end * 1000)
    return Span(start, end, _plain(p.label), _plain(POLISH.get(p.label, p.label)), p.confidence, p.channel)


def _channels(spans: Iterable[Span], channels: Iterable[int | None]) -> list[int | None]:
    heard = {span.channel for span in spans}
    silent = {channel for channel in channels if channel or not heard}
    return sorted(heard | silent or {None}, key=lambda channel: channel or 0)


def _plain(text: str) -> str:
    """One line of characters that every format may hold; a dash where nothing is left."""
    return _CONTROL.sub(" ", text).strip() or "-"


def _whose(channel: int | None) -> str:
    return f"channel {channel}: " if channel else ""


def _named_tiers(tiers: dict[int | None, list[Span]]) -> list[tuple[str, list[tuple[int, int, str]]]]:
    """Name of each tier, and start, end and text of what is in it."""
    return [
        (f"{tier} {channel}" if channel else tier, [(s.start, s.end, text(s)) for s in spans])
        for channel, spans in tiers.items()
        for tier, text in zip(TIERS, (lambda s: s.label, lambda s: s.polish))
    ]


def _textgrid(tiers: dict[int | None, list[Span]], name: str, length: int) -> str:
    named = _named_tiers(tiers)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", *_bounds(0, length), "tiers? <exists>"]
    lines += [f"size = {len(named)}", "item []:"]
    for number, (tier, intervals) in enumerate(named, start=1):
        intervals = _without_gaps(intervals, length)
        head = ['class = "IntervalTier"', f"name = {_quoted(tier)}", *_bounds(0, length)]
        lines += [f"    item [{number}]:", *(f"        {line}" for line in head)]
        lines += [f"        intervals: size = {len(intervals)}"]
        for n, (start, end, text) in enumerate(intervals, start=1):
            inner = [*_bounds(start, end), f"text = {_quoted(text)}"]
            lines += [f"        intervals [{n}]:", *(f"            {line}" for line in inner)]
    return "\n".join(lines) + "\n"


def _bounds(start: int, end: int) -> list[str]:
    return [f"xmin = {_seconds(start)}", f"xmax = {_seconds(end)}"]


def _without_gaps(intervals: list[tuple[int, int, str]], length: int) -> list[tuple[int, int, str]]:
    """Praat wants a tier full: what is between intervals is an empty one."""
    full, at = [], 0
    for start, end, text in [*intervals, (length, length, "")]:
        full += [(at, start, "")] if start > at else []
        full += [(start, end, text)] if end > start else []
        at = end
    return full


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _eaf(tiers: dict[int | None, list[Span]], name: str, length: int) -> str:
    document = ElementTree.Element("ANNOTATION_DOCUMENT", _EAF)
    header = ElementTree.SubElement(document, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    place = "./" + quote(os.fsencode(name))
    kind = mimetypes.guess_type(name)[0] or "unknown"
    media = {"MEDIA_URL": place, "RELATIVE_MEDIA_URL": place, "MIME_TYPE": kind}
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ElementTree.SubElement(document, "TIME_ORDER")
    for name, intervals in _named_tiers(tiers):
        tier = ElementTree.SubElement(document, "TIER", TIER_ID=name, LINGUISTIC_TYPE_REF="emotion")
        for start, end, text in intervals:
            _annotate(tier, order, start, end, text)
    kind = {"LINGUISTIC_TYPE_ID": "emotion", "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    ElementTree.SubElement(document, "LINGUISTIC_TYPE", kind)
    ElementTree.indent(document)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(document, "unicode")}\n'


def _annotate(tier: ElementTree.Element, order: ElementTree.Element, start: int, end: int, text: str) -> None:
    slots = []
    for time in (start, end):
        slots.append(f"ts{len(order) + 1}")
        ElementTree.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slots[-1], TIME_VALUE=str(time))
    refs = {"ANNOTATION_ID": f"a{len(order) // 2}", "TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]}
    holder = ElementTree.SubElement(tier, "ANNOTATION")
    alignable = ElementTree.SubElement(holder, "ALIGNABLE_ANNOTATION", refs)
    ElementTree.SubElement(alignable, "ANNOTATION_VALUE").text = text


def _audacity(tiers: dict[int | None, list[Span]], name: str, length: int) -> str:
    return "".join(f"{_seconds(s.start)}\t{_seconds(s.end)}\t{_whose(s.channel)}{s.label}\n" for s in _in_order(tiers))


def _rttm(tiers: dict[int | None, list[Span]], name: str, length: int) -> str:
    file = _field(os.path.splitext(name)[0])
    return "".join(
        f"SPEAKER {file} {s.channel or 1} {_seconds(s.start)} {_seconds(s.end - s.start)} <NA> <NA> {_field(s.label)} "
        f"{s.confidence:.2f} <NA>\n"
        for s in _in_order(tiers)
    )


def _field(text: str) -> str:
    return _plain(text).replace(" ", "_")


def _vtt(tiers: dict[int | None, list[Span]], name: str, length: int) -> str:
    def escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    cues = (f"\n{_clock(s.start)} --> {_clock(s.end)}\n{escaped(s.said)}\n" for s in _in_order(tiers))
    return "WEBVTT\n" + "".join(cues)


def _srt(tiers: dict[int | None, list[Span]], name: str, length: int) -> str:
    brackets = str.maketrans("<>", "‹›")
    return "\n".join(
        f"{number}\n{_clock(s.start, ',')} --> {_clock(s.end, ',')}\n{s.said.translate(brackets)}\n"
        for number, s in enumerate(_in_order(tiers), start=1)
    )


def _in_order(tiers: dict[int | None, list[Span]]) -> list[Span]:
    return sorted((span for spans in tiers.values() for span in spans), key=lambda span: span.start)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.3f}"


def _clock(milliseconds: int, point: str = ".") -> str:
    """'00:02:05.300', as subtitles have it."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{rest:03d}"


_WRITERS: dict[str, Callable[[dict[int | None, list[Span]], str, int], str]] = {
    "textgrid": _textgrid,
    "eaf": _eaf,
    "audacity": _audacity,
    "rttm": _rttm,
    "vtt": _vtt,
    "srt": _srt,
}
