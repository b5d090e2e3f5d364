"""Bodies of requests: forms and bare recordings, however they come, and what is refused while it comes."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from tembr.recognize.speaker import Origin, Speaker, SpeakerError
from tembr.serve.bodies import PARTS, Body, read_body
from tembr.serve.errors import Refusal
from tembr.serve.settings import Limits

LIMITS = Limits(max_bytes=2_000, max_files=2)
FORM = "multipart/form-data; boundary=b"
ANNA = Speaker("anna", Origin("polish", "1", "0"), 12, (0.5, -0.5))


def form(*parts: tuple[str, bytes, bool]) -> bytes:
    """A form of parts: name, content, whether it is a file."""
    written = b""
    for name, content, is_file in parts:
        filename = f'; filename="{name}.wav"' if is_file else ""
        written += (
            f'--b\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return written + b"--b--\r\n"


def request(*pieces: bytes, content_type: str = "audio/wav", end: dict | None = None, **headers: str) -> Request:
    """A request whose body comes in pieces.

    Args:
        end: what comes after them instead of an end; {} is nothing at all.
    """
    messages = iter([{"type": "http.request", "body": piece, "more_body": True} for piece in pieces])
    last = {"type": "http.request", "body": b"", "more_body": False} if end is None else end

    async def receive() -> dict:
        found = next(messages, last)
        return found or await asyncio.Event().wait()

    named = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in named.items()]
    return Request({"type": "http", "method": "POST", "headers": raw}, receive)


def read(one: Request, part: str = "file", limits: Limits = LIMITS) -> Body:
    return asyncio.run(read_body(one, limits, part))


def refusal(one: Request, part: str = "file", limits: Limits = LIMITS) -> Refusal:
    with pytest.raises(Refusal) as error:
        read(one, part, limits)
    assert "\n" not in str(error.value)
    return error.value


def cut(content: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(content) + 1) for place in places} | {len(content)})
    return [content[start:end] for start, end in zip([0, *ends], ends)]


def test_a_body_by_itself_is_a_recording():
    assert read(request(b"RI", b"FF")) == Body((b"RIFF",))


def test_every_part_of_the_name_is_a_recording_in_order():
    content = form(("files", b"2", True), ("name", b"x", False), ("files", b"1", True))
    assert read(request(content, content_type=FORM), "files") == Body((b"2", b"1"), name="x")


def test_a_form_is_known_by_its_type_in_capitals_too():
    content = form(("file", b"RIFF", True))
    assert read(request(content, content_type="Multipart/Form-Data; boundary=b")) == Body((b"RIFF",))


def test_a_speaker_takes_the_place_of_no_recording():
    two, speaker = [("files", b"1", True)] * 2, ("speaker", json.dumps(ANNA.as_dict()).encode(), True)
    assert len(read(request(form(*two, speaker), content_type=FORM), "files").recordings) == 2
    refused = refusal(request(form(*two, ("files", b"3", True)), content_type=FORM), "files")
    assert (refused.status, str(refused)) == (400, "more than 2 recordings; send fewer")


@pytest.mark.parametrize("is_file", [True, False])
def test_a_speaker_comes_as_a_file_or_as_text(is_file):
    written = json.dumps(ANNA.as_dict()).encode()
    found = read(request(form(("file", b"RIFF", True), ("speaker", written, is_file)), content_type=FORM))
    assert found == Body((b"RIFF",), ANNA)


def test_a_speaker_may_stand_in_the_answer_to_an_enrolment():
    answer = json.dumps({"bundle": "x", "speaker": ANNA.as_dict(), "recordings": 3, "warnings": []}).encode()
    assert read(request(form(("file", b"RIFF", True), ("speaker", answer, True)), content_type=FORM)).speaker == ANNA


def test_what_is_no_speaker_is_told_with_its_part():
    with pytest.raises(SpeakerError, match="^the part speaker: not a speaker's file"):
        read(request(form(("file", b"RIFF", True), ("speaker", b"{}", False)), content_type=FORM))


def test_a_name_is_text_and_a_file_is_none():
    named = [form(("file", b"1", True), ("name", "Żaneta".encode(), is_file)) for is_file in (False, True)]
    assert [read(request(one, content_type=FORM)).name for one in named] == ["Żaneta", ""]


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=1, max_size=500), st.lists(st.integers(0, 2_000), max_size=6))
def test_pieces_make_no_difference(content, places):
    assert read(request(*cut(content, places))) == Body((content,))
    whole = form(("file", content, True), ("name", b"Anna", False))
    assert read(request(*cut(whole, places), content_type=FORM)) == Body((content,), name="Anna")


def test_as_many_bytes_as_are_allowed_are_taken_and_one_more_is_not():
    assert read(request(bytes(1_000), bytes(1_000))).recordings == (bytes(2_000),)
    assert refusal(request(bytes(1_000), bytes(1_001))).status == 413
    around = len(form(("file", b"", True)))
    assert read(request(form(("file", bytes(2_000 - around), True)), content_type=FORM))
    assert refusal(request(form(("file", bytes(2_001 - around), True)), content_type=FORM)).code == "too_large"


def test_nothing_of_a_recording_is_written_to_a_disk(monkeypatch):
    """Starlette's forms go to a file from a megabyte on."""
    monkeypatch.setattr("tempfile.TemporaryFile", lambda *_, **__: pytest.fail("a file"))
    large = bytes(2_000_000)
    limits = Limits(max_bytes=2_100_000)
    assert read(request(form(("file", large, True)), content_type=FORM), limits=limits).recordings == (large,)


@pytest.mark.parametrize("content_type", ["audio/wav", FORM])
def test_a_body_that_says_it_is_too_large_is_not_waited_for(content_type):
    refused = refusal(request(content_type=content_type, end={}, content_length="2001"))
    assert (refused.status, refused.code) == (413, "too_large")


def test_a_body_larger_than_it_says_is_counted():
    assert refusal(request(bytes(2_001), content_length="10")).status == 413


@pytest.mark.parametrize("content_type", ["audio/wav", FORM])
def test_a_body_that_does_not_come_is_given_up(content_type):
    slow = refusal(request(b"--b", content_type=content_type, end={}), limits=Limits(timeout=0.02))
    assert (slow.status, slow.code) == (408, "slow") and "0.02 s" in str(slow)


@pytest.mark.parametrize("content_type", ["audio/wav", FORM])
def test_a_client_that_goes_away_is_told_so(content_type):
    gone = refusal(request(b"--b", content_type=content_type, end={"type": "http.disconnect"}))
    assert (gone.status, gone.code) == (400, "gone")


@pytest.mark.parametrize("part", ["file", "files"])
def test_without_a_recording_the_part_is_named(part):
    for one in (request(), request(form(("other", b"x", True)), content_type=FORM)):
        missing = refusal(one, part)
        assert (missing.status, missing.code) == (400, "form") and f"as the part {part} of a form" in str(missing)


FILE = form(("file", b"RIFF", True))


@pytest.mark.parametrize(
    ("content", "content_type", "said"),
    [
        (FILE, "multipart/form-data", "Missing boundary"),
        (FILE, "multipart/form-data; boundary=", "Invalid multipart data"),
        (b"no form", FORM, "Invalid multipart data"),
        (FILE.replace(b' name="file";', b""), FORM, '"name" must be provided'),
        (form(*[("files", b"1", True)] * (LIMITS.max_files + 2)), FORM, "Too many files"),
        (form(*[("name", b"1", False)] * (PARTS + 1)), FORM, "Too many fields"),
    ],
    ids=["no boundary", "an empty boundary", "no form", "no name", "too many files", "too many fields"],
)
def test_what_is_no_form_is_refused_with_the_reason(content, content_type, said):
    wrong = refusal(request(content, content_type=content_type), "files")
    assert (wrong.status, wrong.code) == (400, "form") and said in str(wrong)
