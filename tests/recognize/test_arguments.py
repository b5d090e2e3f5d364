"""Every public argument is refused in one way: a line of `TembrError` that names it."""

from __future__ import annotations

import inspect
import io
import itertools
import math

import numpy as np
import pytest
from tests.recognize.fake_bundle import RATE, tone

import tembr
from tembr import audio
from tembr.arguments import checked, number, optional
from tembr.errors import ConfigError, TembrError
from tembr.experiment import Study
from tembr.features import extract, extract_many

CLIP = (tone("fear"), RATE)
PUBLIC = {
    "load": tembr.load,
    **{f"Recognizer.{n}": f for n, f in vars(tembr.Recognizer).items() if inspect.isfunction(f) and n[0] != "_"},
    "Recognizer": tembr.Recognizer.__init__,
    "held_to": tembr.Prediction.held_to,
    "read": audio.read,
    "inspect": audio.inspect,
    "Stream": audio.Stream.__init__,
    "extract": extract,
    "extract_many": extract_many,
    "Study.read": Study.read,
    "Study.predictions": Study.predictions,
    "Study.history": Study.history,
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_argument_of_a_public_function_has_a_rule(name):
    assert set(PUBLIC[name].rules) == set(inspect.signature(PUBLIC[name]).parameters) - {"self"}


NO_SECONDS = (math.nan, math.inf, -1, "1", True, np.float32("nan"))
NO_PROBABILITY = (-0.1, 1.1, math.nan, "high", None)
NO_COVERAGE = (0.49, 1.0, math.nan, "high", True)
NO_THREADS = (-1, 0, 1.5, "2", True, math.nan, math.inf)
NO_FLAG = (1, "yes", None)
NO_CHANNEL = (0, -1, 1.0, "middle", True, None)
ONE_RECORDING = ("a.wav", b"RIFF", io.BytesIO(), CLIP, tone("fear"), 3, None)
WRONG = {
    "predict": {
        "start": NO_SECONDS,
        "end": NO_SECONDS,
        "check_speech": NO_FLAG,
        "coverage": NO_COVERAGE,
        "min_confidence": NO_PROBABILITY,
        "channel": NO_CHANNEL,
    },
    "segments": {
        "channel": NO_CHANNEL,
        "hop": (0, -1, 1e-9, math.nan, math.inf, "1"),
        "smoothing": (-1, math.nan, math.inf, "1"),
        "speech_only": NO_FLAG,
        "min_confidence": NO_PROBABILITY,
    },
    "predict_batch": {
        "sources": ONE_RECORDING,
        "threads": NO_THREADS,
        "on_error": ("x", None, 1),
        "progress": (3,),
        "check_speech": NO_FLAG,
        "coverage": NO_COVERAGE,
        "min_confidence": NO_PROBABILITY,
        "channel": NO_CHANNEL,
    },
    "predict_iter": {"sources": ONE_RECORDING, "threads": NO_THREADS, "on_error": ("x",), "check_speech": NO_FLAG},
    "adapt": {
        "recordings": (3, None),
        "threads": NO_THREADS,
        "on_warning": ("loudly",),
        "channel": (*NO_CHANNEL, "each"),
    },
    "for_speaker": {"speaker": (3, None, b"x")},
}
GIVEN = {
    "predict": {"source": CLIP},
    "segments": {"source": CLIP},
    "predict_batch": {"sources": [CLIP]},
    "predict_iter": {"sources": [CLIP]},
    "adapt": {"recordings": [CLIP]},
}
CASES = [(method, name, value) for method in WRONG for name in WRONG[method] for value in WRONG[method][name]]


@pytest.mark.parametrize(("method", "name", "value"), CASES, ids=lambda value: str(value)[:20])
def test_a_method_refuses_what_an_argument_cannot_be(recognizer, method, name, value):
    given = GIVEN.get(method, {})
    with pytest.raises(ConfigError, match=rf"^{name}\b.*: give ") as error:
        getattr(recognizer, method)(**given | {name: value})
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: tembr.load(3), "path"),
        (lambda: tembr.load(threads=-1), "threads"),
        (lambda: tembr.load(variant=3), "variant"),
        (lambda: tembr.load(speaker=3), "speaker"),
        (lambda: tembr.Recognizer("bundle"), "network"),
        (lambda: audio.read(CLIP, 16_000.5), "sample_rate"),
        (lambda: audio.read(CLIP, 0), "sample_rate"),
        (lambda: audio.read(CLIP, start=-1), "start"),
        (lambda: audio.read(CLIP, end=math.inf), "end"),
        (lambda: audio.read(CLIP, start=1, end=1), "end"),
        (lambda: audio.read(CLIP, channel="each"), "channel"),
        (lambda: extract(np.zeros((1, 9)), "fast"), "sample_rate"),
        (lambda: extract(np.zeros((1, 9)), representation=3), "representation"),
        (lambda: extract(np.zeros((1, 9)), settings={}), "settings"),
        (lambda: extract("waveforms"), "waveforms"),
        (lambda: extract(None), "waveforms"),
        (lambda: extract_many(np.zeros((1, 9)), "mfcc"), "representations"),
        (lambda: Study.read(3), "folder"),
        (lambda: tembr.load(10**6000), "path"),
    ],
)
def test_a_function_refuses_what_an_argument_cannot_be(call, name):
    with pytest.raises(TembrError, match=rf"^{name}\b.*give "):
        call()


def test_numbers_of_numpy_are_numbers(recognizer):
    answer = recognizer.predict(CLIP, start=np.float32(0.5), end=np.int64(1), min_confidence=np.float64(0.2))
    assert (answer.start, answer.end) == (0.5, 1.0)
    assert recognizer.predict_batch((CLIP for _ in range(2)), threads=np.int64(2))[1].label == "fear"


def test_a_start_behind_the_end_is_told_with_the_length(recognizer):
    with pytest.raises(TembrError, match="ends at 2 s, before the start asked for, 5 s"):
        recognizer.predict(CLIP, start=5)


def test_arguments_are_refused_before_anything_is_taken(recognizer):
    taken = itertools.count()
    with pytest.raises(ConfigError, match="on_error 'stop'"):
        recognizer.predict_iter((CLIP for _ in taken), on_error="stop")
    assert next(taken) == 0


def test_what_fits_no_signature_is_pythons_to_say(recognizer):
    with pytest.raises(TypeError, match="unexpected keyword argument 'treads'"):
        recognizer.predict(CLIP, treads=3)


def test_an_argument_without_a_rule_is_found_when_it_is_written():
    with pytest.raises(KeyError, match="colour"):

        @checked()
        def paint(colour):
            pass


def test_a_rule_says_what_it_wants():
    with pytest.raises(ConfigError, match=r"^gain 11: give a number from 0 to 10, or None$"):
        optional(number(0, 10)).check("gain", 11)
