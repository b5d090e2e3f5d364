"""Mutated audio files: an answer or an AudioError, never anything else."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from bench.mutations import FORMS, encoded, mutate, mutate_json
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.command import tembr_here
from tests.recognize.fake_bundle import RATE, tone

from tembr.errors import AudioError, TembrError
from tembr.recognize import load

CONTENTS = {form: encoded(np.stack([tone("fear", 0.5), tone("anger", 0.5)], axis=1), RATE, form) for form in FORMS}
OTHERS = list(CONTENTS.values())


@st.composite
def mutated(draw) -> bytes:
    """A small recording with a few bytes flipped, fields overwritten, pieces cut out, put in or of another format."""
    return mutate(CONTENTS[draw(st.sampled_from(sorted(CONTENTS)))], draw(st.randoms(use_true_random=False)), OTHERS)


QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@settings(QUICK, max_examples=300)
@given(content=mutated())
def test_a_mutated_recording_is_answered_or_refused(recognizer, content):
    try:
        answer = recognizer.predict(content)
    except AudioError as error:
        assert "\n" not in str(error)
    else:
        assert answer.label in (None, *recognizer.labels)
        assert all(0 <= value <= 1 for value in answer.probabilities.values())


@settings(QUICK, max_examples=20)
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


@settings(QUICK, max_examples=40)
@given(random=st.randoms(use_true_random=False))
def test_a_bundle_with_mutated_facts_is_opened_or_refused(bundle, tmp_path_factory, random):
    folder = shutil.copytree(bundle, tmp_path_factory.mktemp("mutated") / "bundle")
    (folder / "bundle.json").write_bytes(mutate_json((bundle / "bundle.json").read_bytes(), random))
    try:
        load(folder).predict((tone("fear"), RATE))
    except TembrError as error:
        assert "\n" not in str(error)
