"""Messages of a socket: what a client may say, what is said to it where it may not, and how samples are coded."""

from __future__ import annotations

import inspect
import json
from io import BytesIO

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tembr.recognize.recognizer import Recognizer
from tembr.recognize.speaker import Origin, Speaker, SpeakerError
from tembr.serve.errors import Refusal
from tembr.serve.protocol import Finish, Ping, Resume, Start, decoded, first, later

ANNA = Speaker("anna", Origin("polish", "1", "0"), 12, (0.5, -0.5))
CODES = bytes(range(256))


def start(**fields) -> Start:
    return first(json.dumps({"type": "start", "sample_rate": 16_000} | fields))


def test_messages_are_told_by_their_type():
    assert start() == Start(type="start", sample_rate=16_000)
    assert first('{"type": "resume", "session": "x"}') == Resume(type="resume", session="x", received=0)
    assert later('{"type": "finish"}') == Finish(type="finish") and later('{"type": "ping"}') == Ping(type="ping")


def test_options_and_their_defaults_are_those_of_a_stream():
    wanted = inspect.signature(Recognizer.stream).parameters
    defaults = {name: one.default for name, one in wanted.items() if name not in ("self", "sample_rate", "channel")}
    assert start().options == {"sample_rate": 16_000} | defaults
    changed = {"hop": 1.0, "lag": 0.0, "smoothing": 0.0, "window": 2.0, "min_confidence": 0.5, "speech_only": False}
    assert start(**changed).options == {"sample_rate": 16_000} | changed


@pytest.mark.parametrize(
    ("name", "least", "most", "step"),
    [
        ("sample_rate", 1_000, 768_000, 1),
        ("channels", 1, 8, 1),
        ("hop", 0.1, 600, 1e-6),
        ("lag", 0, 600, 1e-6),
        ("smoothing", 0, 1_000, 1e-6),
        ("window", 0.5, 30, 1e-6),
        ("min_confidence", 0, 1, 1e-6),
    ],
)
def test_numbers_reach_from_the_least_to_the_most(name, least, most, step):
    for value in (least, most):
        assert getattr(start(**{"hop": 1} | {name: value, **({"window": 0.5} if name == "hop" else {})}), name) == value
    for value in (least - step, most + step, float("nan"), float("inf"), "many", None):
        with pytest.raises(Refusal, match=f"^not a message start or resume: start.{name}: "):
            start(**{name: value})


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (first, "hello", "not a message start or resume: JSON: Invalid JSON"),
        (first, "", "JSON: Invalid JSON"),
        (first, "[]", "start or resume: JSON: "),
        (first, '{"type": "finish"}', "'start', 'resume'"),
        (first, '{"sample_rate": 16000}', "Unable to extract tag"),
        (first, '{"type": "start"}', "start.sample_rate: Field required"),
        (
            first,
            '{"type": "start", "sample_rate": 16000, "encoding": "mp3"}',
            "start.encoding: Input should be 's16le'",
        ),
        (first, '{"type": "start", "sample_rate": 16000, "channel": 1}', "start.channel: Extra inputs"),
        (first, '{"type": "resume"}', "resume.session: Field required"),
        (first, '{"type": "resume", "session": "x", "received": -1}', "resume.received: Input should be greater"),
        (first, json.dumps({"type": "resume", "session": 101 * "x"}), "resume.session: String should have at most 100"),
        (later, '{"type": "start", "sample_rate": 16000}', "not a message finish or ping: JSON: .*'finish', 'ping'"),
        (later, '{"type": "finish", "now": true}', "finish.now: Extra inputs"),
    ],
)
def test_what_is_no_message_is_one_line_that_names_the_field(read, text, said):
    with pytest.raises(Refusal, match=said) as error:
        read(text)
    assert (error.value.status, error.value.code) == (400, "protocol") and "\n" not in str(error.value)


def test_a_key_in_a_wrong_message_is_not_repeated():
    with pytest.raises(Refusal) as error:
        start(key="my-secret", hop=-1)
    assert "my-secret" not in str(error.value)


def test_a_speaker_is_the_one_that_was_enrolled():
    assert start().enrolled is None
    assert start(speaker=ANNA.as_dict()).enrolled == ANNA
    with pytest.raises(SpeakerError, match="^speaker: not a speaker's file"):
        start(speaker={}).enrolled  # noqa: B018


def test_whole_numbers_are_little_endian_and_floats_are_as_they_come():
    found = decoded("s16le", 1, b"\x01\x00\x00\x80\xff\x7f")
    assert (found.dtype, found.tolist()) == (np.int16, [[1], [-32_768], [32_767]])
    found = decoded("f32le", 1, b"\x00\x00\x80\x3f\x00\x00\x00\xbf")
    assert (found.dtype, found.tolist()) == (np.float32, [[1.0], [-0.5]])


def test_mu_law_is_silent_in_two_codes_and_loudest_in_two():
    values = decoded("mulaw", 1, b"\xff\x7f\x80\x00")[:, 0] * 32_768
    assert values.tolist() == [0, 0, 32_124, -32_124]


def test_mu_law_is_that_of_the_telephone():
    header = b".snd" + b"".join(number.to_bytes(4, "big") for number in (24, 256, 1, 8_000, 1))
    theirs, _ = soundfile.read(BytesIO(header + CODES), dtype="float32")
    np.testing.assert_array_equal(decoded("mulaw", 1, CODES)[:, 0], theirs)


@settings(deadline=None)
@given(st.sampled_from(["s16le", "mulaw", "f32le"]), st.integers(1, 8), st.integers(0, 20), st.integers(0, 20))
def test_channels_lie_side_by_side_and_messages_end_to_end(encoding, channels, here, there):
    size = channels * {"s16le": 2, "mulaw": 1, "f32le": 4}[encoding]
    content = np.random.default_rng(here).bytes(size * (here + there))
    whole = start(encoding=encoding, channels=channels).decode(content)
    assert whole.shape == (here + there, channels)
    parts = [decoded(encoding, channels, part) for part in (content[: size * here], content[size * here :])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    np.testing.assert_array_equal(whole.reshape(-1), decoded(encoding, 1, content)[:, 0])


@pytest.mark.parametrize(
    ("encoding", "channels", "size"), [("s16le", 1, 3), ("s16le", 2, 6), ("f32le", 1, 2), ("mulaw", 3, 4)]
)
def test_half_a_sample_is_refused(encoding, channels, size):
    with pytest.raises(Refusal, match=f"^{size} bytes are no whole samples of {channels} × {encoding}$") as error:
        decoded(encoding, channels, bytes(size))
    assert error.value.code == "protocol"


@pytest.mark.parametrize(
    ("window", "hop", "taken"), [(3, 0.1, True), (30, 1, True), (30, 0.9, False), (30, 0.1, False)]
)
def test_no_moment_lies_in_too_many_windows(window, hop, taken):
    if taken:
        assert start(window=window, hop=hop).hop == hop
        return
    with pytest.raises(Refusal, match="at most 30 times the hop here; take a larger hop"):
        start(window=window, hop=hop)
