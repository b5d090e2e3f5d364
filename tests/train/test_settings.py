"""How a network is trained: defaults that depend on each other, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tembr.train.settings import TrainSettings


@pytest.mark.parametrize(("schedule", "waits"), [("plateau", 7), ("cosine", 50)])
def test_a_cosine_is_not_stopped_early(schedule, waits):
    assert TrainSettings(schedule=schedule).waits == waits


@pytest.mark.parametrize(("given", "precision"), [(32, "32"), (16, "16"), ("bf16", "bf16")])
def test_a_precision_may_be_a_number(given, precision):
    assert TrainSettings(precision=given).precision == precision


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("precision", 64),
        ("epochs", 0),
        ("batch_size", 1),
        ("learning_rate", 0),
        ("dropout", 1),
        ("label_smoothing", 1),
        ("mixstyle", 1.1),
        ("mixup", -0.1),
        ("cutmix", 11),
        ("generated", -0.1),
        ("generated", 11),
        ("vae", {"latent": 0}),
        ("vae", {"beta": -1}),
        ("vae", {"layers": 3}),
        ("plateau_factor", 1),
        ("patience", 0),
        ("device", "tpu"),
        ("rate", 1),
    ],
)
def test_a_value_that_cannot_be_trained_with_is_refused(name, value):
    with pytest.raises(ValidationError, match=name):
        TrainSettings(**{name: value})
