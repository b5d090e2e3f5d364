"""The description of a service: its example is an answer, and every refusal is described."""

from __future__ import annotations

import pytest

from tembr.emotions import EMOTIONS
from tembr.recognize.prediction import Prediction
from tembr.serve.schemas import EXAMPLE, Answer, Problems, problems


def test_the_example_is_an_answer_that_a_recognizer_could_give():
    likeliest = max(EXAMPLE["probabilities"], key=EXAMPLE["probabilities"].get)
    assert (EXAMPLE["label"], EXAMPLE["likeliest"], set(EXAMPLE["probabilities"])) == (
        likeliest,
        likeliest,
        set(EMOTIONS),
    )
    assert EXAMPLE["confidence"] == EXAMPLE["probabilities"][likeliest]
    assert sum(EXAMPLE["probabilities"].values()) == pytest.approx(1)
    assert Answer(**EXAMPLE).model_dump(exclude_unset=True) == EXAMPLE


@pytest.mark.parametrize(
    "changes", [{}, {"channel": 2, "possible": ("fear", "anger")}, {"label": None, "likeliest": None}]
)
def test_all_that_a_prediction_says_is_in_an_answer(changes):
    given = {"label": "fear", "likeliest": "fear", "warnings": ("clipped: loud",)} | changes
    content = Prediction(confidence=0.75, probabilities={"anger": 0.25, "fear": 0.75}, start=0.0, end=1.0, **given)
    content = content.as_dict()
    del content["file"]
    assert Answer(**content).model_dump(exclude_unset=True) == content


def test_every_route_may_refuse_a_client_and_fail():
    assert list(problems()) == [401, 403, 500]
    assert list(problems(503, 400, 401)) == [400, 401, 403, 500, 503]
    assert all(one["model"] is Problems and one["description"] for one in problems(400, 408, 413, 422, 429).values())
