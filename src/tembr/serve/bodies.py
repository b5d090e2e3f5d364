"""Bodies of requests: read within limits of bytes and time, kept in memory, and never in a file."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from tembr.files import json_bytes
from tembr.recognize.speaker import Speaker
from tembr.serve.errors import Refusal
from tembr.serve.settings import Limits

PARTS = 8  # of a form beside its files


@dataclass(frozen=True)
class Body:
    """What a request brought.

    Attributes:
        recordings: the bytes of each.
        speaker: to whom answers are adapted; None is anybody.
        name: of a speaker to be learnt, '' where none was given.
    """

    recordings: tuple[bytes, ...]
    speaker: Speaker | None = None
    name: str = ""


async def read_body(request: Request, limits: Limits, part: str) -> Body:
    """The recordings of a request: the parts called `part` of a form, or the body itself.

    Raises:
        Refusal: too large, too slow, no form, or without a recording. SpeakerError: the part `speaker` is none.
    """
    try:
        with anyio.fail_after(limits.timeout):
            if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
                return await _form(request, limits, part)
            content = b"".join([piece async for piece in _limited(request, limits)])
    except TimeoutError as error:
        raise Refusal(408, "slow", f"the body took longer than {limits.timeout:g} s; send it faster") from error
    except ClientDisconnect as error:
        raise Refusal(400, "gone", "the client went away before its body was here") from error
    return Body((content,)) if content else _missing(part)


async def _form(request: Request, limits: Limits, part: str) -> Body:
    parser = MultiPartParser(
        request.headers, _limited(request, limits), max_files=limits.max_files + 1, max_fields=PARTS,
        max_part_size=limits.max_bytes,
    )  # fmt: skip
    parser.spool_max_size = limits.max_bytes + 1  # nothing of a recording is written to a disk
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeDecodeError, AssertionError, KeyError, ValueError) as error:
        why = getattr(error, "message", None) or str(error)
        raise Refusal(400, "form", f"not a form that can be read ({why}); send multipart/form-data") from error
    try:
        return await _body(form, part, limits)
    finally:
        await form.close()


def _speaker_in(content: bytes) -> bytes:
    """A speaker's file, also where it stands in what `/v1/enrolments` gave."""
    try:
        speaker = json.loads(content)["speaker"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return content
    return json_bytes(speaker) if isinstance(speaker, dict) else content


async def _body(form: FormData, part: str, limits: Limits) -> Body:
    recordings = tuple([await _bytes(value) for value in form.getlist(part)])
    if not recordings:
        return _missing(part)
    takes = (part, "speaker", "name")
    for name in form:
        count = len(form.getlist(name))
        if name not in takes or (count > 1 and name != "files"):
            why = f"{count} times" if name in takes else f"there are {', '.join(takes)}"
            raise Refusal(400, "form", f"a part {name[:100]!r}: {why}; send each once")
    if len(recordings) > limits.max_files:  # the parser lets one more in, which may be the speaker
        raise Refusal(400, "form", f"more than {limits.max_files} recordings; send fewer")
    given = form.get("speaker")
    speaker = Speaker.parse(_speaker_in(await _bytes(given)), "the part speaker") if given else None
    name = form.get("name", "")
    return Body(recordings, speaker, name if isinstance(name, str) else "")


async def _bytes(value: UploadFile | str) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else await value.read()


async def _limited(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    claimed = request.headers.get("content-length", "0")
    if claimed.isdecimal() and int(claimed) > limits.max_bytes:
        raise _too_large(limits)
    count = 0
    async for piece in request.stream():
        count += len(piece)
        if count > limits.max_bytes:
            raise _too_large(limits)
        yield piece


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, "too_large", f"more than {limits.max_bytes:,} bytes; send less, or compress it as FLAC or Opus")


def _missing(part: str) -> Body:
    raise Refusal(400, "form", f"no recording; send it as the part {part} of a form, or as the body")
