"""Mutated audio files: an answer or an AudioError, never anything else."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, tone

from tembr.errors import AudioError

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


def encoded(form: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.stack([tone("fear", 0.5), tone("anger", 0.5)], axis=1), RATE, **FORMS[form])
    return file.getvalue()


@st.composite
def mutated(draw) -> bytes:
    """A small recording with a few bytes flipped, fields overwritten, pieces cut out or put in."""
    content = bytearray(CONTENTS[draw(st.sampled_from(sorted(CONTENTS)))])
    for _ in range(draw(st.integers(1, 4))):
        end = draw(st.sampled_from([min(HEADER, len(content)), len(content)]))
        at = draw(st.integers(0, max(0, end - 1)))
        match draw(st.sampled_from(["flip", "field", "cut", "insert", "end"])):
            case "flip" if content:
                content[at] ^= 1 << draw(st.integers(0, 7))
            case "field":
                content[at : at + 4] = struct.pack("<I", draw(st.sampled_from(EDGES)))
            case "cut":
                del content[at : at + draw(st.integers(1, 200))]
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=40))
            case "end":
                del content[at:]
    return bytes(content)


CONTENTS = {form: encoded(form) for form in FORMS}
QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@settings(QUICK, max_examples=600)
@given(content=mutated())
def test_a_mutated_recording_is_answered_or_refused(recognizer, content):
    try:
        answer = recognizer.predict(content)
    except AudioError as error:
        assert "\n" not in str(error)
    else:
        assert answer.label in (None, *recognizer.labels)
        assert all(0 <= value <= 1 for value in answer.probabilities.values())


@settings(QUICK, max_examples=60)
@given(contents=st.lists(mutated(), min_size=1, max_size=3))
def test_mutated_files_on_the_command_line_never_show_a_traceback(bundle, tmp_path_factory, capsys, contents):
    folder = tmp_path_factory.mktemp("fuzz")
    for number, content in enumerate(contents):
        (folder / f"{number}.wav").write_bytes(content)
    done = tembr_here(capsys, "predict", str(folder), "--bundle", str(bundle), "--format", "json")
    answers, complaints = done.out.splitlines(), [line for line in done.err.splitlines() if line.startswith("tembr: ")]
    assert all(json.loads(answer)["file"] for answer in answers)
    assert len(answers) + len(complaints) == len(contents)
    assert done.status == (1 if complaints else 0) and "Traceback" not in done.err


@pytest.mark.parametrize("form", sorted(FORMS))
def test_unharmed_they_are_heard(recognizer, form):
    assert recognizer.predict(CONTENTS[form]).label
